package ingest

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Event is what one object of a body asks for.
type Event struct {
	Payload   json.RawMessage // [name, args…], valid JSON and UTF-8, with the white space that it was written with; the event's own
	Name      string
	Namespace string // with its leading slash
	Rooms     []string
	Except    []string
	Wait      time.Duration // how long to wait for acknowledgements before done, at most a minute; 0 = not at all
}

// Result is what became of an event.
type Result struct {
	ID         string // <epoch>-<seq>; "" if it was dropped
	Seq        uint64
	Namespace  string
	Recipients int
	Dropped    string // why a rule dropped it, "" if none did
	Acked      int    // with Wait: how many clients have acknowledged it,
	Awaited    int    // of how many
}

// Publish hands an event over. It never blocks. It calls done exactly once, on any goroutine, perhaps before it returns. The errors that are told
// apart are [ErrBusy], [ErrDegraded] and [*Invalid]; any other is a fault of ours.
type Publish func(e *Event, done func(Result, error))

var (
	// ErrBusy says that a queue is full: 503, and the producer may try again in a second.
	ErrBusy = errors.New("ingest: queue full")
	// ErrDegraded says that events cannot be kept at present, as the disk is full: 503.
	ErrDegraded = errors.New("ingest: events cannot be stored")
	// ErrSlow is returned by [Stream].Write when too much waits for the reader.
	ErrSlow = errors.New("ingest: reader too slow")
)

// Invalid says that an event, or a request, can never succeed: 400.
type Invalid struct{ Message string }

func (e *Invalid) Error() string { return e.Message }

// Record is an event that has happened. It and what it holds do not change.
type Record struct {
	ID        string // <epoch>-<seq>
	Seq       uint64
	Namespace string
	Event     string
	Args      json.RawMessage // a JSON array
	Rooms     []string        // none = it went to everyone
	At        time.Time
}

// Gap is a range of events, both ends included, that cannot be given any more.
type Gap struct{ From, To uint64 }

// Feed is where past and present events come from. An id is <epoch>-<seq> or a bare seq. An [*Invalid] error is answered with 400.
type Feed interface {
	// Since returns up to limit events after id, oldest first; "" = all that are kept. It is called through Options.Work and may read files.
	Since(namespace, id string, limit int) ([]Record, *Gap, error)

	// Watch calls f for what is kept after an id ("" = nothing) and then for each event as it happens: in order, none twice, one at
	// a time, and perhaps before Watch has returned. It is called on a poller and must not block; nor does f. stop may be called at any time, by
	// f too, and does not wait for f; f may be called once more after it.
	Watch(namespace, after string, f func(*Record)) (stop func(), gap *Gap, err error)
}

// Host is what [http.ResponseWriter] cannot do. gone is called, on another goroutine, when the client leaves before the end.
type Host interface {
	// Park lets the answer come after ServeHTTP has returned. reply may be called once, from anywhere, and does not block. Headers that w
	// has go with the answer.
	Park(w http.ResponseWriter, r *http.Request, gone func(error)) (reply func(status int, h http.Header, body []byte) error, err error)

	// Stream answers 200 with the headers that w has and a body without end.
	Stream(w http.ResponseWriter, r *http.Request, gone func(error)) (Stream, error)
}

// Stream is an answer without end.
type Stream interface {
	Write(p []byte) error // never blocks and does not keep p; [ErrSlow] when too much waits, what that is the host says
	Close() error
}
