package transport

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lesismal/nbio"
)

// phase is where a connection stands. It moves down this list, except that a request which was answered leads back to idle.
type phase uint8

const (
	idle        phase = iota // between two requests
	readingHead              // some bytes of a header have arrived
	readingBody              // and some of a body, or none yet
	handling                 // ServeHTTP runs
	waiting                  // the request is parked
	upgraded                 // WebSocket
	closing                  // our close frame is sent, the peer's is awaited
	lingering                // the last bytes are given; what comes is discarded until the peer closes
	shutDown                 // both directions are shut, the poller will report the end
	ended
)

// conn is one connection. The poller's goroutine alone reads; anyone may write. Everything that is needed only while something is under way
// is behind a pointer, so that an idle WebSocket is this struct, its webSocket and nbio's part.
type conn struct {
	nc     *nbio.Conn
	server *Server
	queued atomic.Int64 // bytes given to nbio that the kernel has not taken: the ledger
	finish atomic.Bool  // shut down writing when queued is 0
	drains atomic.Bool  // somebody is to be told when queued is 0

	// Only the poller's goroutine.
	in     *inbound // the request that is being read
	frames frameReader
	held   []byte // read, but not handled: its turn was over, or its owner has paused it
	until  int64  // when this turn is over, by the clock
	glance uint8  // frames since it was last looked at

	probe  *probe      // of its poller
	listed bool        // on its agenda; guarded by agenda.mu
	paused atomic.Bool // by its owner; written under mu

	wake  alarm // guarded by clock.mu
	index int32 // in server.conns, guarded by server.mu

	mu        sync.Mutex
	phase     phase
	extra     bool          // bytes of another request came while one was parked
	stopped   bool          // no bytes are wanted until the agenda goes on
	corked    bool          // what is sent is gathered in probe.gathered
	tail      bool          // held is all that will come
	late      bool          // the file is closed, but what came before is not all handled
	lived     bool          // the kernel watches whether the peer's host lives
	stalls    uint8         // checks without progress of the ledger
	clean     bool          // a close frame was sent on purpose or received
	lent      bool          // tally is that of the request's client, until the answer
	discarded int32         // bytes since lingering began
	pongs     int32         // bytes of pongs given while the ledger was not 0
	most      int64         // bytes of a message, once upgraded
	window    uint8         // with which the client inflates, as a power of 2; 0 = no compression; does not change once upgraded
	deadline  int64         // by the clock; 0 = none
	seen      int64         // the ledger at the last check
	cause     error         // why we ended it
	req       *http.Request // from its header to the end of its handler's call
	parked    *parked
	ws        *webSocket
	tally     *tally // of its client address; nil while it counts for none
}

func newConn(s *Server, nc *nbio.Conn, t *tally) *conn {
	c := &conn{nc: nc, server: s, tally: t}
	s.insert(c)
	c.mu.Lock()
	c.arm(s.options.Load().HeadTimeout)
	c.mu.Unlock()
	bind(nc, c)
	return c
}

// receive gets what the poller has read; p is borrowed. rest is not handled yet because the turn is over. A panic of a handler, or of this
// package, ends this connection only.
func (c *conn) receive(p []byte) (rest []byte) {
	at := c.cork()
	defer c.uncork()
	defer c.rescue()
	for ; len(p) > 0; at = c.current() {
		switch at {
		case idle, readingHead, readingBody:
			p = c.readRequest(p)
		case handling, waiting:
			c.tooEarly(p)
			return nil
		case upgraded, closing:
			return c.readFrames(p)
		case lingering:
			c.discard(len(p))
			return nil
		default:
			return nil
		}
		if c.over() {
			return p
		}
	}
	return nil
}

func (c *conn) current() phase {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.phase
}

// enter moves on to p, with a deadline unless d is 0. It returns false if somebody has ended the connection meanwhile.
func (c *conn) enter(p phase, d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase >= closing {
		return false
	}
	if p == handling {
		c.parked = nil // an upload that has come to its end
	}
	c.phase = p
	c.arm(d)
	return true
}

// arm sets the deadline to d from now, or none; c.mu is held.
func (c *conn) arm(d time.Duration) {
	if d <= 0 {
		c.deadline = 0
		return
	}
	k := c.server.clock
	c.deadline = k.now() + int64(d)
	k.set(c, c.deadline)
}

