package transport

import (
	"syscall"
	"time"
)

const (
	lingerTime  = time.Second
	lingerBytes = 256 << 10
	maxStalls   = 10 // times lingerTime without progress
	closeTime   = 3 * time.Second
)

// A connection is never closed here, only shut down: its poller then closes the file. Were it closed from another goroutine, an event that the
// poller has already fetched for it could hit the next connection with the same file number.

// linger ends the connection after what was given is sent: then writing is shut down, and what the peer still sends is discarded, up to
// lingerBytes or lingerTime. A close with unread bytes would reset the connection and could take the answer with it. c.mu is held.
func (c *conn) linger() {
	if c.phase >= lingering {
		return
	}
	_ = c.release()
	if c.phase >= lingering { // it failed
		return
	}
	c.phase = lingering
	c.unpause()
	c.seen = c.queued.Load()
	c.finish.Store(true)
	if c.seen == 0 {
		c.shutdown(syscall.SHUT_WR)
	}
	c.arm(lingerTime)
}

// lingeredFor is called each lingerTime; c.mu is held.
func (c *conn) lingeredFor() {
	left := c.queued.Load()
	switch {
	case left == 0 && c.seen == 0:
		c.shutLocked(nil)
		return
	case left == 0 || left != c.seen:
		c.stalls = 0
	case c.stalls >= maxStalls:
		c.server.counters.refuse(stalled)
		c.shutLocked(nil)
		return
	default:
		c.stalls++
	}
	c.seen = left
	c.arm(lingerTime)
}

// discard counts n bytes that came while lingering.
func (c *conn) discard(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.discarded = int32(min(int(c.discarded)+n, lingerBytes))
	if c.discarded >= lingerBytes && c.phase == lingering {
		c.shutLocked(nil)
	}
}

// shutLocked ends both directions now; what is queued is lost. cause is what gone is told, unless there was one before. c.mu is held.
func (c *conn) shutLocked(cause error) {
	if c.phase >= shutDown {
		return
	}
	if c.cause == nil {
		c.cause = cause
	}
	c.phase = shutDown
	_ = c.release()
	c.unpause()
	c.deadline = 0
	c.shutdown(syscall.SHUT_RDWR)
}

// shutdown is shutdown(2), unless nbio has closed the file already.
func (c *conn) shutdown(how int) {
	c.nc.Lock()
	defer c.nc.Unlock()
	if closed, _ := c.nc.IsClosed(); !closed {
		syscall.Shutdown(c.nc.Hash(), how)
	}
}
