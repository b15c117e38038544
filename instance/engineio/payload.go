package engineio

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"
)

// separator stands between the packets of a polling payload.
const separator = 0x1e

// appendPayload appends the packets of m to a polling payload.
func appendPayload(dst []byte, m *Message) []byte {
	for rest := m.wire; len(rest) > 0; {
		var text bool
		var payload []byte
		text, payload, rest = cut(rest)
		if len(dst) > 0 {
			dst = append(dst, separator)
		}
		if text {
			dst = append(dst, payload...)
			continue
		}
		dst = base64.StdEncoding.AppendEncode(append(dst, typeBinary), payload)
	}
	return dst
}

// payload returns the polling payload of m. Of a single text message it is a part of the message itself.
func (m *Message) payload() []byte {
	if len(m.wire) > 0 {
		if text, p, rest := cut(m.wire); text && len(rest) == 0 {
			return p
		}
	}
	return payloads([]*Message{m}, len(m.wire))
}

// payloads returns the polling payload of all messages of a queue.
func payloads(queue []*Message, size int) []byte {
	dst := make([]byte, 0, size+size/3+len(queue))
	for _, m := range queue {
		dst = appendPayload(dst, m)
	}
	return dst
}

// packet is one packet of a client. data is borrowed.
type packet struct {
	kind   byte // typeOpen … typeNoop; 0 = not a packet
	binary bool
	data   []byte
}

// decoder reads packets and keeps the buffer that binary ones are decoded into.
type decoder struct{ scratch []byte }

// packet decodes the textual form of a packet, which polling and websocket text frames share. The result is valid until
// the next call.
func (d *decoder) packet(p []byte) packet {
	switch {
	case len(p) == 0:
		return packet{}
	case p[0] == typeBinary:
		d.scratch = decodeBase64(d.scratch[:0], p[1:])
		return packet{kind: typeMessage, binary: true, data: d.scratch}
	case p[0] < typeOpen || p[0] > typeNoop:
		return packet{}
	}
	return packet{kind: p[0], data: p[1:]}
}

// next decodes the first packet of a polling body and returns what follows; more is false behind the last one.
func (d *decoder) next(body []byte) (p packet, rest []byte, more bool) {
	element, rest, more := bytes.Cut(body, []byte{separator})
	return d.packet(element), rest, more
}

// decodeBase64 appends what src stands for. Like the reference server it takes both alphabets, with or without padding, and
// passes over everything else.
func decodeBase64(dst, src []byte) []byte {
	if out, err := base64.StdEncoding.AppendDecode(dst, src); err == nil {
		return out
	}
	var group uint32
	digits := 0
	for _, c := range src {
		v := digit(c)
		if v < 0 {
			continue
		}
		group = group<<6 | uint32(v)
		if digits++; digits == 4 {
			dst = append(dst, byte(group>>16), byte(group>>8), byte(group))
			group, digits = 0, 0
		}
	}
	switch digits {
	case 2:
		dst = append(dst, byte(group>>4))
	case 3:
		dst = append(dst, byte(group>>10), byte(group>>2))
	}
	return dst
}

// digit returns the value of a base64 digit of either alphabet, or -1.
func digit(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 26
	case '0' <= c && c <= '9':
		return int(c-'0') + 52
	case c == '+' || c == '-':
		return 62
	case c == '/' || c == '_':
		return 63
	}
	return -1
}

// validText returns p with each maximal ill-formed part replaced by U+FFFD, as the reference server reads request bodies
// (Unicode 16, 3.9, "substitution of maximal subparts"). Valid text is returned as it is.
func validText(p []byte) []byte {
	if utf8.Valid(p) {
		return p
	}
	out := make([]byte, 0, len(p)+len(p)/8)
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError && n == 1 {
			n = illFormed(p)
		}
		out = utf8.AppendRune(out, r)
		p = p[n:]
	}
	return out
}

// illFormed returns the length of the longest start of p that could have become a character, at least 1.
func illFormed(p []byte) int {
	low, high, want := byte(0x80), byte(0xbf), 0
	switch c := p[0]; {
	case 0xc2 <= c && c <= 0xdf:
		want = 1
	case 0xe0 <= c && c <= 0xef:
		want = 2
		if c == 0xe0 {
			low = 0xa0
		} else if c == 0xed {
			high = 0x9f
		}
	case 0xf0 <= c && c <= 0xf4:
		want = 3
		if c == 0xf0 {
			low = 0x90
		} else if c == 0xf4 {
			high = 0x8f
		}
	}
	n := 1
	for n <= want && n < len(p) && low <= p[n] && p[n] <= high {
		n, low, high = n+1, 0x80, 0xbf
	}
	return n
}
