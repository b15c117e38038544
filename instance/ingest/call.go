package ingest

import (
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// call is a POST from its header to its answer.
type call struct {
	h       *Handler
	s       *settings
	header  http.Header
	query   url.Values // parsed when something asks for it
	raw     string
	wait    time.Duration
	form    bool      // the type says a form, which is what curl -d says of anything
	lined   bool      // NDJSON
	prefers bool      // Prefer: return=minimal
	turn    uint64    // the key of its jobs
	key     ledgerKey // key.key is "" without Idempotency-Key

	mu       sync.Mutex
	pending  int // results to come, and one until all events were given
	sheet    sheet
	fault    *fault // ends the request, whatever was accepted before it
	entry    *entry // of the ledger, which gets the answer
	answer   *answer
	reply    func(int, http.Header, []byte) error // of the parked request, until it is used
	deadline time.Time                            // of the parked request; the clock's
}

// publish hands on one event. Once the call has a fault, nothing more is published.
func (c *call) publish(e *Event) {
	e.Wait = c.wait
	c.mu.Lock()
	if c.fault != nil {
		c.mu.Unlock()
		return
	}
	if c.sheet.given >= maxResults && !c.sheet.quiet {
		c.fault = newFault(tooLarge, "more than "+strconv.Itoa(maxResults)+" events for one answer; send Prefer: return=minimal, or several requests")
		c.mu.Unlock()
		return
	}
	n := c.sheet.given
	c.sheet.given++
	c.pending++
	c.mu.Unlock()
	c.h.bucket.take(&c.s.Options, 1)
	c.h.publish(e, func(r Result, err error) { c.done(n, r, err) })
}

func (c *call) done(n int, r Result, err error) {
	if err == nil {
		c.h.counters.events.Add(1)
	} else {
		c.h.counters.refused.Add(1)
	}
	c.mu.Lock()
	c.sheet.add(n, verdict{r, err})
	c.mu.Unlock()
	c.release()
}

// fail ends the call with a fault; the first one counts.
func (c *call) fail(f *fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault == nil {
		c.fault = f
	}
}

func (c *call) failed() *fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

// release takes back one of pending. The last one makes the answer.
func (c *call) release() {
	c.mu.Lock()
	c.pending--
	if c.pending > 0 {
		c.mu.Unlock()
		return
	}
	a := c.compose()
	e, keep := c.entry, c.sheet.ok > 0 || c.fault == nil && c.sheet.bad == 0
	c.mu.Unlock()
	if e != nil {
		c.h.ledger.complete(e, a, keep)
		c.h.clock.poke()
	}
	c.conclude(a)
}

// compose makes the answer; c.mu is held and every result is known.
func (c *call) compose() *answer {
	switch {
	case c.fault == nil:
		return c.sheet.answer(c.prefers)
	case c.lined:
		return c.fault.answer(c.sheet.ok)
	}
	return c.fault.answer(-1)
}

// conclude gives the answer, or leaves it for settle. Only the first one is given.
func (c *call) conclude(a *answer) {
	c.mu.Lock()
	if c.answer != nil {
		c.mu.Unlock()
		return
	}
	c.answer = a
	reply := c.reply
	c.reply = nil
	c.mu.Unlock()
	c.h.counters.count(a.what)
	if reply != nil {
		c.h.clock.forget(c)
		_ = reply(a.status, a.header, a.body) // a client that left is the host's to notice
	}
}

// settle ends the handler's turn: it answers, or parks the request until the answer is made.
func (c *call) settle(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	a := c.answer
	c.mu.Unlock()
	if a != nil {
		a.write(w)
		return
	}
	c.deadline = time.Now().Add(c.wait + stuck)
	c.h.clock.remember(c)
	reply, err := c.h.host.Park(w, r, c.gone)
	if err != nil { // the client has left
		c.h.clock.forget(c)
		return
	}
	c.mu.Lock()
	a = c.answer
	if a == nil {
		c.reply = reply
	}
	c.mu.Unlock()
	if a != nil {
		c.h.clock.forget(c)
		_ = reply(a.status, a.header, a.body)
	}
}

// gone is called when the client has left. What it has sent is published all the same.
func (c *call) gone(error) {
	c.mu.Lock()
	c.reply = nil
	c.mu.Unlock()
	c.h.clock.forget(c)
}

// expire answers a call that was not answered in time. Its events may still be accepted, and its key of the ledger still gets the true answer.
func (c *call) expire() {
	c.conclude(newFault(timedOut, "no answer in time; the events may have been accepted").answer(-1))
}
