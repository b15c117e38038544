package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

var (
	// ErrBusy means that an event may be accepted if it is tried again.
	ErrBusy = errors.New("too many events wait already")
	// ErrNotServing means that an instance is not ready, or not any more.
	ErrNotServing = errors.New("the instance does not serve")
	// ErrUnknownClient means that no client of an instance has an id that was asked for.
	ErrUnknownClient = errors.New("no such client")
)

// Traffic is what an operator asks of the events and the clients of one instance, by its exact name. Errors may wrap [ErrUnknown], [ErrNotServing]
// and those that are named below; others say what is wrong with the request.
type Traffic interface {
	// Emit hands an event to the rules and waits until it has its place in the order, and with Wait for acknowledgements. [ErrBusy].
	Emit(ctx context.Context, e EmitRequest) (Emitted, error)
	// Tail calls send with the traffic of the instances that the patterns mean, also of those that come later, until ctx ends, the fleet does, or
	// send fails, whose error it returns. What send is too slow for is lost, and told.
	Tail(ctx context.Context, t TailRequest, send func(TailLine) error) error
	Rooms(ctx context.Context, r InstanceRequest) (RoomList, error)
	Clients(ctx context.Context, r InstanceRequest) (ClientList, error)
	// Kick puts a client out and closes its connection. [ErrUnknownClient].
	Kick(ctx context.Context, k KickRequest) (struct{}, error)
	// History returns the next part of the history; [HistoryPage.Next] leads to the one after it.
	History(ctx context.Context, h HistoryRequest) (HistoryPage, error)
	Letters(ctx context.Context, r RetryRequest) (LetterList, error)
	// Flush sends what is unacknowledged again; with Dead it publishes dead letters anew.
	Flush(ctx context.Context, r RetryRequest) (Retried, error)
	// Drop forgets dead letters, and with Pending what is unacknowledged.
	Drop(ctx context.Context, r RetryRequest) (Retried, error)
}

// InstanceRequest names an instance.
type InstanceRequest struct {
	Instance string `json:"instance"`
}

// EmitRequest is an event of an operator.
type EmitRequest struct {
	Instance  string          `json:"instance"`
	Namespace string          `json:"namespace,omitempty"` // "" = /
	Event     string          `json:"event"`
	Args      json.RawMessage `json:"args,omitempty"` // a JSON array
	Rooms     []string        `json:"rooms,omitempty"`
	Except    []string        `json:"except,omitempty"`
	Binary    bool            `json:"binary,omitempty"` // {"$binary":"<base64>"} stands for bytes
	Ack       bool            `json:"ack,omitempty"`    // ask for acknowledgements, whatever the rule says
	WaitMS    int64           `json:"wait_ms,omitempty"`
}

// Emitted is what became of an [EmitRequest]. Its JSON form is a public contract.
type Emitted struct {
	ID         string `json:"id"` // <epoch>-<seq>; "" if nothing was published
	Seq        uint64 `json:"seq"`
	Namespace  string `json:"namespace"`
	Recipients int    `json:"recipients"`
	Dropped    string `json:"dropped,omitempty"` // why a rule dropped it
	Acked      int    `json:"acked"`             // with a wait: how many clients have acknowledged it,
	Awaited    int    `json:"awaited"`           // of how many
}

// TailRequest says which traffic is shown.
type TailRequest struct {
	Names     []string `json:"names,omitempty"` // names or globs; none = all
	Event     string   `json:"event,omitempty"` // a glob
	Namespace string   `json:"namespace,omitempty"`
	Room      string   `json:"room,omitempty"`
	In        bool     `json:"in,omitempty"` // only what comes in
	Out       bool     `json:"out,omitempty"`
}

// The directions of a [TailLine].
const (
	In  = "in"
	Out = "out"
)

// TailLine is one event, or tells that some were lost. Its JSON form is a public contract.
type TailLine struct {
	Time      time.Time       `json:"time"`
	Instance  string          `json:"instance,omitempty"`
	Dir       string          `json:"dir,omitempty"` // in or out; "" with Lost alone
	Namespace string          `json:"namespace,omitempty"`
	Event     string          `json:"event,omitempty"`
	Args      json.RawMessage `json:"args,omitempty"`
	Rooms     []string        `json:"rooms,omitempty"`
	Except    []string        `json:"except,omitempty"`
	From      string          `json:"from,omitempty"` // in: client, http or server
	SID       string          `json:"sid,omitempty"`
	Rule      string          `json:"rule,omitempty"`
	Dropped   string          `json:"dropped,omitempty"`
	ID        string          `json:"id,omitempty"`
	Seq       uint64          `json:"seq,omitempty"`
	Lost      uint64          `json:"lost,omitempty"` // events that are not shown, before this one
}

// RoomList is the rooms of an instance, the largest first.
type RoomList struct {
	Rooms []Room `json:"rooms"`
	More  int    `json:"more"` // smaller ones that are not listed
}

// Room is a room with at least one client.
type Room struct {
	Room      string `json:"room"`
	Namespace string `json:"namespace"`
	Clients   int    `json:"clients"`
}

// ClientList is the clients of an instance, those that have been there longest first.
type ClientList struct {
	Clients []ClientInfo `json:"clients"`
	More    int          `json:"more"` // younger ones that are not listed
}

