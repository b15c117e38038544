package transport

import (
	"encoding/binary"
	"errors"

	"github.com/gobwas/ws"

	"github.com/sockd/sockd/instance/engineio"
)

// webSocket is an upgraded connection as its owner sees it.
type webSocket struct {
	c     *conn
	frame func(text bool, p []byte)
	gone  func(error)
}

var _ engineio.Deflater = (*webSocket)(nil)

// Write implements [engineio.Conn]. A client that has more than MaxBuffered bytes waiting is cut: Write returns [engineio.ErrSlow], and so
// does gone.
func (s *webSocket) Write(frame []byte) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.phase != upgraded:
		return engineio.ErrClosed
	case c.overfull(len(frame)):
		c.server.counters.refuse(tooSlow)
		c.shutLocked(errSlow)
		return engineio.ErrSlow
	}
	return c.send(frame)
}

// Buffered implements [engineio.Conn].
func (s *webSocket) Buffered() int { return int(max(s.c.queued.Load(), 0)) }

// Deflate implements [engineio.Deflater].
func (s *webSocket) Deflate() int { return int(s.c.window) }

// Close implements [engineio.Conn]. The peer has 3 seconds to take what is queued and to answer; messages that come after Close are dropped.
func (s *webSocket) Close(code uint16) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != upgraded {
		return engineio.ErrClosed
	}
	c.clean = true
	c.phase = closing
	c.unpause()
	err := c.sendClose(ws.StatusCode(code))
	c.arm(closeTime)
	return err
}

// sendClose sends a close frame; code 0 leaves the payload out. c.mu is held.
func (c *conn) sendClose(code ws.StatusCode) error {
	if code == 0 {
		return c.send([]byte{0x80 | byte(ws.OpClose), 0})
	}
	return c.send([]byte{0x80 | byte(ws.OpClose), 2, byte(code >> 8), byte(code)})
}

// readFrames gets bytes of an upgraded connection, and returns what waits for the next turn.
func (c *conn) readFrames(p []byte) (rest []byte) {
	rest, err := c.frames.read(p, rules{c.most, c.window > 0}, (*inlet)(c))
	if err == nil || errors.Is(err, errEnough) {
		return rest
	}
	var fault *frameError
	if !errors.As(err, &fault) {
		fault = protocolError(err)
	}
	c.server.counters.refuse(fault.reason)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(fault)
	return nil
}

// fail sends the close code of a fault and ends the connection; c.mu is held.
func (c *conn) fail(fault *frameError) {
	if c.phase >= lingering {
		return
	}
	if c.cause == nil {
		c.cause = fault
	}
	if c.phase == upgraded {
		c.sendClose(fault.code)
	}
	c.frames.part = nil
	c.linger()
}

// inlet is the receiving side of a connection.
type inlet conn

// Small messages are quick, so that the time is looked at once for some of them.
const (
	smallMessage = 4 << 10 // bytes
	glances      = 8
)

func (in *inlet) more() bool {
	c := (*conn)(in)
	if c.glance++; c.glance < glances {
		return !c.paused.Load()
	}
	c.glance = 0
	return !c.over()
}

func (in *inlet) message(text bool, p []byte) bool {
	c := (*conn)(in)
	c.mu.Lock()
	ws, phase := c.ws, c.phase
	c.mu.Unlock()
	if phase == upgraded {
		c.server.counters.messages.Add(1)
		if len(p) > smallMessage {
			c.glance = glances
		}
		ws.frame(text, p)
	}
	return phase == upgraded || phase == closing
}

func (in *inlet) control(op ws.OpCode, p []byte) bool {
	c := (*conn)(in)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != upgraded && c.phase != closing {
		return false
	}
	switch op {
	case ws.OpPing:
		c.pong(p)
	case ws.OpClose:
		c.closedByPeer(p)
		return false
	}
	return true
}

// maxPongs bounds what a flood of pings can put into the queue of a client that reads nothing.
const maxPongs = 16 << 10

// pong answers a ping, unless too many pongs wait already; c.mu is held. RFC 6455, section 5.5.3, allows to leave some out.
func (c *conn) pong(p []byte) {
	if c.phase != upgraded {
		return
	}
	if c.queued.Load() == 0 && !c.gathers() {
		c.pongs = 0
	}
	if c.pongs > maxPongs {
		c.server.counters.refuse(pongFlood)
		return
	}
	var b [2 + ws.MaxControlFramePayloadSize]byte
	b[0], b[1] = 0x80|byte(ws.OpPong), byte(len(p))
	n := 2 + copy(b[2:], p)
	c.pongs += int32(n)
	c.send(b[:n])
}

// closedByPeer answers a close frame with its own code, unless ours is sent already, and ends the connection. c.mu is held.
func (c *conn) closedByPeer(p []byte) {
	if c.phase == upgraded {
		var code ws.StatusCode
		if len(p) >= 2 {
			code = ws.StatusCode(binary.BigEndian.Uint16(p))
		}
		c.clean = true
		c.sendClose(code)
	}
	c.frames.part = nil
	c.linger()
}
