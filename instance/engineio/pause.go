package engineio

import (
	"net/http"
	"time"
)

// Pause holds the client back until Resume, so that what it sends waits on its side of the network, in order. It may be called from any
// goroutine, also from Session.Message; a second Pause does nothing.
//
// After Pause has returned no call of Session.Message begins, but for one: that of a websocket message which was being handed over at that very
// moment. On a [Pauser] nothing more is read; on another [Conn] Pause does nothing. A polling client gets the answer to its POST when all messages
// of it were handled, and sends nothing before; at most one body, of MaxPayload, is kept.
//
// Sending, pings, and the end of the session go on. The pong of a client that is held back cannot come, so the wait for it stands still and
// starts anew with Resume; whether the client is still there is watched by the host until then. A polling client that has sent nothing can still
// answer pings. The end of the session ends the pause: messages that were held are dropped, as any after the end.
func (s *Socket) Pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != open || s.paused {
		return
	}
	s.paused = true
	s.link.pause(true)
}

// Resume ends a Pause. What was held back is handled soon, by the reader of the connection that it came on; never within the call of Resume.
func (s *Socket) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.paused {
		return
	}
	s.unpause()
	if s.waiting {
		s.due = s.server.clock.now() + int64(s.options.PingTimeout)
		s.schedule()
	}
}

// unpause lets the client go on. mu is held, as for all below.
func (s *Socket) unpause() {
	if !s.paused {
		return
	}
	s.paused = false
	s.link.pause(false)
	if s.upload != nil {
		s.upload.next(s.proceed)
	}
}

// mute reports whether a pong could not come because of a pause.
func (s *Socket) mute() bool {
	if !s.paused {
		return false
	}
	if s.link == nil {
		return s.upload != nil
	}
	_, ok := s.link.conn.(Pauser)
	return ok
}

func (l *link) pause(on bool) {
	if l == nil {
		return
	}
	if p, ok := l.conn.(Pauser); ok && !l.dead {
		p.Pause(on)
	}
}

// turnTime is how long the packets of one body may keep the goroutine of a [Turner].
const turnTime = time.Millisecond

// upload is a POST whose packets are not all handled: the session is paused, or its turn was over. The request is parked.
type upload struct {
	in      *reading
	reply   Reply
	next    func(f func()) // has f called by the reader of the request
	running bool
}

// hold parks a POST of which not everything was handled.
func (s *Socket) hold(w http.ResponseWriter, r *http.Request, in *reading) {
	next := func(f func()) { go f() }
	if host, ok := s.server.host.(Turner); ok {
		if n, err := host.Turn(w); err == nil {
			next = n
		}
	}
	u := &upload{in: in, next: next}
	pollHeaders(w, r)
	reply, err := s.server.host.Park(w, r, func(err error) { s.abandoned(u, err) })
	if err != nil {
		in.release()
		s.end(TransportError, cutOff)
		return
	}
	s.mu.Lock()
	u.reply = reply
	s.upload = u
	if !s.paused {
		next(s.proceed)
	}
	s.mu.Unlock()
}

// abandoned is called when the client of a POST that is held has gone away.
func (s *Socket) abandoned(u *upload, err error) {
	s.mu.Lock()
	if s.upload == u {
		s.upload, s.body = nil, nil
		if !u.running {
			u.in.release()
		}
	}
	s.mu.Unlock()
	s.left(err)
}

// proceed goes on with the POST that is held, if there is one. Its reader calls it, with no lock held.
func (s *Socket) proceed() {
	s.mu.Lock()
	u := s.upload
	if u == nil || u.running || s.paused {
		s.mu.Unlock()
		return
	}
	u.running = true
	s.mu.Unlock()
	done := s.consume(u.in)
	s.mu.Lock()
	defer s.mu.Unlock()
	u.running = false
	switch {
	case s.upload != u: // its client has gone
		u.in.release()
	case done:
		s.upload, s.body = nil, nil
		u.in.release()
		_ = u.reply(http.StatusOK, htmlHeader, okBody) // gone tells of a client that left
	case !s.paused:
		u.next(s.proceed)
	}
}