// ClientInfo is one client in one namespace.
type ClientInfo struct {
	SID       string    `json:"sid"`
	Namespace string    `json:"namespace"`
	Transport string    `json:"transport"`
	Address   string    `json:"address"`
	Since     time.Time `json:"since"`
	Rooms     []string  `json:"rooms"`
	Queued    int       `json:"queued_bytes"`
	ClientID  string    `json:"client_id,omitempty"`
	Subject   string    `json:"sub,omitempty"`
}

// KickRequest names a client.
type KickRequest struct {
	Instance string `json:"instance"`
	SID      string `json:"sid"`
}

// HistoryRequest says where the history is read from: after Since, else what is not older than AgeMS, else the Last events.
type HistoryRequest struct {
	Instance  string `json:"instance"`
	Namespace string `json:"namespace,omitempty"` // "" = /
	Since     string `json:"since,omitempty"`     // an id or a seq
	AgeMS     int64  `json:"age_ms,omitempty"`
	Last      int    `json:"last,omitempty"`
}

// HistoryPage is a part of the history, oldest first.
type HistoryPage struct {
	Events []PastEvent `json:"events"`
	Gap    *Gap        `json:"gap"` // what is gone before the first of them
	Epoch  string      `json:"epoch"`
	Next   string      `json:"next,omitempty"` // the Since of the next part; "" = there is none
}

// PastEvent is an event that was published. It has the form that it has over HTTP.
type PastEvent struct {
	ID        string          `json:"id"`
	Seq       uint64          `json:"seq"`
	Event     string          `json:"event"`
	Args      json.RawMessage `json:"args"`
	Namespace string          `json:"namespace"`
	Room      []string        `json:"room"` // null = everyone
	At        time.Time       `json:"at"`
}

// Gap is a range of events, both ends included, that cannot be given any more.
type Gap struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// RetryRequest names the events of an instance that are not acknowledged.
type RetryRequest struct {
	Instance  string `json:"instance"`
	Namespace string `json:"namespace,omitempty"` // "" = all
	Dead      bool   `json:"dead,omitempty"`
	Pending   bool   `json:"pending,omitempty"`
}

// LetterList is what clients have not acknowledged. Its JSON form is a public contract.
type LetterList struct {
	Pending []Letter `json:"pending"`
	Dead    []Letter `json:"dead"`
}

// Letter is an event that one client has not acknowledged.
type Letter struct {
	Seq       uint64            `json:"seq"`
	Event     string            `json:"event"`
	Args      []json.RawMessage `json:"args"`
	Namespace string            `json:"namespace"`
	Client    string            `json:"client"`
	Attempts  int               `json:"attempts"`
	Reason    string            `json:"reason"` // "" while it is pending
	Time      time.Time         `json:"time"`   // when it was published
}

// Retried counts pairs of event and client.
type Retried struct {
	Pending int `json:"pending"` // sent again, or given up
	Dead    int `json:"dead"`    // published anew, or forgotten
	Away    int `json:"away"`    // dead letters that stay because their client is not there
	Failed  int `json:"failed"`  // dead letters that stay because they were refused
}

// maxEvent bounds the body of a request with an event, in bytes: what an instance takes over HTTP at most, and some more for what is around it.
const maxEvent = 17 << 20

func routeTraffic(mux *http.ServeMux, b Traffic) {
	mux.Handle("POST /v1/emit", answering(maxEvent, b.Emit))
	mux.Handle("POST /v1/rooms", answering(maxRequest, b.Rooms))
	mux.Handle("POST /v1/clients", answering(maxRequest, b.Clients))
	mux.Handle("POST /v1/kick", answering(maxRequest, b.Kick))
	mux.Handle("POST /v1/history", answering(maxRequest, b.History))
	mux.Handle("POST /v1/retry/list", answering(maxRequest, b.Letters))
	mux.Handle("POST /v1/retry/flush", answering(maxRequest, b.Flush))
	mux.Handle("POST /v1/retry/drop", answering(maxRequest, b.Drop))
	mux.Handle("POST /v1/tail", tailing(b))
}

// answering is an endpoint for one call of a [Traffic].
func answering[In, Out any](limit int64, do func(context.Context, In) (Out, error)) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		var in In
		if err := readUpTo(w, r, &in, limit); err != nil {
			return err
		}
		out, err := do(r.Context(), in)
		if err != nil {
			return trafficRefusal(err)
		}
		return writeJSON(w, http.StatusOK, out)
	}
}

// The codes of the errors that a client tells apart, besides codeUnknown.
const (
	codeBusy          = "busy"
	codeNotServing    = "not_serving"
	codeUnknownClient = "unknown_client"
)

func trafficRefusal(err error) error {
	switch {
	case errors.Is(err, ErrBusy):
		return &httpError{status: http.StatusServiceUnavailable, message: err.Error(), code: codeBusy}
	case errors.Is(err, ErrNotServing):
		return &httpError{status: http.StatusConflict, message: err.Error(), code: codeNotServing}
	case errors.Is(err, ErrUnknownClient):
		return &httpError{status: http.StatusNotFound, message: err.Error(), code: codeUnknownClient}
	}
	return refusal(err)
}

// sentinel is the error that a code stands for, or nil.
func sentinel(code string) error {
	switch code {
	case codeUnknown:
		return ErrUnknown
	case codeBusy:
		return ErrBusy
	case codeNotServing:
		return ErrNotServing
	case codeUnknownClient:
		return ErrUnknownClient
	}
	return nil
}
