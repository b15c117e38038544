package enginetest

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/sockd/sockd/instance/engineio"
)

// Frame is a message on a websocket.
type Frame struct {
	Text     bool
	Deflated bool // it came compressed
	Data     string
}

// CloseError is what Recv returns after the close frame. Code 1005 stands for an empty one.
type CloseError struct{ Code uint16 }

// Error implements error.
func (e *CloseError) Error() string {
	return fmt.Sprintf("enginetest: websocket closed with %d", e.Code)
}

// Conn is the client's side of a websocket.
type Conn struct {
	host     *Host
	frame    func(bool, []byte)
	gone     func(error)
	ready    chan struct{} // has a token when there is something for Recv
	patience time.Duration
	window   int // of a Deflater, as a power of 2; 0 = it is none

	reading sync.Mutex // one frame at a time; taken before mu

	mu       sync.Mutex
	inbox    []Frame
	stalled  []Frame // written while held
	buffered int     // bytes of stalled
	held     bool
	closing  bool    // the server closed; stalled frames come first
	paused   bool    // the server does not read
	underway []Frame // sent while it did not
	end      error   // why nothing more comes; nil while it is open
	code     uint16
}

// Send sends a text message. The server has handled it when Send returns, unless it has paused the connection: then the message is on its way.
func (c *Conn) Send(text string) error { return c.send(true, text) }

// SendBinary sends a binary message.
func (c *Conn) SendBinary(data string) error { return c.send(false, data) }

func (c *Conn) send(text bool, data string) error {
	c.reading.Lock()
	defer c.reading.Unlock()
	c.mu.Lock()
	err := c.end
	if c.closing && err == nil {
		err = engineio.ErrClosed
	}
	waits := err == nil && (c.paused || len(c.underway) > 0)
	if waits {
		c.underway = append(c.underway, Frame{Text: text, Data: data})
	}
	c.mu.Unlock()
	if err != nil || waits {
		return err
	}
	c.deliver(text, data)
	return nil
}

// deliver gives a message to the server. reading is held.
func (c *Conn) deliver(text bool, data string) {
	p := []byte(data)
	c.frame(text, p)
	for i := range p {
		p[i] = 0xdb // it was borrowed
	}
}

// arrive delivers what is on its way until the server pauses again.
func (c *Conn) arrive() {
	c.reading.Lock()
	defer c.reading.Unlock()
	for {
		c.mu.Lock()
		if c.paused || c.closing || c.end != nil || len(c.underway) == 0 {
			c.mu.Unlock()
			return
		}
		f := c.underway[0]
		c.underway = c.underway[1:]
		c.mu.Unlock()
		c.deliver(f.Text, f.Data)
	}
}

// Underway returns how many messages the server has not read yet because it has paused the connection.
func (c *Conn) Underway() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.underway)
}

// Recv returns the next message, or an error once the connection has ended and all messages were returned: a [*CloseError] if
// it was closed, the error of Drop, or that nothing came for as long as the client has patience.
func (c *Conn) Recv() (Frame, error) {
	timer := time.NewTimer(c.patience)
	defer timer.Stop()
	for {
		if f, ok, err := c.take(); ok || err != nil {
			return f, err
		}
		select {
		case <-c.ready:
		case <-timer.C:
			return Frame{}, errPatience
		}
	}
}

func (c *Conn) take() (f Frame, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.inbox) == 0 {
		return f, false, c.end
	}
	f, c.inbox = c.inbox[0], c.inbox[1:]
	return f, true, nil
}

// Pending returns how many messages Recv would return without waiting.
func (c *Conn) Pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.inbox)
}

// Hold stops reading, as a client with a full receive buffer does: what the server writes is buffered until Release.
func (c *Conn) Hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = true
}

// Release reads again.
func (c *Conn) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = false
	c.inbox = append(c.inbox, c.stalled...)
	c.stalled, c.buffered = nil, 0
	if c.closing {
		c.finish(nil, &CloseError{c.code})
	}
	c.signal()
}

// Close sends a close frame with the code.
func (c *Conn) Close(code uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finish(nil, &CloseError{code})
}

// Drop cuts the connection; the server's gone gets err, io.ErrUnexpectedEOF if it is nil.
func (c *Conn) Drop(err error) {
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finish(err, err)
}

