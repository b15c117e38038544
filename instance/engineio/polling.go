package engineio

import (
	"maps"
	"net/http"
	"strings"
	"time"
)

const (
	textPlain = "text/plain; charset=UTF-8"

	// tombstone is how long a poll may arrive after the close packet that was sent together with it, on another connection.
	tombstone = 100 * time.Millisecond
)

// pollHeaders sets what all answers of the polling transport have.
func pollHeaders(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", textPlain)
	h.Set("Cache-Control", "no-store")
	if agent := r.Header.Get("User-Agent"); strings.Contains(agent, ";MSIE") || strings.Contains(agent, "Trident/") {
		h.Set("X-XSS-Protection", "0") // its filter breaks long polls
	}
}

// answers reports whether a request belongs to a session that is still known to clients.
func (s *Socket) answers(method string, upgrade bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.phase {
	case open, linger:
		return true
	case tombed:
		return method == http.MethodGet && !upgrade
	}
	return false
}

// poll answers a GET with everything that waits, or parks it.
func (s *Socket) poll(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	switch {
	case s.phase == closed: // since the request was verified
		s.mu.Unlock()
		s.server.refuse(w, r, UnknownSession)
		return
	case s.link != nil:
		s.mu.Unlock()
		s.server.refuse(w, r, BadRequest)
		return
	case s.reply != nil || s.parking:
		s.mu.Unlock()
		w.WriteHeader(http.StatusBadRequest)
		s.end(TransportError, cutOff)
		return
	}
	if m, body := s.fetch(); body != nil {
		s.mu.Unlock()
		s.answerNow(w, r, m, body)
		return
	}
	s.parking = true
	s.mu.Unlock()
	s.park(w, r)
}

// park leaves a poll unanswered until there is something to say.
func (s *Socket) park(w http.ResponseWriter, r *http.Request) {
	pollHeaders(w, r)
	packing := s.options.packing(w.Header(), r)
	reply, err := s.server.host.Park(w, r, s.left)
	s.mu.Lock()
	s.parking = false
	if err == nil {
		s.reply, s.packing = reply, packing
		s.settle()
	}
	s.mu.Unlock()
	if err != nil {
		s.end(TransportError, cutOff)
	}
}

// fetch takes what a poll gets at once; nil = it must wait. If that is one message, it is returned too. mu is held.
func (s *Socket) fetch() (m *Message, body []byte) {
	switch {
	case s.phase == closed: // while the poll was being parked
		return nil, []byte{s.bye}
	case s.phase == tombed:
		s.leave()
		return nil, []byte{typeNoop}
	case len(s.queue) > 0:
		return s.dequeue()
	case s.phase == linger:
		s.leave()
		return nil, []byte{typeNoop, separator, typeClose}
	}
	return nil, nil
}

// dequeue takes what one poll gets off the queue. mu is held.
func (s *Socket) dequeue() (m *Message, body []byte) {
	n := s.portion()
	if n == 1 {
		m = s.queue[0]
		body = m.payload()
	} else {
		body = payloads(s.queue[:n], s.queued)
	}
	for _, m := range s.queue[:n] {
		s.queued -= len(m.wire)
	}
	left := copy(s.queue, s.queue[n:])
	clear(s.queue[left:])
	s.queue = s.queue[:left]
	if left == 0 && cap(s.queue) > 16 {
		s.queue = nil
	}
	return m, body
}

// answerNow answers a request that is not parked. If body is the payload of one message alone, that is m. No lock is held.
func (s *Socket) answerNow(w http.ResponseWriter, r *http.Request, m *Message, body []byte) {
	pollHeaders(w, r)
	h, body := s.options.packing(w.Header(), r).wrap(s.options.Threshold, m, body)
	maps.Copy(w.Header(), h)
	respond(w, http.StatusOK, textPlain, body)
}

// settle answers the poll just parked if something came up meanwhile. mu is held.
func (s *Socket) settle() {
	if s.link != nil {
		s.outdate()
		return
	}
	if m, body := s.fetch(); body != nil {
		_ = s.answer(m, body) // gone tells of a client that left
	}
}

// answer replies to the parked poll. If body is the payload of one message alone, that is m. If the client has left, the host
// calls gone, and that ends the session. mu is held.
func (s *Socket) answer(m *Message, body []byte) error {
	reply := s.reply
	s.reply = nil
	h, body := s.packing.wrap(s.options.Threshold, m, body)
	if err := reply(http.StatusOK, h, body); err != nil {
		return ErrClosed
	}
	return nil
}

// outdate tells the parked poll that the session has moved to a websocket. mu is held.
func (s *Socket) outdate() {
	reply := s.reply
	s.reply = nil
	_ = reply(BadRequest.status(), jsonHeader, BadRequest.body()) // nobody need hear it
}

// left is called when the client of a parked poll, or of a body that was being read, has gone away. To a session that has moved
// to its websocket it means nothing.
func (s *Socket) left(error) {
	s.mu.Lock()
	polls := s.link == nil
	s.mu.Unlock()
	if polls {
		s.end(TransportError, cutOff)
	}
}

// bury keeps the id known until the poll has come that may be on its way. mu is held.
func (s *Socket) bury() {
	s.release()
	s.phase = tombed
	s.due = s.server.clock.now() + int64(tombstone)
	s.schedule()
}
