package engineio

import "time"

const (
	// noopEvery is how often a poll is answered during an upgrade. Once is not enough: the client may poll again before it
	// has seen the answer to its probe.
	noopEvery = 100 * time.Millisecond

	// lateness is how much later than planned a ping may go out before the time for its pong is counted from then on, as a part of that time. What is
	// left is enough for a client that is there; after a longer pause, as of a machine that was asleep, it gets all of it.
	lateness = 4
)

// ping is shared by all sessions.
var ping = control("2")

// tick does what is due. The clock and, through refresh, requests call it.
func (s *Socket) tick(now int64) {
	s.mu.Lock()
	s.alarm = 0
	overdue := s.advance(now)
	if s.phase != closed && !overdue {
		s.schedule()
	}
	s.mu.Unlock()
	if overdue {
		s.end(PingTimeout, cutOff)
	}
}

// advance reports whether the pong is overdue. mu is held.
func (s *Socket) advance(now int64) bool {
	switch s.phase {
	case open:
		s.advanceProbe(now)
		return s.beat(now)
	case linger:
		s.advanceProbe(now)
		if now >= s.due {
			s.leave()
		}
	case tombed:
		if now >= s.due {
			s.leave()
		}
	}
	return false
}

// next returns when the socket needs attention. mu is held.
func (s *Socket) next() int64 {
	at := s.due
	if p := s.probe; p != nil {
		at = min(at, p.expires)
		if p.noop != 0 {
			at = min(at, p.noop)
		}
	}
	return at
}

// schedule tells the clock about the next deadline, if it is earlier than what the clock knows. mu is held.
func (s *Socket) schedule() {
	if at := s.next(); s.alarm == 0 || at < s.alarm {
		s.alarm = at
		s.server.clock.set(s, at)
	}
}

// beat sends the ping when it is time, and reports whether the pong is overdue. mu is held.
func (s *Socket) beat(now int64) (overdue bool) {
	if now < s.due {
		return false
	}
	if s.waiting && s.mute() {
		s.due = now + int64(s.options.PingTimeout)
		return false
	}
	if s.waiting {
		return true
	}
	from := s.due
	if now-from > int64(s.options.PingTimeout)/lateness {
		from = now
	}
	s.waiting, s.extended = true, false
	s.due = from + int64(s.options.PingTimeout)
	_ = s.push(ping) // a connection that ended tells so itself
	return false
}

// pong counts the next ping from now. A pong that nobody asked for changes nothing.
func (s *Socket) pong() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == open && s.waiting {
		s.waiting = false
		s.due = s.server.clock.now() + int64(s.options.PingInterval)
		s.schedule()
	}
}

// heard restarts the wait for the pong, once for each ping: a client in the middle of a large upload is not dead. mu is held.
func (s *Socket) heard() {
	if s.waiting && !s.extended {
		s.extended = true
		s.due = s.server.clock.now() + int64(s.options.PingTimeout)
	}
}
