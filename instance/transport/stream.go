package transport

import (
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/sockd/sockd/instance/engineio"
)

// ErrTooLong is returned for bytes beyond the Content-Length of a [Stream].
var ErrTooLong = errors.New("answer is longer than its Content-Length")

var errStarted = errors.New("answer has begun already")

// Stream is an answer that is written bit by bit, by whoever holds it, after ServeHTTP has returned. Its methods never block and may be called
// from anywhere. Without a Content-Length its length is told at its end: by chunks, or to HTTP/1.0 by closing the connection.
//
// A client that reads nothing holds up its stream only: its owner stops at [engineio.ErrSlow] and goes on when Drained calls. How long to wait
// for that is up to the owner. When its client has gone, or the connection was cut, all methods return [engineio.ErrClosed].
type Stream struct {
	p *parked

	// Guarded by the connection's mu.
	begun   bool
	closed  bool   // Close was called; the answer may have ended before
	mute    bool   // no body is sent: to HEAD, or because of the status
	chunked bool   // else by length, or up to the close
	length  bool   // Content-Length was said
	left    int64  // bytes of it that are still to come
	drained func() // to be called when nothing is queued
}

// Stream keeps the request unanswered as [Server.Park] does and returns its answer. Headers set on w are sent with those of Start. gone is
// called once if the connection ends before Close, as that of Park, and never from inside a method.
//
// Drain waits for streams as for parked requests: their owners end them; when its context ends they are cut.
func (s *Server) Stream(w http.ResponseWriter, _ *http.Request, gone func(error)) (*Stream, error) {
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
	st := &Stream{}
	st.p = &parked{c: c, manner: rw.manner, header: rw.header.Clone(), gone: gone, stream: st}
	c.parked = st.p
	s.counters.streams.Add(1)
	return st, nil
}

// open tells whether the answer is still under way; c.mu is held.
func (s *Stream) open() bool {
	c := s.p.c
	return c.parked == s.p && !s.p.answered && (c.phase == handling || c.phase == waiting)
}

// Start sends the status and the header: those of h, which may be nil and is not changed, and those that w had. Without it the first Write
// starts with 200. An impossible status is a 500.
func (s *Stream) Start(status int, h http.Header) error {
	c := s.p.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !s.open():
		return engineio.ErrClosed
	case s.begun:
		return errStarted
	}
	return s.start(status, h)
}

// start is Start; c.mu is held.
func (s *Stream) start(status int, h http.Header) error {
	if status < 200 || status > 999 {
		status = http.StatusInternalServerError
	}
	s.begun = true
	m := &s.p.manner
	var f fields
	f.add(s.p.header, h)
	s.p.header = nil
	s.left, s.length = parseLength([]byte(f.length))
	bodyless := status == http.StatusNoContent || status == http.StatusNotModified
	s.mute = m.head || bodyless
	s.chunked = !s.length && !bodyless && !m.old
	last := s.p.c.server.draining.Load() || f.last || !s.length && !bodyless && m.old
	s.p.mustClose = last || !m.keep
	dst := f.appendHead(make([]byte, 0, 192+len(f.lines)), status)
	switch {
	case bodyless:
	case s.chunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case s.length:
		dst = append(dst, "Content-Length: "+f.length+"\r\n"...)
	}
	err := s.p.c.send(m.appendEnd(dst, s.p.mustClose))
	if err == nil && s.whole() {
		s.finish()
	}
	return err
}

// whole tells whether the client has the whole answer, as far as it can know: the next thing that it sends is another request. c.mu is held.
func (s *Stream) whole() bool { return s.mute || s.length && s.left == 0 }

// over tells whether the answer has ended by itself, and its owner does not know yet. c.mu is held.
func (s *Stream) over() bool { return s.begun && s.p.answered && s.whole() && !s.closed }

// finish ends the answer. c.mu is held.
func (s *Stream) finish() {
	c := s.p.c
	s.p.answered = true
	s.drained = nil
	c.drains.Store(false)
	c.server.counters.streams.Add(-1)
	if c.phase == waiting {
		c.parked = nil
		c.answered(s.p.mustClose)
	}
}

