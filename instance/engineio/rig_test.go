package engineio_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
)

// rig is a server whose sessions echo and take notes.
type rig struct {
	*testing.T
	host   *enginetest.Host
	server *engineio.Server
	client *enginetest.Client

	mu     sync.Mutex
	notes  []*note
	accept func(*note)              // called in Accept
	hold   chan struct{}            // if not nil, the departure of a parked client is told when it is closed
	during func()                   // called once, in the next Park or Upgrade, before it returns
	react  func(*note, string) bool // called for each message; true = no echo
}

// hooks is a host in which things happen while it works.
type hooks struct {
	*enginetest.Host
	r *rig
}

func (h *hooks) call() {
	if f := h.r.during; f != nil {
		h.r.during = nil
		f()
	}
}

func (h *hooks) Park(w http.ResponseWriter, q *http.Request, gone func(error)) (engineio.Reply, error) {
	defer h.call()
	hold := h.r.hold
	return h.Host.Park(w, q, func(err error) {
		if hold != nil {
			<-hold
		}
		gone(err)
	})
}

func (h *hooks) Upgrade(w http.ResponseWriter, q *http.Request, frame func(bool, []byte), gone func(error)) (engineio.Conn, error) {
	defer h.call()
	return h.Host.Upgrade(w, q, frame, gone)
}

// note is what one session saw.
type note struct {
	r      *rig
	socket *engineio.Socket

	mu    sync.Mutex
	inn   int // calls under way
	got   []string
	ended []engineio.Reason
}

func (n *note) Message(p []byte, binary bool) {
	n.enter()
	defer n.exit()
	n.mu.Lock()
	n.got = append(n.got, string(p))
	n.mu.Unlock()
	if n.r.react != nil && n.r.react(n, string(p)) {
		return
	}
	m := engineio.Text(p)
	if binary {
		m = engineio.Binary(p)
	}
	_ = n.socket.Send(m) // a socket that ended meanwhile is what some tests want
}

func (n *note) Close(r engineio.Reason) {
	n.enter()
	defer n.exit()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ended = append(n.ended, r)
}

func (n *note) enter() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.inn++; n.inn > 1 {
		n.r.Error("two calls of one session at one time")
	}
	if len(n.ended) > 0 {
		n.r.Error("a call after Close")
	}
}

func (n *note) exit() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.inn--
}

// messages returns what the session got so far.
func (n *note) messages() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.got)
}

// reasons returns why the session ended: one reason, or none.
func (n *note) reasons() []engineio.Reason {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.ended)
}

// session returns the notes of session i.
func (r *rig) session(i int) *note {
	r.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if i >= len(r.notes) {
		r.Fatalf("only %d sessions", len(r.notes))
	}
	return r.notes[i]
}

// fast are the options of the reference suite.
var fast = engineio.Options{PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond}

// bubble runs f with a running server, in fake time. Afterwards nothing may be left of any session.
func bubble(t *testing.T, o engineio.Options, f func(*rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t}
		r.start(o)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- r.server.Run(ctx) }()
		f(r)
		r.finish()
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Errorf("Run returned %v", err)
		}
	})
}

// start makes the server, which has no running clock yet.
func (r *rig) start(o engineio.Options) {
	r.host = enginetest.NewHost()
	r.server = engineio.NewServer(func(s *engineio.Socket) engineio.Session {
		n := &note{r: r, socket: s}
		r.mu.Lock()
		r.notes = append(r.notes, n)
		r.mu.Unlock()
		if r.accept != nil {
			r.accept(n)
		}
		return n
	}, &hooks{r.host, r}, o)
	r.host.Serve(r.server)
	r.client = r.host.Client()
}

