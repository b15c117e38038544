package socketio_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// notes is a handler that writes down its calls, and checks that they follow its contract.
type notes struct {
	connect   func(*socketio.Socket, json.RawMessage) error
	connected func(*socketio.Socket)
	event     func(*socketio.Socket, *socketio.Event)
	gone      func(*socketio.Socket, engineio.Reason)
	t         testing.TB

	mu    sync.Mutex
	all   []string
	busy  map[*socketio.Socket]bool
	ended map[*socketio.Socket]bool
}

func (n *notes) enter(s *socketio.Socket, format string, args ...any) func() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.busy == nil {
		n.busy, n.ended = map[*socketio.Socket]bool{}, map[*socketio.Socket]bool{}
	}
	if n.busy[s] || n.ended[s] {
		n.t.Errorf("%s: overlapping %v, after Disconnect %v", fmt.Sprintf(format, args...), n.busy[s], n.ended[s])
	}
	n.busy[s] = true
	n.all = append(n.all, fmt.Sprintf(format, args...))
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.busy[s] = false
	}
}

// Connect implements socketio.Handler.
func (n *notes) Connect(s *socketio.Socket, auth json.RawMessage) error {
	defer n.enter(s, "connect %s %s", s.Namespace().Path(), auth)()
	if n.connect != nil {
		return n.connect(s, auth)
	}
	return nil
}

// Connected implements socketio.Handler.
func (n *notes) Connected(s *socketio.Socket) {
	defer n.enter(s, "connected %s", s.Namespace().Path())()
	if n.connected != nil {
		n.connected(s)
	}
}

// Event implements socketio.Handler.
func (n *notes) Event(s *socketio.Socket, e *socketio.Event) {
	defer n.enter(s, "event %s %s", s.Namespace().Path(), e.JSON())()
	if n.event != nil {
		n.event(s, e)
	}
}

// Disconnect implements socketio.Handler.
func (n *notes) Disconnect(s *socketio.Socket, r engineio.Reason) {
	defer n.enter(s, "disconnect %s: %s", s.Namespace().Path(), r)()
	if n.gone != nil {
		n.gone(s, r)
	}
	n.mu.Lock()
	n.ended[s] = true
	n.mu.Unlock()
}

// want checks the calls since the last look.
func (n *notes) want(want ...string) {
	n.t.Helper()
	n.mu.Lock()
	got := n.all
	n.all = nil
	n.mu.Unlock()
	if !slices.Equal(got, want) {
		n.t.Errorf("calls\n got %q\nwant %q", got, want)
	}
}

// noted gives each of the namespaces the same new handler.
func (r *rig) noted(paths ...string) *notes {
	n := &notes{t: r.T}
	for _, path := range paths {
		r.io.Of(path).Handle(n)
	}
	return n
}
