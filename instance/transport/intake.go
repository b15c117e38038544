package transport

import "net/http"

// Streams is a [Handler] that takes some bodies as they arrive.
type Streams interface {
	Handler

	// Stream is asked when the header of a request with a body has arrived, after Limit and before the client is told to go on. take nil = the
	// body is put together in memory as ever.
	//
	// take gets each part of the body on the goroutine of ServeHTTP, in order; chunk is borrowed, and may be empty at the end. end tells that
	// nothing follows. Then ServeHTTP is called with the same r and an empty body; what came before it the handler keeps itself. An error of take
	// ends the reading: ServeHTTP is called at once, and the connection closes after its answer. Limit holds for the sum of all parts,
	// BodyTimeout for the time from one to the next. Parts that came before the client left are given to take before gone is called.
	//
	// pause(true) holds the client back: take is not called again before pause(false), but for the call that is being made. From the return of
	// Stream until end is told it can be called from anywhere, also from take; else it does nothing. BodyTimeout stands still meanwhile. What is
	// kept, and how the end of the client is noticed, is as with the Pause of a WebSocket.
	//
	// gone, if not nil, is called instead of ServeHTTP if the client leaves, is refused ([http.MaxBytesError] for 413), or cut, before the end.
	Stream(r *http.Request, pause func(on bool)) (take func(chunk []byte, end bool) error, gone func(error))
}

// stream asks the handler whether it wants the body of a request as it arrives.
func (c *conn) stream(in *inbound) {
	h, ok := (*c.server.handler.Load()).(Streams)
	if !ok {
		return
	}
	take, gone := h.Stream(in.req, c.pause)
	if take == nil {
		return
	}
	if gone == nil {
		gone = func(error) {}
	}
	in.body.take, in.body.more = take, func() bool { return !c.over() }
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == readingBody {
		c.parked = &parked{c: c, gone: gone, upload: true, streamed: true}
	}
}

// arrived restarts the time for the next part of a streamed body.
func (c *conn) arrived() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == readingBody && !c.paused.Load() {
		c.arm(c.server.options.Load().BodyTimeout)
	}
}