var scratch = sync.Pool{New: func() any { return new([]byte) }}

// keptScratch is how large the buffer of an idle writer may be.
const keptScratch = 64 << 10

// Write sends p, which is not kept. With [engineio.ErrSlow] nothing of it was taken: more than Options.StreamBuffer bytes would wait for the
// client. If none do, p is taken whatever its length. With [ErrTooLong] nothing was taken either.
func (s *Stream) Write(p []byte) error {
	c := s.p.c
	c.mu.Lock()
	defer c.mu.Unlock()
	queued := c.queued.Load()
	switch {
	case s.over() && (s.mute || len(p) == 0):
		return nil
	case s.over():
		return ErrTooLong
	case !s.open():
		return engineio.ErrClosed
	case queued > 0 && queued+int64(len(p)) > int64(c.server.options.Load().StreamBuffer):
		return engineio.ErrSlow
	case s.begun && s.length && !s.mute && int64(len(p)) > s.left:
		return ErrTooLong
	}
	if !s.begun {
		if err := s.start(http.StatusOK, nil); err != nil {
			return err
		}
		if s.length && !s.mute && int64(len(p)) > s.left {
			return ErrTooLong
		}
	}
	return s.write(p)
}

// write sends p as the framing demands; c.mu is held.
func (s *Stream) write(p []byte) error {
	c := s.p.c
	switch {
	case s.mute || len(p) == 0:
		return nil
	case !s.chunked:
		s.left -= int64(len(p))
		err := c.send(p)
		if err == nil && s.whole() {
			s.finish()
		}
		return err
	}
	b := scratch.Get().(*[]byte)
	dst := strconv.AppendInt((*b)[:0], int64(len(p)), 16)
	dst = append(append(append(dst, "\r\n"...), p...), "\r\n"...)
	err := c.send(dst)
	if cap(dst) <= keptScratch {
		*b = dst
		scratch.Put(b)
	}
	return err
}

// Buffered returns how many bytes the kernel has not taken yet.
func (s *Stream) Buffered() int { return int(max(s.p.c.queued.Load(), 0)) }

// Drained has f called once when the kernel has taken all that was queued, soon if it has already, on the poller of the connection, with no lock
// held; f must not block. A second Drained replaces an f that was not called yet. After the end, by Close or by the client, f is not called.
func (s *Stream) Drained(f func()) {
	c := s.p.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.open() {
		return
	}
	s.drained = f
	c.drains.Store(f != nil)
	if f != nil && c.queued.Load() == 0 {
		c.probe.schedule(c)
	}
}

// callDrained makes the call that Drained has asked for. The agenda calls it.
func (c *conn) callDrained() {
	if !c.drains.Load() {
		return
	}
	defer c.rescue()
	if f := c.takeDrained(); f != nil {
		f()
	}
}

func (c *conn) takeDrained() func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parked == nil || c.parked.stream == nil || !c.parked.stream.open() || c.queued.Load() > 0 {
		return nil
	}
	s := c.parked.stream
	f := s.drained
	s.drained = nil
	c.drains.Store(false)
	return f
}

// Close ends the answer; what is queued is still sent. The connection serves the next request, unless it was to close. An answer that is shorter
// than its Content-Length cuts the connection, so that the client notices.
func (s *Stream) Close() error {
	c := s.p.c
	c.mu.Lock()
	defer c.mu.Unlock()
	over := s.over()
	s.closed = true
	switch {
	case over:
		return nil
	case !s.open():
		return engineio.ErrClosed
	case !s.begun:
		if err := s.start(http.StatusOK, nil); err != nil || s.p.answered {
			return err
		}
	}
	if s.length && !s.mute && s.left > 0 {
		s.p.mustClose = true
	} else if s.chunked && !s.mute {
		if err := c.send([]byte("0\r\n\r\n")); err != nil {
			return err
		}
	}
	s.finish()
	return nil
}
