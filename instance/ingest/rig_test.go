package ingest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/sockd/sockd/instance/ingest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a handler with everything around it faked.
type rig struct {
	*ingest.Handler
	mu      sync.Mutex
	events  []ingest.Event
	verdict func(n int, e *ingest.Event) error // nil = all are accepted
	hold    bool                               // results wait for settle
	quiet   bool                               // events are only counted
	count   int
	held    []func()
	parked  int
	refuse  error // of Stream
	streams []*stream
	left    []func(error)
	kept    []ingest.Record
	gap     *ingest.Gap
	asked   string // after, of the last Watch
	live    map[int]func(*ingest.Record)
	watches int
}

func newRig(t testing.TB, o ingest.Options) *rig {
	t.Helper()
	g := &rig{live: make(map[int]func(*ingest.Record))}
	h, err := ingest.New(o, g, g.publish, g)
	if err != nil {
		t.Fatal(err)
	}
	g.Handler = h
	return g
}

func (g *rig) publish(e *ingest.Event, done func(ingest.Result, error)) {
	g.mu.Lock()
	n := g.count
	g.count++
	if !g.quiet {
		g.events = append(g.events, *e)
	}
	verdict, hold := g.verdict, g.hold
	g.mu.Unlock()
	var err error
	if verdict != nil {
		err = verdict(n, e)
	}
	r := ingest.Result{ID: "ep-" + strconv.Itoa(n+1), Seq: uint64(n + 1), Namespace: e.Namespace, Recipients: 3, Acked: 1, Awaited: 2}
	if e.Name == "drop" {
		r = ingest.Result{Namespace: e.Namespace, Dropped: "rule"}
	}
	if !hold {
		done(r, err)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = append(g.held, func() { done(r, err) })
}

// settle gives the results that were held back, the last one first.
func (g *rig) settle() {
	g.mu.Lock()
	held := g.held
	g.held = nil
	g.mu.Unlock()
	for i := len(held) - 1; i >= 0; i-- {
		held[i]()
	}
}

func (g *rig) names() (names []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.events {
		names = append(names, e.Name)
	}
	return names
}

func (g *rig) Park(w http.ResponseWriter, _ *http.Request, gone func(error)) (func(int, http.Header, []byte) error, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.parked++
	g.left = append(g.left, gone)
	return func(status int, h http.Header, body []byte) error {
		for name, v := range h {
			w.Header()[name] = v
		}
		w.WriteHeader(status)
		_, err := w.Write(body)
		return err
	}, nil
}

// stream is a reader, and what it has got.
type stream struct {
	mu     sync.Mutex
	head   http.Header
	text   []byte
	slow   bool
	closed bool
	gone   func(error)
}

func (g *rig) Stream(w http.ResponseWriter, _ *http.Request, gone func(error)) (ingest.Stream, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refuse != nil {
		return nil, g.refuse
	}
	s := &stream{head: w.Header().Clone(), gone: gone}
	g.streams = append(g.streams, s)
	return s, nil
}

func (s *stream) Write(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slow {
		return ingest.ErrSlow
	}
	s.text = append(s.text, p...)
	return nil
}

func (s *stream) Buffered() int { return 0 }

func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// read takes what has come.
func (s *stream) read() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(s.text)
	s.text = nil
	return text
}

func (s *stream) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (g *rig) Since(_, id string, limit int) ([]ingest.Record, *ingest.Gap, error) {
	if id == "bad-1" {
		return nil, nil, &ingest.Invalid{Message: "unknown epoch"}
	}
	_, number, ok := strings.Cut(id, "-")
	if !ok {
		number = id
	}
	seq, _ := strconv.Atoi(number)
	from := min(seq, len(g.kept))
	return g.kept[from:min(from+limit, len(g.kept))], g.gap, nil
}

func (g *rig) Watch(ns, after string, f func(*ingest.Record)) (func(), *ingest.Gap, error) {
	g.asked = after
	if after != "" {
		records, _, err := g.Since(ns, after, 1<<20)
		if err != nil {
			return nil, nil, err
		}
		for i := range records {
			f(&records[i])
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.watches++
	n := g.watches
	g.live[n] = f
	return func() { g.mu.Lock(); defer g.mu.Unlock(); delete(g.live, n) }, g.gap, nil
}

// happen gives a record to all watchers.
func (g *rig) happen(r *ingest.Record) {
	g.mu.Lock()
	var all []func(*ingest.Record)
	for _, f := range g.live {
		all = append(all, f)
	}
	g.mu.Unlock()
	for _, f := range all {
		f(r)
	}
}

func record(n int, event string, rooms ...string) ingest.Record {
	return ingest.Record{ID: "ep-" + strconv.Itoa(n), Seq: uint64(n), Namespace: "/", Event: event, Args: json.RawMessage(`[` + strconv.Itoa(n) + `]`), Rooms: rooms}
}

// ask serves a request; fields are header lines.
func (g *rig) ask(method, target, body string, fields ...string) *httptest.ResponseRecorder {
	r := request(method, target, body, fields...)
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

func request(method, target, body string, fields ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func (g *rig) post(body string, fields ...string) *httptest.ResponseRecorder {
	return g.ask(http.MethodPost, "/api/events", body, fields...)
}

// upload gives a body in pieces, as a transport does.
func (g *rig) upload(pieces [][]byte, fields ...string) *httptest.ResponseRecorder {
	r := request(http.MethodPost, "/api/events", "", fields...)
	w := httptest.NewRecorder()
	if take := g.Lines(r); take != nil {
		for i, p := range pieces {
			p = bytes.Clone(p)
			err := take(p, i == len(pieces)-1)
			clear(p) // it is only borrowed
			if err != nil {
				break
			}
		}
	} else {
		body := bytes.Join(pieces, nil)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	g.ServeHTTP(w, r)
	return w
}

const (
	ndjson  = "Content-Type: application/x-ndjson"
	minimal = "Prefer: return=minimal"
	sse     = "Accept: text/event-stream"
)

var errElse = errors.New("something else")

// has checks an answer: its status, and what its body has to contain.
func has(t *testing.T, w *httptest.ResponseRecorder, status int, parts ...string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status: got %d, want %d; body %s", w.Code, status, w.Body)
	}
	for _, p := range parts {
		if !strings.Contains(w.Body.String(), p) {
			t.Errorf("body: got %s, want it to contain %s", w.Body, p)
		}
	}
}
