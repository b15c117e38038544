package transport

import (
	"errors"
	"io"
	"sync"
	"syscall"
	"time"
)

// turnTime is how long a poller stays with one connection that has more to do. Those whose turn was too short share it until they are done, so
// that a crowd of them delays others hardly longer than one does. One step, a frame or a request, is always done whole.
const (
	turnTime    = time.Millisecond
	minTurnTime = 100 * time.Microsecond
)

// maxHeld bounds what is kept unhandled of one connection.
const maxHeld = readBuffer * maxReads

var errHeld = errors.New("client sent too much while it was held back")

// buffers are what pollers read into; as many are in use as there are pollers.
var buffers = sync.Pool{New: func() any { return new([readBuffer]byte) }}

// readable is called by nbio when bytes have arrived. A turn ends after turnTime, when nothing more is there, when the owner pauses the
// connection, or after maxReads. What was read and not handled is kept, and the rest stays in the kernel, until the poller's agenda goes on
// with it.
func (c *conn) readable() {
	if c.halted() {
		c.stray()
		return
	}
	buf := buffers.Get().(*[readBuffer]byte)
	defer buffers.Put(buf)
	c.begin()
	for range maxReads {
		n, again := c.read(buf[:])
		if n > 0 {
			rest := c.receive(buf[:n])
			if len(rest) > 0 || again && c.over() {
				c.stop(rest)
				return
			}
		}
		if !again {
			return
		}
	}
}

// read reads once. again tells whether more may be there.
func (c *conn) read(buf []byte) (n int, again bool) {
	n, err := readNow(c.nc.Hash(), buf)
	switch {
	case err == nil && n > 0:
		return n, n == len(buf)
	case err == nil:
		err = io.EOF
	case errors.Is(err, syscall.EINTR):
		return 0, true
	case errors.Is(err, syscall.EAGAIN):
		return 0, false
	}
	c.nc.CloseWithError(err) // this is the poller
	return 0, false
}

// begin starts a turn.
func (c *conn) begin() {
	share := turnTime / time.Duration(1+c.probe.agenda.load.Load())
	c.until = c.server.clock.now() + int64(max(share, minTurnTime))
}

// over tells whether this turn has come to its end.
func (c *conn) over() bool { return c.paused.Load() || c.server.clock.now() > c.until }

// halted tells whether reading has stopped until the agenda goes on.
func (c *conn) halted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped
}

// stop ends a turn in which not all was done. rest is kept.
func (c *conn) stop(rest []byte) {
	c.held = append(c.held, rest...)
	c.mu.Lock()
	c.stopped = true
	masked := c.watch(false)
	paused := c.paused.Load()
	c.mu.Unlock()
	c.rescueTail(masked)
	if !paused {
		c.probe.schedule(c)
	}
}

// stray is called when bytes arrive although nobody wants them: nbio has looked at its own write queue in between, and asks for both.
func (c *conn) stray() {
	c.mu.Lock()
	masked := c.watch(false)
	c.mu.Unlock()
	c.rescueTail(masked)
}

// rescueTail reads what is there without handling it if the peer has sent its FIN, because nbio then closes the file after this turn. The kernel
// has at most half of maxHeld. More can come only where a poller cannot be told to look away, and all must be read.
func (c *conn) rescueTail(masked bool) {
	switch {
	case c.peerDone():
		c.mu.Lock()
		c.tail = true
		c.mu.Unlock()
	case masked:
		return
	}
	buf := buffers.Get().(*[readBuffer]byte)
	defer buffers.Put(buf)
	for range maxReads {
		n, again := c.read(buf[:])
		c.held = append(c.held, buf[:n]...)
		if len(c.held) > maxHeld {
			c.server.counters.refuse(tooSlow)
			c.held = nil
			c.shut(errHeld)
			return
		}
		if !again {
			return
		}
	}
}

// work goes on with a connection whose turn had ended. The poller's agenda calls it.
func (c *conn) work() {
	c.callDrained()
	if c.paused.Load() || !c.halted() {
		return
	}
	held := c.held
	c.held = nil
	c.begin()
	if rest := c.receive(held); len(rest) > 0 {
		c.held = rest
		if !c.paused.Load() {
			c.probe.schedule(c)
		}
		return
	}
	c.mu.Lock()
	late := c.late
	if !c.paused.Load() {
		c.stopped = false
		c.watch(true)
	}
	c.mu.Unlock()
	if late {
		c.conclude(nil)
	}
}
