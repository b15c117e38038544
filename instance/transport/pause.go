package transport

import (
	"io"
	"time"

	"github.com/sockd/sockd/instance/engineio"
)

var _ engineio.Pauser = (*webSocket)(nil)

const (
	pauseCheck = time.Second
	pauseGrace = 10     // checks in which a paused client has left; then what it sent before is lost
	silence    = 45_000 // milliseconds after which a host that acknowledges nothing is dead
)

// Pause implements [engineio.Pauser]. The kernel's buffers fill up and hold the client back; besides, at most what was read in one turn (2 MiB)
// is kept. A reset ends a paused connection at once, and a host that is no longer there, or takes nothing of what it is sent, after a minute at
// most. What came before the client's orderly end is kept for 10 s. Pings of the client are not answered meanwhile.
//
// Where a poller cannot be told to look away, on other systems than Linux, 2 MiB are kept and the connection is cut beyond.
func (s *webSocket) Pause(on bool) { s.c.pause(on) }

// pause stops or continues reading; the two phases in which somebody takes what comes are those that can be paused.
func (c *conn) pause(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	streaming := c.phase == readingBody && c.parked != nil && c.parked.streamed
	if c.paused.Load() == on || c.phase != upgraded && !streaming {
		return
	}
	if !on {
		c.unpause()
		if streaming {
			c.arm(c.server.options.Load().BodyTimeout)
		}
		return
	}
	c.paused.Store(true)
	c.stalls = 0
	c.lived = false
	if !c.stopped {
		c.stopped = true
		c.watch(false)
	}
	c.arm(pauseCheck)
}

// unpause goes on where pause has stopped; c.mu is held.
func (c *conn) unpause() {
	if !c.paused.Swap(false) {
		return
	}
	c.stalls = 0
	c.arm(0)
	if c.lived {
		c.expectLife(0)
	}
	c.probe.schedule(c)
}

// pausedFor is called each pauseCheck; c.mu is held.
func (c *conn) pausedFor() {
	if c.tail || c.peerDone() {
		c.stalls++
	}
	if c.stalls >= pauseGrace {
		c.shutLocked(io.EOF)
		return
	}
	if !c.lived {
		c.lived = true
		c.expectLife(silence)
	}
	c.arm(pauseCheck)
}
