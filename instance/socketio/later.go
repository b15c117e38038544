package socketio

import (
	"errors"

	"github.com/sockd/sockd/instance/engineio"
)

// ErrLater is what a [Handler]'s Connect returns when somebody else decides: then [Socket.Admit] must be called, once.
var ErrLater = errors.New("socketio: decided later")

// verdict is what becomes of a CONNECT that was postponed. Both sides may come first.
type verdict struct {
	h       Handler
	decided bool
	err     error
}

// postpone leaves the CONNECT of s open, unless Admit was called already.
func (s *Socket) postpone(h Handler) {
	s.client.mu.Lock()
	s.postponed = true
	v := s.verdict
	if v == nil {
		s.verdict = &verdict{h: h}
	}
	s.client.mu.Unlock()
	if v != nil {
		s.settle(h, v.err)
	}
}

// Admit ends a CONNECT that the handler's Connect has answered with [ErrLater]: nil lets the socket in, an error refuses it, see [ConnectError].
// It does nothing for a socket that has left meanwhile, nor when called again. Events that are published while it runs may be missed by the socket, or
// overtake the answer, unless it is called where none is being delivered to the socket's shard.
func (s *Socket) Admit(err error) {
	s.client.mu.Lock()
	v := s.verdict
	switch {
	case v == nil:
		s.verdict = &verdict{decided: true, err: err}
	case v.decided:
		v = nil
	default:
		v.decided = true
	}
	s.client.mu.Unlock()
	if v != nil {
		s.settle(v.h, err)
	}
}

// settle is decide for a socket whose client may have gone, on any goroutine.
func (s *Socket) settle(h Handler, err error) {
	later := false
	defer func() {
		if !later {
			s.exit()
		}
	}()
	if s.hasLeft() {
		s.depart(engineio.TransportClose)
		return
	}
	later = s.decide(h, err)
}
