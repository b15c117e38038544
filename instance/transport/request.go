package transport

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"sync"
)

// inbound is a request that is being read. It exists from the first byte to the call of the handler.
type inbound struct {
	head head
	req  *http.Request // not nil once the header is whole
	body body
	told bool // the handler knows that the body is under way
}

var inbounds = sync.Pool{New: func() any { return new(inbound) }}

func takeInbound() *inbound {
	in := inbounds.Get().(*inbound)
	in.head.reset()
	return in
}

func (in *inbound) release() {
	in.req, in.body, in.told = nil, body{}, false
	inbounds.Put(in)
}

// readRequest reads on until the request is whole, then has it served. It returns the bytes behind it.
func (c *conn) readRequest(p []byte) (rest []byte) {
	if c.in == nil {
		c.in = takeInbound()
	}
	in := c.in
	if in.req == nil {
		n, err := c.readHead(in, p)
		if err != nil {
			return c.dropRequest(err)
		}
		p = p[n:]
		if in.req == nil {
			return nil
		}
	}
	if in.hasBody() {
		n, done, err := in.body.feed(p)
		if err != nil {
			return c.dropRequest(err)
		}
		p = p[n:]
		if !done {
			c.underWay(in, n)
			return p
		}
	}
	c.in = nil
	r, f, b := in.req, in.head.framing, in.body.buf
	f.failed = in.body.failed
	in.release()
	c.serve(r, f, b)
	return p
}

// underWay is called when n bytes of a body have come, and more will.
func (c *conn) underWay(in *inbound, n int) {
	switch {
	case in.body.take == nil:
		c.upload(in)
	case n > 0:
		c.arrived()
	}
}

func (in *inbound) hasBody() bool { return in.head.chunked || in.head.length > 0 }

// upload tells the handler, once, that a body is under way.
func (c *conn) upload(in *inbound) {
	if in.told {
		return
	}
	in.told = true
	h, ok := (*c.server.handler.Load()).(Uploads)
	if !ok {
		return
	}
	gone := h.Receiving(in.req)
	c.mu.Lock()
	defer c.mu.Unlock()
	if gone != nil && c.phase == readingBody {
		c.parked = &parked{c: c, gone: gone, upload: true}
	}
}

// readHead feeds p to the header. When that is whole, in.req is set and the reading of a body is prepared.
func (c *conn) readHead(in *inbound, p []byte) (int, *refusal) {
	n, block, err := in.head.feed(p)
	if err != nil {
		return n, err
	}
	if block == nil {
		if started := len(in.head.buf) > in.head.begin; started && c.current() == idle {
			c.enter(readingHead, c.server.options.Load().HeadTimeout)
		}
		return n, nil
	}
	r, parseErr := parse(block)
	if parseErr != nil {
		return n, errMalformed
	}
	r.RemoteAddr = c.nc.RemoteAddr().String()
	in.req = r
	c.mu.Lock()
	c.req = r
	c.mu.Unlock()
	if !in.hasBody() {
		return n, nil
	}
	return n, c.expectBody(in, r, n == len(p))
}

// expectBody asks for the limit and, if the client waits for it, tells it to go on.
func (c *conn) expectBody(in *inbound, r *http.Request, bare bool) *refusal {
	h := c.server.handler.Load()
	if h == nil {
		return errUnavailable
	}
	if err := in.body.begin(in.head.framing, (*h).Limit(r)); err != nil {
		return err
	}
	c.keepForRefusal(r)
	if !c.enter(readingBody, c.server.options.Load().BodyTimeout) {
		return nil
	}
	c.stream(in)
	if bare && in.head.proceed && !in.head.old {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.send([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	}
	return nil
}

// reader is what [http.ReadRequest] reads a header block from.
type reader struct {
	bytes bytes.Reader
	buf   *bufio.Reader
}

var readers = sync.Pool{New: func() any { return &reader{buf: bufio.NewReader(nil)} }}

// parse makes a request of a whole header block that was checked. Its body is not set.
func parse(block []byte) (*http.Request, error) {
	rd := readers.Get().(*reader)
	defer readers.Put(rd)
	rd.bytes.Reset(block)
	rd.buf.Reset(&rd.bytes)
	r, err := http.ReadRequest(rd.buf)
	rd.bytes.Reset(nil)
	if err != nil {
		return nil, err
	}
	r.Body, r.Trailer, r.TransferEncoding = http.NoBody, nil, nil
	return r, nil
}

// serve gives a whole request to the handler and sends the answer, unless it was parked or upgraded.
func (c *conn) serve(r *http.Request, f framing, b []byte) {
	r.ContentLength = int64(len(b))
	if len(b) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(b))
	}
	if c.overfull(0) { // it asks again and again, and reads nothing
		c.server.counters.refuse(tooSlow)
		c.shut(errSlow)
	}
	told, ok := c.handle()
	if !ok {
		return
	}
	if !c.assign(r) {
		c.dropUpload(errAddress, told)
		return
	}
	c.server.counters.requests.Add(1)
	w := &response{c: c, manner: mannerOf(r, f), handshake: !f.chunked && f.length <= 0}
	w.keep = w.keep && !f.failed
	h := c.server.handler.Load()
	if h == nil {
		c.dropUpload(errUnavailable, told)
		return
	}
	defer told.served()
	(*h).ServeHTTP(w, r)
	c.settle(w)
}

// handle begins the handler's turn. told is who knows that its body was on its way; false tells that somebody has ended the connection.
func (c *conn) handle() (told *parked, ok bool) {
	c.mu.Lock()
	told = c.parked
	c.mu.Unlock()
	return told, c.enter(handling, 0)
}

// settle ends the handler's turn.
func (c *conn) settle(w *response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.over = true
	c.req = nil
	switch p := c.parked; {
	case c.phase != handling: // upgraded, or ended meanwhile
	case p == nil:
		c.send(w.encode())
		c.answered(w.mustClose())
	case p.answered:
		c.parked = nil
		c.answered(p.mustClose)
	default:
		c.phase = waiting
	}
}

// answered ends a request: the connection is ready for the next one, or is closed after the answer. c.mu is held.
func (c *conn) answered(last bool) {
	c.unassign()
	switch {
	case c.phase >= closing:
	case c.extra:
		c.refuse(errPipeline, nil)
	case last || c.server.draining.Load():
		c.linger()
	default:
		c.phase = idle
		c.seen = 0
		c.arm(c.server.options.Load().IdleTimeout)
	}
}

// tooEarly gets bytes that came while a request is parked. An empty line is forgiven, as before any request. All else is a second request: it
// is refused after the answer to the first one, and not kept.
func (c *conn) tooEarly(p []byte) {
	if len(bytes.Trim(p, "\r\n")) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.extra = true
	c.discarded = int32(min(int(c.discarded)+len(p), lingerBytes))
	if c.discarded >= lingerBytes {
		c.server.counters.refuse(pipelined)
		c.shutLocked(errPipelined)
	}
}
