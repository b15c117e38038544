package transport

import (
	"errors"
	"net/http"

	"github.com/sockd/sockd/instance/engineio"
)

var (
	errPipelined  = errors.New("client sent too much while its request was parked")
	errForeign    = errors.New("response writer is not of a request that this server handles now")
	errHandedOver = errors.New("request is already parked or upgraded")
)

// parked is a request whose answer comes later. Its fields but answered do not change; that one is guarded by c.mu.
type parked struct {
	c         *conn
	manner    manner
	header    http.Header
	gone      func(error)
	answered  bool
	upload    bool    // there is no request yet: its body is still being read
	streamed  bool    // and goes to the handler as it arrives
	mustClose bool    // valid once answered
	stream    *Stream // nil = one Reply answers
}

// served tells who knew of a body on its way that its request was served.
func (p *parked) served() {
	if p != nil && !p.streamed {
		p.gone(nil)
	}
}

// Park implements [engineio.Host]. A second request that the client sends while the first is parked is refused with 400 after the Reply.
func (s *Server) Park(w http.ResponseWriter, _ *http.Request, gone func(error)) (engineio.Reply, error) {
	rw, err := s.current(w)
	if err != nil {
		return nil, err
	}
	c := rw.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != handling {
		return nil, engineio.ErrClosed
	}
	rw.over = true
	c.parked = &parked{c: c, manner: rw.manner, header: rw.header.Clone(), gone: gone}
	s.counters.parked.Add(1)
	return c.parked.reply, nil
}

// current returns our own response behind w, if its handler runs and has not answered or handed the request over yet.
func (s *Server) current(w http.ResponseWriter) (*response, error) {
	for {
		switch t := w.(type) {
		case *response:
			switch {
			case t.c.server != s:
				return nil, errForeign
			case t.over || t.status != 0:
				return nil, errHandedOver
			}
			return t, nil
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return nil, errForeign
		}
	}
}

// reply is the [engineio.Reply] of a parked request.
func (p *parked) reply(status int, h http.Header, body []byte) error {
	c := p.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parked != p || p.answered || c.phase != handling && c.phase != waiting {
		return engineio.ErrClosed
	}
	var f fields
	f.add(p.header, h)
	last := c.server.draining.Load()
	if err := c.send(encode(status, &f, body, p.manner, last)); err != nil {
		return err
	}
	p.answered = true
	p.mustClose = last || f.last || !p.manner.keep
	c.server.counters.parked.Add(-1)
	if c.phase == waiting {
		c.parked = nil
		c.answered(p.mustClose)
	}
	return nil
}

// Turn implements [engineio.Turner]. A panic of f ends the connection.
func (s *Server) Turn(w http.ResponseWriter) (next func(f func()), err error) {
	rw, err := s.current(w)
	if err != nil {
		return nil, err
	}
	c := rw.c
	return func(f func()) {
		c.probe.plan(task{f: func() {
			defer c.rescue()
			f()
		}})
	}, nil
}
