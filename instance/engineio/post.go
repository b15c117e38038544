package engineio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// arrival is the body of one POST on its way, from its header to its answer. A session has one at a time.
type arrival struct {
	s     *Socket
	taken bool // it has come to its session; guarded by s.mu
}

type arrivalKey struct{} // of the arrival in the context of its request

// inOnePiece stands for a body that came with its header.
var inOnePiece = new(arrival)

// arriving notes that the body of r is on its way. A second one ends the session, as soon as its header has come.
func (s *Socket) arriving(r *http.Request) (gone func(error)) {
	a := &arrival{s: s}
	s.mu.Lock()
	overlap := s.body != nil
	if !overlap {
		s.body = a
	}
	s.mu.Unlock()
	if overlap {
		s.end(TransportError, cutOff)
		return nil
	}
	*r = *r.WithContext(context.WithValue(r.Context(), arrivalKey{}, a)) // in place: the host gives the same r to ServeHTTP
	return a.gone
}

// gone is called if the body does not come to its end; or without an error when it has been served, perhaps by somebody else who refused it. That
// does no harm to its session, and neither does one that was too large.
func (a *arrival) gone(err error) {
	s := a.s
	s.mu.Lock()
	if s.body == a && !a.taken {
		s.body = nil
	}
	s.mu.Unlock()
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		s.left(err)
	}
}

// take makes r the POST under way. It reports false if there is another.
func (s *Socket) take(r *http.Request) bool {
	a, _ := r.Context().Value(arrivalKey{}).(*arrival)
	if a == nil {
		a = inOnePiece
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.body != nil && (s.body != a || a == inOnePiece) {
		return false
	}
	if a != inOnePiece {
		a.taken = true
	}
	s.body = a
	return true
}

func (s *Socket) taken() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.body = nil
}

// reading is what one POST needs; it is used again.
type reading struct {
	body bytes.Buffer
	rest []byte // packets that were not handled yet
	more bool   // there are any
	decoder
}

const keptReading = 64 << 10 // bytes of a buffer that is worth keeping

var readings = sync.Pool{New: func() any { return new(reading) }}

func (in *reading) release() {
	in.rest, in.more = nil, false
	if in.body.Cap()+cap(in.scratch) <= keptReading {
		in.body.Reset()
		readings.Put(in)
	}
}

var (
	okBody     = []byte("ok")
	htmlHeader = http.Header{"Content-Type": {"text/html"}}
)

// post receives a payload.
func (s *Socket) post(w http.ResponseWriter, r *http.Request) {
	if !s.take(r) || r.Header.Get("Content-Type") == "application/octet-stream" {
		w.WriteHeader(http.StatusBadRequest)
		s.end(TransportError, cutOff)
		return
	}
	in := readings.Get().(*reading)
	if status := s.fill(in, r.Body); status != http.StatusOK {
		in.release()
		s.taken()
		w.WriteHeader(status)
		return
	}
	if !s.consume(in) {
		s.hold(w, r, in)
		return
	}
	in.release()
	s.taken()
	pollHeaders(w, r)
	respond(w, http.StatusOK, "text/html", okBody)
}

// fill reads a body and returns the status to answer if that is not 200.
func (s *Socket) fill(in *reading, body io.Reader) int {
	if body != nil {
		n, err := in.body.ReadFrom(io.LimitReader(body, s.options.MaxPayload+1))
		switch {
		case err != nil:
			s.end(TransportError, cutOff)
			return http.StatusBadRequest
		case n > s.options.MaxPayload:
			return http.StatusRequestEntityTooLarge
		}
	}
	in.rest, in.more = validText(in.body.Bytes()), true
	return http.StatusOK
}

// consume handles packets until none is left or matters, and then reports true; or until the session is paused and a message comes, or this
// turn is over. A payload with a fault is handled up to there.
func (s *Socket) consume(in *reading) (done bool) {
	_, turns := s.server.host.(Turner)
	begun := time.Now()
	for in.more {
		p, rest, more := in.next(in.rest)
		wait, listening := s.awaits(p.kind)
		if !listening {
			break
		}
		if wait {
			return false
		}
		in.rest, in.more = rest, more
		s.receive(p)
		if p.kind == 0 {
			break
		}
		if turns && in.more && time.Since(begun) > turnTime {
			return false
		}
	}
	return true
}

// awaits reports whether a packet must wait for the end of a pause, and whether packets matter at all.
func (s *Socket) awaits(kind byte) (wait, listening bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused && kind == typeMessage, s.phase == open || s.phase == linger
}
