package engineio

import (
	"sync"
	"sync/atomic"
	"time"
)

// lingerFor is how long the close packet waits for a client that does not poll.
const lingerFor = 30 * time.Second

// Socket is one session, whatever its transport. All methods may be called from any goroutine, also from the calls of its
// [Session], and none of them blocks.
type Socket struct {
	server  *Server
	options *Options // those of the handshake
	id      string
	memo    memo

	recv    sync.Mutex          // held while the session is called, so that polling and websocket cannot overlap; taken before mu
	session Session             // written under mu, by begin
	data    atomic.Pointer[any] // see SetData

	mu       sync.Mutex // guards all below; may be held across Conn.Write, Conn.Close and Reply, nothing else of the host
	link     *link      // the websocket in use; nil = polling
	probe    *probe     // the websocket that may replace polling
	reply    Reply      // of the parked poll
	packing  *packing   // of the poll parked last
	body     *arrival   // of the POST under way; nil = there is none
	upload   *upload    // that POST, if it is held
	queue    []*Message // for the next poll
	queued   int        // bytes in queue
	reason   Reason     // why it ended
	due      int64      // of the next ping, or of the pong while waiting, or of the end of a phase
	alarm    int64      // when the clock looks at this socket next, at the latest; 0 = never
	phase    phase
	bye      byte // the packet that a poll gets whose session ended while it was being parked
	entered  bool // known to the server's table
	handling bool // the session is being called
	owed     bool // Session.Close follows that call
	parking  bool // a poll is being parked
	rationed bool // see ration
	paused   bool // see Pause
	waiting  bool // for a pong
	extended bool // the timeout was restarted by another packet

	slot int32 // place in the clock's heap, from 1; 0 = none; guarded by clock.mu
}

type phase uint8

const (
	open   phase = iota
	linger       // ended; a polling client has not fetched its close packet yet
	tombed       // ended by the client's close packet; its poll may still be on the way
	closed       // forgotten
)

// ID returns the session id. It is a secret between the client and the server.
func (s *Socket) ID() string { return s.id }

// Handshake returns the first request. It is rebuilt for each call and belongs to the caller.
func (s *Socket) Handshake() *Handshake { return s.memo.handshake() }

// Transport returns "polling" or "websocket".
func (s *Socket) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != nil {
		return websocket
	}
	return polling
}

// Buffered returns how many bytes wait for the client.
func (s *Socket) Buffered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffered()
}

func (s *Socket) buffered() int {
	if s.link != nil {
		return s.link.buffered()
	}
	return s.queued
}

// Writable reports whether a message could leave now: a poll is parked, or the websocket has nothing buffered.
func (s *Socket) Writable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.phase != open:
		return false
	case s.link != nil:
		return s.link.buffered() == 0
	}
	return s.reply != nil
}

// Send writes or queues a message, in the order of the calls. It returns [ErrClosed] for a session that has ended, [ErrFull] if
// this message was dropped, and [ErrSlow] if the session was ended because of it; Session.Close has been called then, or will be.
func (s *Socket) Send(m *Message) error {
	s.mu.Lock()
	if s.phase != open {
		s.mu.Unlock()
		return ErrClosed
	}
	o := s.server.settings.Load()
	n := s.buffered()
	if n == 0 || n+len(m.wire) <= o.Queue {
		err := s.push(m)
		s.mu.Unlock()
		return err
	}
	s.mu.Unlock()
	if o.OnFull == Drop {
		s.server.counts.dropped.Add(m.count())
		return ErrFull
	}
	s.server.counts.slow.Add(1)
	s.end(Slow, cutOff)
	return ErrSlow
}

// push sends without asking for the limit. mu is held.
func (s *Socket) push(m *Message) error {
	switch {
	case len(m.wire) == 0: // an empty batch
		return nil
	case s.link != nil:
		return s.link.write(m)
	case s.rationed && m.count() > ration:
		s.split(m)
		if s.reply != nil {
			return s.answer(s.dequeue())
		}
		return nil
	case s.reply != nil:
		return s.answer(m, m.payload())
	}
	s.queue = append(s.queue, m)
	s.queued += len(m.wire)
	return nil
}

// Close ends the session. What was sent before is still delivered: a websocket sends it before its close frame, a polling
// client may fetch it for 30 s. Session.Close(r) is called before Close returns, or after the call of the session that Close is
// called from. Close of an ended session does nothing.
func (s *Socket) Close(r Reason) { s.end(r, orderly) }

// farewell says how a session ends on its transport.
type farewell uint8

const (
	orderly  farewell = iota // by the server: what is queued goes out first
	cutOff                   // at once; a parked poll gets the close packet
	byClient                 // by the client's close packet; a parked poll gets a noop
)

// end is the only way out of the open phase.
func (s *Socket) end(r Reason, f farewell) {
	s.mu.Lock()
	if s.phase != open {
		if s.phase == linger && f != orderly {
			s.part(f)
		}
		s.mu.Unlock()
		return
	}
	s.reason = r
	s.unpause()
	s.part(f)
	call := !s.handling
	s.owed = !call
	s.mu.Unlock()
	if call {
		s.session.Close(r)
	}
}

// part ends the transport. mu is held.
func (s *Socket) part(f farewell) {
	farewell := byte(typeClose)
	if f == byClient {
		farewell = typeNoop
	}
	switch {
	case s.link != nil:
		s.link.close(0)
	case s.reply != nil:
		_ = s.answer(nil, []byte{farewell}) // a client that left needs no farewell
	case f == orderly:
		s.phase = linger
		s.due = s.server.clock.now() + int64(lingerFor)
		s.schedule()
		return
	case s.parking:
		s.bye = farewell
	case f == byClient:
		s.bury()
		return
	}
	s.leave()
}

// leave makes the server forget the session. mu is held.
func (s *Socket) leave() {
	s.release()
	s.phase = closed
	s.server.sessions.remove(s)
	s.server.clock.remove(s)
}

// release gives up what the session holds, once. mu is held.
func (s *Socket) release() {
	for _, m := range s.queue {
		s.server.counts.discarded.Add(m.count())
	}
	s.queue, s.queued = nil, 0
	if s.probe != nil {
		s.drop(s.probe)
	}
	if s.phase == closed || s.phase == tombed {
		return
	}
	if s.entered {
		s.server.counts.close(s.reason)
		if s.link == nil {
			s.server.polling.Add(-1)
		}
	}
	s.server.leave()
}

// refresh does what is overdue before a request is looked at, however late the clock is.
func (s *Socket) refresh() {
	now := s.server.clock.now()
	s.mu.Lock()
	late := s.phase != closed && now >= s.next()
	s.mu.Unlock()
	if late {
		s.tick(now)
	}
}
