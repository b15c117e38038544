package transport

import (
	"fmt"
	"net/http"
	"strconv"
)

// Refusal is a [Handler] that adds to the answers that the server gives by itself, such as 413 and 408, what all its own answers have: CORS
// headers, without which a browser shows its page no status.
type Refusal interface {
	Handler

	// Decorate sets headers for the refusal of r, of which only the header is there. It is called with no lock held, on the goroutine of
	// ServeHTTP or on the clock's, and must be quick. What says how long the answer is, what it contains, and what becomes of the connection
	// is not up to it. A request whose header cannot be read is refused without it.
	Decorate(h http.Header, r *http.Request)
}

// decorated returns the headers for a refusal of r; nil = none. No lock is held.
func (c *conn) decorated(r *http.Request) http.Header {
	h := c.server.handler.Load()
	if r == nil || h == nil {
		return nil
	}
	d, ok := (*h).(Refusal)
	if !ok {
		return nil
	}
	header := http.Header{}
	d.Decorate(header, r)
	delete(header, "Content-Type")
	return header
}

// refuse counts and answers with an error that ends the connection; c.mu is held.
func (c *conn) refuse(why *refusal, h http.Header) {
	if c.phase >= closing {
		return
	}
	c.server.counters.refuse(why.reason)
	c.answerError(why.status, h)
}

// answerError sends an answer of our own and closes; c.mu is held. To a body that is too large it says nothing, as Engine.IO clients expect.
func (c *conn) answerError(status int, h http.Header) {
	var f fields
	var body string
	if status != http.StatusRequestEntityTooLarge {
		f.lines = []byte("Content-Type: text/plain; charset=utf-8\r\n")
		body = strconv.Itoa(status) + " " + http.StatusText(status) + "\n"
	}
	f.add(h, nil)
	f.typed = true
	c.send(encode(status, &f, []byte(body), manner{}, true))
	c.linger()
}

// dropRequest refuses what was read so far. Nothing of the rest is looked at.
func (c *conn) dropRequest(why *refusal) []byte {
	c.in = nil
	c.mu.Lock()
	r := c.req
	c.mu.Unlock()
	h := c.decorated(r)
	c.mu.Lock()
	var told *parked
	if why.status == http.StatusRequestEntityTooLarge && c.phase == readingBody {
		told, c.parked = c.parked, nil // the client did not leave
	}
	c.refuse(why, h)
	c.mu.Unlock()
	if told != nil {
		told.gone(&http.MaxBytesError{Limit: why.limit})
	}
	return nil
}

// dropUpload is dropRequest for a body that has come to its end. Who waits for it is told that it is not served.
func (c *conn) dropUpload(why *refusal, told *parked) {
	c.dropRequest(why)
	if told != nil {
		told.gone(fmt.Errorf("request is refused with %d", why.status))
	}
}

// keepForRefusal keeps a copy of r for the clock, which may refuse it while its handler works on it.
func (c *conn) keepForRefusal(r *http.Request) {
	if _, ok := (*c.server.handler.Load()).(Refusal); !ok {
		return
	}
	q := *r
	c.mu.Lock()
	defer c.mu.Unlock()
	c.req = &q
}

// tooLate refuses a request whose body did not come in time. It is called by the clock with c.mu held, and lets go of it meanwhile.
func (c *conn) tooLate() {
	r, deadline := c.req, c.deadline
	c.mu.Unlock()
	h := c.decorated(r)
	c.mu.Lock()
	if c.phase == readingBody && c.deadline == deadline && c.req == r {
		c.refuse(errBodyTime, h)
	}
}
