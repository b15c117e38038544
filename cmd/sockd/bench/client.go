package bench

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

type stage byte

const (
	unborn    stage = iota
	handshake       // connecting, or waiting for the answer to the handshake
	opening         // waiting for the answer to CONNECT
	joined
	leaving
	gone
)

// client is one Socket.IO client.
type client struct {
	loop   *loop
	stage  stage
	sender bool // counts as none of the receivers
	main   *link
	polls  *polls // nil with WebSocket
	nth    int
	begun  time.Duration // of this connection
	seen   seen
	acks   *acks // mode ack
}

var (
	errClosed  = errors.New("closed by server")
	errTimeout = errors.New("no answer")
)

// begin connects, for the first time or anew.
func (c *client) begin(nth int) {
	c.nth, c.stage, c.begun = nth, handshake, c.loop.now
	if c.loop.run.o.Transport == polling {
		c.polls = &polls{client: c}
	}
	c.main = c.loop.connect(c, c.source())
}

// source counts a client that polls twice, for its two connections.
func (c *client) source() netip.Addr {
	nth := c.nth
	if c.polls != nil {
		nth *= 2
	}
	return c.loop.run.target.source(nth)
}

// requestHead begins a request; fields that differ and the empty line are the caller's.
func (r *run) requestHead(method, query string) []byte {
	b := append([]byte(method), ' ')
	b = append(append(b, query...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, r.target.host...), "\r\n"...)
	if r.o.Token != "" {
		b = append(append(append(b, "Authorization: Bearer "...), r.o.Token...), "\r\n"...)
	}
	return b
}

const upgradeFields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

func (c *client) connected(l *link) {
	if c.polls != nil {
		c.polls.connected(l)
		return
	}
	r := c.loop.run
	l.write(append(r.requestHead("GET", r.target.query(websocket)), upgradeFields...))
}

func (c *client) received(l *link, p []byte) (used int, err error) {
	if c.polls != nil {
		return c.polls.received(l, p)
	}
	if c.stage == handshake {
		answer, err := nextResponse(p)
		if err != nil || answer.size == 0 {
			return 0, err
		}
		if answer.status != 101 {
			return 0, refused(answer)
		}
		c.stage, used = opening, answer.size
	}
	for l.fd >= 0 {
		op, payload, size, err := nextFrame(p[used:])
		if err != nil || size == 0 {
			return used, err
		}
		used += size
		if err := c.frame(op, payload); err != nil {
			return used, err
		}
	}
	return used, nil
}

func refused(answer response) error {
	const most = 60
	text := strings.TrimSpace(string(answer.body[:min(len(answer.body), most)]))
	return fmt.Errorf("handshake: %s", strings.TrimSpace(fmt.Sprintf("%d %s", answer.status, text)))
}

func (c *client) frame(op byte, p []byte) error {
	switch op {
	case opText:
		return c.message(p)
	case opPing:
		c.main.write(append(openFrame(nil, opPong, len(p)), p...))
	case opClose:
		return errClosed
	}
	return nil
}

// message takes one Engine.IO packet.
func (c *client) message(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	switch p[0] {
	case '4':
		return c.packet(p[1:])
	case '0':
		if c.stage == handshake || c.stage == opening {
			c.stage = opening
			c.send(c.loop.packets.connect)
		}
	case '1':
		return errClosed
	case '2':
		c.send([]byte("3"))
	}
	return nil
}

func (c *client) packet(p []byte) error {
	if c.stage == joined {
		c.loop.driver.packet(c, p)
		return nil
	}
	kind, rest, ok := c.loop.packets.body(p)
	if c.stage != opening || !ok {
		return nil
	}
	switch kind {
	case '0':
		c.join()
	case '4':
		return fmt.Errorf("connect refused: %.60s", bytes.TrimSpace(rest))
	}
	return nil
}

func (c *client) join() {
	c.stage = joined
	lp := c.loop
	lp.dialing--
	lp.tally.connects++
	lp.tally.connect.record(lp.now - c.begun)
	lp.run.joined.Add(1)
	lp.driver.joined(c)
}

// send queues one Engine.IO packet.
func (c *client) send(p []byte) {
	if c.polls != nil {
		c.polls.send(p)
		return
	}
	c.main.out = append(openFrame(c.main.out, opText, len(p)), p...)
	c.main.touch()
}

// leave ends the session as a client does that has no more to say.
func (c *client) leave() {
	c.stage, c.begun = leaving, c.loop.now
	c.send(c.loop.packets.leave)
	if c.polls != nil {
		c.send([]byte("1"))
		return
	}
	c.main.write(append(openFrame(nil, opClose, 2), 0x03, 0xE8)) // 1000
}

// expire ends a client that waits for too long.
func (c *client) expire(now time.Duration) {
	switch {
	case (c.stage == handshake || c.stage == opening) && now-c.begun > joinTime:
		c.lost(c.main, errTimeout)
	case c.stage == leaving && now-c.begun > c.loop.run.o.Patience:
		c.lost(c.main, errTimeout)
	}
}

func (c *client) lost(_ *link, err error) {
	if c.stage == gone {
		return
	}
	lp, was := c.loop, c.stage
	c.stage = gone
	c.main.close()
	if c.polls != nil {
		c.polls.close()
	}
	if was == handshake || was == opening {
		lp.dialing--
	}
	if was != joined && was != leaving {
		lp.run.failed.Add(1)
	}
	if was != leaving || errors.Is(err, errTimeout) {
		lp.faults.add(reason(err))
		lp.run.firstFault(err)
	}
	if errors.Is(err, errTimeout) {
		was = handshake
	}
	lp.driver.left(c, was)
}
