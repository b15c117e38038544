package transport

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// frameError fails a WebSocket connection with a close code (RFC 6455, section 7.4.1).
type frameError struct {
	code   ws.StatusCode
	reason reason
	err    error
}

func (e *frameError) Error() string { return e.err.Error() }
func (e *frameError) Unwrap() error { return e.err }

var (
	errLength   = protocolError(errors.New("frame length is not in its shortest form or over 63 bits"))
	errTooBig   = &frameError{ws.StatusMessageTooBig, messageSize, errors.New("message over the size limit")}
	errUTF8     = &frameError{ws.StatusInvalidFramePayloadData, invalidText, errors.New("text message is not valid UTF-8")}
	errCloseLen = protocolError(errors.New("close frame of one byte"))
	errEnough   = errors.New("receiver has enough") // not a fault
)

func protocolError(err error) *frameError {
	return &frameError{ws.StatusProtocolError, badFrame, err}
}

// receiver gets what a frameReader has read. Both methods return false to stop it; p is borrowed. more is asked before each frame but the first
// of a piece: without it the rest waits.
type receiver interface {
	more() bool
	message(text bool, p []byte) bool
	control(op ws.OpCode, p []byte) bool
}

// frameReader reads a client's frames from the pieces in which they arrive. A whole unfragmented frame is unmasked and handed over where it
// lies; only what is incomplete is copied. The zero value is ready.
type frameReader struct {
	part *partial // nil between messages
}

// partial is what is incomplete: a header, a payload, a fragmented message, or a control frame in the middle of one.
type partial struct {
	header  [ws.MaxHeaderSize]byte
	n       int  // bytes in header
	within  bool // the header is whole, its payload is not
	h       ws.Header
	done    int       // payload bytes of this frame that were read
	op      ws.OpCode // of the fragmented message; OpContinuation = there is none
	packed  bool      // that message is compressed
	message []byte
	control []byte
}

// rules are what a connection takes.
type rules struct {
	max     int64 // bytes of a message, counted when a header announces it, and again while it is inflated
	deflate bool  // messages may be compressed
}

// read takes p, which is changed, and returns the rest that waits. The error is errEnough or a *frameError; the rest is then lost.
func (f *frameReader) read(p []byte, o rules, to receiver) (rest []byte, err error) {
	for len(p) > 0 {
		if f.part != nil && f.part.within {
			p, err = f.payload(p, o, to)
		} else {
			p, err = f.next(p, o, to)
		}
		if err != nil {
			return nil, err
		}
		if len(p) > 0 && !to.more() {
			return p, nil
		}
	}
	return nil, nil
}

// next reads a header, and the payload too if all of it is there.
func (f *frameReader) next(p []byte, o rules, to receiver) ([]byte, error) {
	h, n, err := f.header(p, o.deflate)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, nil
	}
	p = p[n:]
	if err := f.fits(h, o.max); err != nil {
		return nil, err
	}
	whole := int64(len(p)) >= h.Length
	if whole && (h.OpCode.IsControl() || h.Fin && h.OpCode != ws.OpContinuation) {
		if f.part != nil {
			f.tidy()
		}
		payload := p[:h.Length:h.Length]
		ws.Cipher(payload, h.Mask, 0)
		if h.Rsv1() {
			return p[h.Length:], inflate(to, h.OpCode, payload, o.max)
		}
		return p[h.Length:], deliver(to, h.OpCode, payload)
	}
	f.want()
	f.part.h, f.part.within, f.part.done = h, true, 0
	return f.payload(p, o, to)
}

func (f *frameReader) want() {
	if f.part == nil {
		f.part = new(partial)
	}
}

// fits counts the message that h belongs to.
func (f *frameReader) fits(h ws.Header, max int64) error {
	if h.OpCode.IsControl() {
		return nil
	}
	packed := h.Rsv1()
	if f.part != nil {
		packed = packed || f.part.packed
		max -= int64(len(f.part.message))
	}
	if packed {
		max += max>>10 + 64 // what does not shrink grows a little
	}
	if h.Length > max {
		return errTooBig
	}
	return nil
}

// header reads a header from what is left of the last piece and p. n is how many bytes of p it took; 0 means that it took all and needs more.
func (f *frameReader) header(p []byte, deflate bool) (h ws.Header, n int, err error) {
	b, kept := p, 0
	if f.part != nil && f.part.n > 0 {
		kept = f.part.n
		copied := copy(f.part.header[kept:], p)
		b = f.part.header[:kept+copied]
	}
	h, size, err := parseHeader(b, f.part != nil && f.part.op != ws.OpContinuation, deflate)
	if err != nil {
		return h, 0, err
	}
	if size > 0 {
		if f.part != nil {
			f.part.n = 0
		}
		return h, size - kept, nil
	}
	f.want()
	if kept == 0 {
		copy(f.part.header[:], p)
	}
	f.part.n = len(b)
	return h, 0, nil
}