func (c *conn) alarm() *alarm { return &c.wake }

// due is called by the clock.
func (c *conn) due(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.deadline == 0 || c.phase >= shutDown:
		return
	case c.deadline > now:
		c.server.clock.set(c, c.deadline)
		return
	case c.paused.Load():
		c.pausedFor()
		return
	}
	switch c.phase {
	case idle:
		c.idleFor()
	case readingHead:
		c.refuse(errHeadTime, nil)
	case readingBody:
		c.tooLate()
	case lingering:
		c.lingeredFor()
	default:
		c.shutLocked(nil)
	}
}

// idleFor closes a connection on which no request came, but not one that still takes a long answer; c.mu is held.
func (c *conn) idleFor() {
	left := c.queued.Load()
	if left > 0 && left != c.seen {
		c.seen = left
		c.arm(c.server.options.Load().IdleTimeout)
		return
	}
	c.server.counters.refuse(idleTimeout)
	c.shutLocked(nil)
}

// rescue keeps a panic to this connection. An unanswered request is answered with 500.
func (c *conn) rescue() {
	v := recover()
	if v == nil {
		return
	}
	c.caught(v)
	h := c.apology()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.phase == upgraded:
		c.fail(&frameError{code: 1011, err: errors.New("handler panicked")})
	case c.phase == handling && c.parked == nil && v != http.ErrAbortHandler:
		c.answerError(http.StatusInternalServerError, h)
	default:
		c.shutLocked(errors.New("handler panicked"))
	}
}

// apology returns the headers for the 500 after a panic, unless what makes them panics, too.
func (c *conn) apology() (h http.Header) {
	defer func() {
		if v := recover(); v != nil {
			c.caught(v)
		}
	}()
	c.mu.Lock()
	r := c.req
	c.mu.Unlock()
	return c.decorated(r)
}

func (c *conn) caught(v any) {
	c.server.counters.panics.Add(1)
	if v != http.ErrAbortHandler {
		c.server.options.Load().Log.Error("handler panicked", "remote", c.nc.RemoteAddr().String(), "err", fmt.Sprintf("%v\n%s", v, debug.Stack()))
	}
}

// ended is called by nbio once, when the connection's file is closed. What came before and is not handled yet is handled first, unless its
// owner has paused the connection: then only a client that has left in an orderly way is waited for.
func (c *conn) ended(err error) {
	c.mu.Lock()
	if c.stopped && c.phase != ended && (c.tail || !c.paused.Load()) {
		c.late = true
		if c.cause == nil {
			c.cause = cmp.Or(err, net.ErrClosed)
		}
		if !c.paused.Load() {
			c.probe.schedule(c)
		}
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	c.conclude(err)
}

// conclude tells everybody that the connection has ended.
func (c *conn) conclude(err error) {
	c.mu.Lock()
	if c.phase == ended {
		c.mu.Unlock()
		return
	}
	c.phase = ended
	c.deadline = 0
	c.server.backlog.Add(-c.queued.Load()) // what nobody will take any more
	parked, ws := c.parked, c.ws
	tally := c.tally
	c.parked, c.ws, c.tally, c.lent, c.req = nil, nil, nil, false, nil
	switch {
	case c.clean && !errors.Is(c.cause, errSlow):
		err = nil
	case c.cause != nil:
		err = c.cause
	case err == nil:
		err = net.ErrClosed
	}
	c.mu.Unlock()
	c.server.clock.clear(c)
	c.server.tallies.give(tally)
	defer c.server.remove(c)
	defer func() {
		if v := recover(); v != nil {
			c.caught(v)
		}
	}()
	if ws != nil {
		c.server.counters.sockets.Add(-1)
		ws.gone(err)
	}
	if parked != nil && !parked.answered {
		switch {
		case parked.stream != nil:
			c.server.counters.streams.Add(-1)
		case !parked.upload:
			c.server.counters.parked.Add(-1)
		}
		if err == nil {
			err = io.EOF
		}
		parked.gone(err)
	}
}

// drain ends what waits for nothing.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != idle {
		return
	}
	if c.queued.Load() > 0 {
		c.linger()
		return
	}
	c.shutLocked(nil)
}

func (c *conn) shut(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shutLocked(cause)
}