// finish ends the connection, once. mu is held, as for all below.
func (c *Conn) finish(server, client error) {
	if c.end != nil {
		return
	}
	c.end = client
	c.stalled, c.buffered = nil, 0
	c.host.add(-1)
	c.signal()
	go c.gone(server)
}

func (c *Conn) signal() {
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

// writer is the server's side of a Conn.
type writer Conn

var (
	_ engineio.Deflater = (*writer)(nil)
	_ engineio.Pauser   = (*writer)(nil)
)

// closeWithin is how long a client that does not read delays the end of a connection that the server closed.
const closeWithin = 5 * time.Second

// Write implements [engineio.Conn].
func (w *writer) Write(wire []byte) error {
	c := (*Conn)(w)
	frames, err := parse(wire, c.window)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.end != nil || c.closing:
		return engineio.ErrClosed
	case err != nil:
		c.host.fault(err)
		c.finish(err, err)
		return err
	case c.held:
		c.stalled = append(c.stalled, frames...)
		c.buffered += len(wire)
	default:
		c.inbox = append(c.inbox, frames...)
		c.signal()
	}
	return nil
}

// Deflate implements [engineio.Deflater].
func (w *writer) Deflate() int { return w.window }

// Pause implements [engineio.Pauser].
func (w *writer) Pause(on bool) {
	c := (*Conn)(w)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !on && c.paused && len(c.underway) > 0 {
		go c.arrive()
	}
	c.paused = on
}

// Buffered implements [engineio.Conn].
func (w *writer) Buffered() int {
	c := (*Conn)(w)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buffered
}

// Close implements [engineio.Conn].
func (w *writer) Close(code uint16) error {
	c := (*Conn)(w)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end != nil || c.closing {
		return engineio.ErrClosed
	}
	if code == 0 {
		code = 1005
	}
	c.closing, c.code = true, code
	if !c.held {
		c.finish(nil, &CloseError{code})
		return nil
	}
	time.AfterFunc(closeWithin, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.finish(nil, io.ErrUnexpectedEOF)
	})
	return nil
}

// inflate undoes what a server did to a message. None of its references may go back further than the window.
func inflate(p []byte, window int) (string, error) {
	tail := strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")
	out, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(p), tail)))
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: %v", errFrame, err)
	case window < 15 && len(out) > 1<<window:
		return "", fmt.Errorf("%w: a compressed message of %d bytes with a window of %d", errFrame, len(out), 1<<window)
	}
	return string(out), nil
}

var errFrame = errors.New("enginetest: bad frame")

// parse splits what a server wrote into messages. window is that of a Deflater.
func parse(wire []byte, window int) (frames []Frame, err error) {
	for len(wire) > 0 {
		f, n, err := parseFrame(wire, window)
		if err != nil {
			return nil, err
		}
		frames, wire = append(frames, f), wire[n:]
	}
	return frames, nil
}

func parseFrame(wire []byte, window int) (f Frame, size int, err error) {
	const rsv1 = 0x40
	deflated := window > 0 && len(wire) > 0 && wire[0]&rsv1 != 0
	if len(wire) < 2 || wire[0]&^rsv1 != 0x81 && wire[0]&^rsv1 != 0x82 || wire[0]&rsv1 != 0 && !deflated {
		return f, 0, fmt.Errorf("%w: % x is not a whole message", errFrame, wire[:min(len(wire), 2)])
	}
	n, head, least := uint64(wire[1]), 2, uint64(0)
	if n == 126 && len(wire) >= 4 {
		n, head, least = uint64(binary.BigEndian.Uint16(wire[2:])), 4, 126
	} else if n == 127 && len(wire) >= 10 {
		n, head, least = binary.BigEndian.Uint64(wire[2:]), 10, 1<<16
	} else if n > 125 {
		return f, 0, fmt.Errorf("%w: masked or cut off", errFrame)
	}
	if n < least || n > uint64(len(wire)-head) {
		return f, 0, fmt.Errorf("%w: length %d in %d bytes", errFrame, n, len(wire))
	}
	size = head + int(n)
	f = Frame{Text: wire[0]&0xf == 1, Deflated: deflated, Data: string(wire[head:size])}
	if deflated {
		if f.Data, err = inflate(wire[head:size], window); err != nil {
			return f, 0, err
		}
	}
	if f.Text && !utf8.ValidString(f.Data) {
		return f, 0, fmt.Errorf("%w: %q is not UTF-8", errFrame, f.Data)
	}
	return f, size, nil
}