// parseHeader reads the header at the begin of b (RFC 6455, section 5.2) and checks it; size is 0 if it is not whole. What the first two bytes
// show to be wrong is reported without waiting for the others. If messages may be compressed, RSV1 of their first frame says so.
func parseHeader(b []byte, fragmented, deflate bool) (h ws.Header, size int, err error) {
	if len(b) < 2 {
		return h, 0, nil
	}
	h = ws.Header{
		Fin:    b[0]&0x80 != 0,
		Rsv:    b[0] >> 4 & 7,
		OpCode: ws.OpCode(b[0] & 0x0f),
		Masked: b[1]&0x80 != 0,
		Length: int64(b[1] & 0x7f),
	}
	state := ws.StateServerSide
	if fragmented {
		state = state.Set(ws.StateFragmented)
	}
	checked := h
	if deflate && (h.OpCode == ws.OpText || h.OpCode == ws.OpBinary) {
		checked.Rsv &^= 4
	}
	if err := ws.CheckHeader(checked, state); err != nil {
		return h, 0, protocolError(err)
	}
	size = 2
	switch h.Length {
	case 126:
		size = 4
	case 127:
		size = 10
	}
	if len(b) < size+4 {
		return h, 0, nil
	}
	switch size {
	case 4:
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
		if h.Length < 126 {
			return h, 0, errLength
		}
	case 10:
		h.Length = int64(binary.BigEndian.Uint64(b[2:]))
		if h.Length <= 0xffff { // also what has the highest bit
			return h, 0, errLength
		}
	}
	copy(h.Mask[:], b[size:])
	return h, size + 4, nil
}

// payload reads on in a payload that did not come in one piece, or that belongs to a fragmented message.
func (f *frameReader) payload(p []byte, o rules, to receiver) ([]byte, error) {
	part := f.part
	n := min(len(p), int(part.h.Length)-part.done)
	into := &part.message
	if part.h.OpCode.IsControl() {
		into = &part.control
	}
	at := len(*into)
	*into = append(*into, p[:n]...)
	ws.Cipher((*into)[at:], part.h.Mask, part.done)
	part.done += n
	if part.done < int(part.h.Length) {
		return p[n:], nil
	}
	return p[n:], f.complete(o, to)
}

// complete ends the frame whose payload is whole now.
func (f *frameReader) complete(o rules, to receiver) error {
	part := f.part
	part.within = false
	op := part.h.OpCode
	if op.IsControl() {
		payload := part.control
		part.control = nil
		f.tidy()
		return deliver(to, op, payload)
	}
	if op == ws.OpContinuation {
		op = part.op
	} else {
		part.packed = part.h.Rsv1()
	}
	if !part.h.Fin {
		part.op = op
		return nil
	}
	f.part = nil
	if part.packed {
		return inflate(to, op, part.message, o.max)
	}
	return deliver(to, op, part.message)
}

// inflate delivers a compressed message.
func inflate(to receiver, op ws.OpCode, p []byte, max int64) error {
	i := inflaters.Get().(*inflater)
	defer i.release()
	p, err := i.message(p, max)
	if err != nil {
		return err
	}
	return deliver(to, op, p)
}

// tidy frees part if nothing is incomplete any more.
func (f *frameReader) tidy() {
	if f.part.op == ws.OpContinuation && f.part.n == 0 {
		f.part = nil
	}
}

func deliver(to receiver, op ws.OpCode, p []byte) error {
	switch {
	case op.IsControl():
		if op == ws.OpClose {
			if err := checkClose(p); err != nil {
				return err
			}
		}
		if !to.control(op, p) {
			return errEnough
		}
	case op == ws.OpText && !utf8.Valid(p):
		return errUTF8
	case !to.message(op == ws.OpText, p):
		return errEnough
	}
	return nil
}

// checkClose checks the payload of a close frame: nothing, or a code that may be sent and a text.
func checkClose(p []byte) error {
	switch len(p) {
	case 0:
		return nil
	case 1:
		return errCloseLen
	}
	code := ws.StatusCode(binary.BigEndian.Uint16(p))
	err := ws.CheckCloseFrameData(code, string(p[2:]))
	switch {
	case code > ws.StatusRangePrivate.Max:
		return protocolError(ws.ErrProtocolStatusCodeUnknown)
	case errors.Is(err, ws.ErrProtocolInvalidUTF8):
		return errUTF8
	case err != nil:
		return protocolError(err)
	}
	return nil
}
