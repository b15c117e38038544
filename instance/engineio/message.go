package engineio

import (
	"encoding/base64"
	"encoding/binary"
	"sync/atomic"
)

// Packet types, https://github.com/socketio/engine.io-protocol#packet-encoding
const (
	typeOpen    = '0'
	typeClose   = '1'
	typePing    = '2'
	typePong    = '3'
	typeMessage = '4'
	typeUpgrade = '5'
	typeNoop    = '6'
	typeBinary  = 'b' // not a type of its own: a binary message in textual form
)

// Bytes of a websocket frame header, RFC 6455, 5.2.
const (
	finText   = 0x81
	finBinary = 0x82
	len16     = 126
	len64     = 127
)

// Message is an encoded message, or several. It is immutable and may be sent to any number of sockets at once. Each of its
// compressed forms is made once, when the first socket needs it.
type Message struct {
	// wire is one or more whole, unmasked websocket frames. What polling clients get is derived from it: the frames say
	// where each packet ends and whether it is binary.
	wire []byte
	more atomic.Pointer[more] // its compressed forms; nil until somebody needs one
}

// Text encodes a text message, which must be UTF-8. p is copied.
func Text(p []byte) *Message {
	wire := appendHeader(make([]byte, 0, 11+len(p)), finText, 1+len(p))
	wire = append(wire, typeMessage)
	return &Message{wire: append(wire, p...)}
}

// Binary encodes a binary message. p is copied.
func Binary(p []byte) *Message {
	wire := appendHeader(make([]byte, 0, 10+len(p)), finBinary, len(p))
	return &Message{wire: append(wire, p...)}
}

// Batch joins messages into one that is written, queued or dropped as a whole; nothing else comes between its parts. The
// client sees them as separate messages. m is kept and must not be changed afterwards.
func Batch(m ...*Message) *Message {
	if len(m) == 1 {
		return m[0]
	}
	n := 0
	for _, m := range m {
		n += len(m.wire)
	}
	var b struct { // one allocation
		Message
		extra more
	}
	b.wire = make([]byte, 0, n)
	for _, m := range m {
		b.wire = append(b.wire, m.wire...)
	}
	if n <= maxCompressed { // in a larger one the parts would take their memory twice, for little
		b.extra.parts = m
		b.more.Store(&b.extra)
	}
	return &b.Message
}

// Len returns how many bytes the message takes on a websocket.
func (m *Message) Len() int { return len(m.wire) }

// count returns how many messages m holds.
func (m *Message) count() (n uint64) {
	for rest := m.wire; len(rest) > 0; n++ {
		_, _, rest = cut(rest)
	}
	return n
}

// control encodes a packet that is not a message, such as "2".
func control(packet string) *Message {
	return &Message{wire: append(appendHeader(nil, finText, len(packet)), packet...)}
}

// appendHeader appends the shortest header of an unmasked frame with n bytes of payload.
func appendHeader(dst []byte, first byte, n int) []byte {
	switch {
	case n < len16:
		return append(dst, first, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, first, len16), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, first, len64), uint64(n))
	}
}

// cut takes the first frame off wire, which appendHeader made.
func cut(wire []byte) (text bool, payload, rest []byte) {
	text = wire[0] == finText
	n, at := int(wire[1]), 2
	switch n {
	case len16:
		n, at = int(binary.BigEndian.Uint16(wire[2:])), 4
	case len64:
		n, at = int(binary.BigEndian.Uint64(wire[2:])), 10
	}
	return text, wire[at : at+n], wire[at+n:]
}

// textual returns the wire form for a client that asked for base64 on its websocket.
func (m *Message) textual() []byte {
	var out []byte
	for rest := m.wire; len(rest) > 0; {
		var text bool
		var payload []byte
		text, payload, rest = cut(rest)
		if text {
			out = append(appendHeader(out, finText, len(payload)), payload...)
			continue
		}
		out = appendHeader(out, finText, 1+base64.StdEncoding.EncodedLen(len(payload)))
		out = base64.StdEncoding.AppendEncode(append(out, typeBinary), payload)
	}
	return out
}
