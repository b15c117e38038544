package socketio

import (
	"encoding/json"
	"sync"

	"github.com/sockd/sockd/instance/engineio"
)

// Handler is told what happens in a namespace. Its methods are called with no lock held, on the goroutine that read the packet, and
// must not block. For one socket they never overlap.
type Handler interface {
	// Connect decides whether s may join. An error refuses it; see [ConnectError]. auth is the client's JSON object, or {}. Nothing
	// has been joined yet: rooms that s joins count from Connected on, and what it emits goes out before the reply.
	Connect(s *Socket, auth json.RawMessage) error

	// Connected is called when s is in the namespace and the reply to its client is queued; for a socket that was recovered, on a goroutine
	// of the [Recoverer].
	Connected(s *Socket)

	// Event is called for each event of the client. e and all its bytes are borrowed for the call.
	Event(s *Socket, e *Event)

	// Disconnect is called once, last, for each socket whose Connect returned nil. s is in its rooms still, but gets nothing any
	// more. It may run inside [Socket.Disconnect]; while another method runs for s, it follows when that has returned. Connected
	// is left out if the socket left during Connect.
	Disconnect(s *Socket, r engineio.Reason)
}

// ConnectError refuses a connection. The client sees both fields.
type ConnectError struct {
	Message string
	Data    any // any value that encoding/json takes; nil = none
}

// Error returns the message.
func (e *ConnectError) Error() string { return e.Message }

// Mux is a [Handler] that lets everybody in and calls a function by the name of the event. The zero value is ready. Other events are
// ignored. Embed it to change the other methods.
type Mux struct {
	mu    sync.RWMutex
	funcs map[string]func(*Socket, *Event)
}

var _ Handler = (*Mux)(nil)

// On sets the function for an event. Nil removes it.
func (m *Mux) On(event string, f func(*Socket, *Event)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.funcs == nil {
		m.funcs = map[string]func(*Socket, *Event){}
	}
	if f == nil {
		delete(m.funcs, event)
		return
	}
	m.funcs[event] = f
}

// Connect accepts.
func (*Mux) Connect(*Socket, json.RawMessage) error { return nil }

// Connected does nothing.
func (*Mux) Connected(*Socket) {}

// Event calls the function for e.Name.
func (m *Mux) Event(s *Socket, e *Event) {
	m.mu.RLock()
	f := m.funcs[e.Name]
	m.mu.RUnlock()
	if f != nil {
		f(s, e)
	}
}

// Disconnect does nothing.
func (*Mux) Disconnect(*Socket, engineio.Reason) {}