func (r *rig) finish() {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Minute)
	defer cancel()
	if err := r.server.Drain(ctx, 0, engineio.ServerShuttingDown); err != nil {
		r.Errorf("drain: %v, %d sessions left", err, r.server.Len())
	}
	r.pass(time.Minute) // for tombstones and stalled connections
	synctest.Wait()
	if table, clock := engineio.Known(r.server); table != 0 || clock != 0 {
		r.Errorf("left over: %d in the table, %d in the clock", table, clock)
	}
	st := r.server.Stats()
	if st.Open != 0 || st.Polling != 0 || st.Opened != st.Closed {
		r.Errorf("left over: %+v", st)
	}
	if n := r.host.Open(); n != 0 {
		r.Errorf("left over: %d parked requests and websockets", n)
	}
	if err := r.host.Err(); err != nil {
		r.Error(err)
	}
	for i, n := range r.notes {
		if got := n.reasons(); len(got) != 1 {
			r.Errorf("session %d was closed %d times: %q", i, len(got), got)
		}
	}
}

// pass lets fake time pass. What the server does at that very moment may come before or after.
func (r *rig) pass(d time.Duration) { <-time.After(d) }

// handshake begins a polling session.
func (r *rig) handshake() enginetest.Open {
	r.Helper()
	o, err := r.client.Handshake()
	if err != nil {
		r.Fatal(err)
	}
	return o
}

// dial opens a websocket session and takes its open packet.
func (r *rig) dial() *enginetest.Conn {
	r.Helper()
	fresh := *r.client
	fresh.SID = ""
	c, err := fresh.Dial()
	if err != nil {
		r.Fatal(err)
	}
	if _, err := enginetest.ParseOpen(r.recv(c)); err != nil {
		r.Fatal(err)
	}
	return c
}

// upgrade moves the client's session to a websocket.
func (r *rig) upgrade() *enginetest.Conn {
	r.Helper()
	c, err := r.client.Upgrade()
	if err != nil {
		r.Fatal(err)
	}
	return c
}

// probe opens a websocket for the client's session.
func (r *rig) probe() *enginetest.Conn {
	r.Helper()
	c, err := r.client.Dial()
	if err != nil {
		r.Fatal(err)
	}
	return c
}

func (r *rig) send(c *enginetest.Conn, texts ...string) {
	r.Helper()
	for _, s := range texts {
		if err := c.Send(s); err != nil {
			r.Fatalf("send %q: %v", s, err)
		}
	}
}

func (r *rig) recv(c *enginetest.Conn) string {
	r.Helper()
	f, err := c.Recv()
	if err != nil {
		r.Fatal(err)
	}
	return f.Data
}

func (r *rig) wantRecv(c *enginetest.Conn, want ...string) {
	r.Helper()
	for _, w := range want {
		if got := r.recv(c); got != w {
			r.Errorf("received %q, want %q", got, w)
		}
	}
}

// wantClosed expects the websocket to end with a close frame.
func (r *rig) wantClosed(c *enginetest.Conn, code uint16) {
	r.Helper()
	f, err := c.Recv()
	if e, ok := err.(*enginetest.CloseError); !ok || e.Code != code {
		r.Errorf("received %q and %v, want close code %d", f.Data, err, code)
	}
}

func (r *rig) want(got enginetest.Response, status int, body string) {
	r.Helper()
	if got.Status != status || got.Body != body {
		r.Errorf("answer %d %q, want %d %q", got.Status, got.Body, status, body)
	}
}

const (
	unknownSession = `{"code":1,"message":"Session ID unknown"}`
	badRequest     = `{"code":3,"message":"Bad request"}`
)

// wantGone expects the session to be unknown.
func (r *rig) wantGone() {
	r.Helper()
	r.want(r.client.Get(), 400, unknownSession)
}

// wantEnd expects session 0 to have ended for a reason.
func (r *rig) wantEnd(want engineio.Reason) {
	r.Helper()
	if got := r.session(0).reasons(); len(got) != 1 || got[0] != want {
		r.Errorf("ended for %q, want %q", got, want)
	}
}

// wantAlive expects session 0 to go on.
func (r *rig) wantAlive() {
	r.Helper()
	if got := r.session(0).reasons(); len(got) != 0 {
		r.Errorf("ended for %q", got)
	}
}
