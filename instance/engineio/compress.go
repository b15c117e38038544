package engineio

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
	"sync"
	"sync/atomic"
)

// maxCompressed bounds what is compressed within one call of Send or ServeHTTP: about half a millisecond at 64 KiB. A larger
// answer to a poll goes out as it is, and so does what a larger message has beyond it.
const maxCompressed = 64 << 10

// rsv1 marks a compressed message in its first frame, RFC 7692, 6.
const rsv1 = 0x40

// deflater compresses one thing at a time. Each starts with an empty window, so that the result can be shared.
type deflater struct {
	w   *flate.Writer
	out bytes.Buffer
}

// deflaters holds about 1.2 MB for each goroutine that compresses at one time; the collector takes it back. The fastest level
// costs a third of the usual one and makes JSON a tenth larger.
var deflaters = sync.Pool{New: func() any {
	d := new(deflater)
	d.w, _ = flate.NewWriter(&d.out, flate.BestSpeed) // fails only for a level that does not exist
	return d
}}

// stream returns p as a DEFLATE stream. It is valid until the next call, as for message.
func (d *deflater) stream(p []byte) []byte {
	d.out.Reset()
	d.w.Reset(&d.out)
	_, _ = d.w.Write(p) // a bytes.Buffer takes everything
	_ = d.w.Close()
	return d.out.Bytes()
}

// message returns p as the payload of a compressed message: flushed, without the 00 00 ff ff that each flush ends with.
func (d *deflater) message(p []byte) []byte {
	d.out.Reset()
	d.w.Reset(&d.out)
	_, _ = d.w.Write(p)
	_ = d.w.Flush()
	return d.out.Bytes()[:d.out.Len()-4]
}

// pack returns p in a content coding, or nil if it becomes no shorter. What is called deflate there is a zlib stream.
func pack(c coding, p []byte) []byte {
	d := deflaters.Get().(*deflater)
	defer deflaters.Put(d)
	raw := d.stream(p)
	if len(raw)+18 >= len(p) {
		return nil
	}
	out := make([]byte, 0, len(raw)+18)
	if c == zlib {
		out = append(append(out, 0x78, 0x01), raw...) // RFC 1950
		return binary.BigEndian.AppendUint32(out, adler32.Checksum(p))
	}
	out = append(out, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 0xff) // RFC 1952: no name, no time, fastest, unknown system
	out = append(out, raw...)
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(p))
	return binary.LittleEndian.AppendUint32(out, uint32(len(p)))
}

// more is what only compression needs of a message. A batch has it from the start, others from the first client on that
// takes a compressed form.
type more struct {
	parts []*Message // of a batch that is compressed by its parts
	forms atomic.Pointer[forms]
}

type forms struct {
	frames form
	packed [codings]form
}

// form is made once, by the first who needs it; others wait. nil = compression does not pay.
type form struct {
	once  sync.Once
	bytes []byte
}

// made returns what p points to, which is made if there is nothing.
func made[T any](p *atomic.Pointer[T]) *T {
	if p.Load() == nil {
		p.CompareAndSwap(nil, new(T))
	}
	return p.Load()
}

// packed returns body, which is the polling payload of m, in a content coding; nil if that does not pay.
func (m *Message) packed(c coding, body []byte) []byte {
	f := &made(&made(&m.more).forms).packed[c]
	f.once.Do(func() { f.bytes = pack(c, body) })
	return f.bytes
}

// deflated returns the frames of m for a client that inflates within a window of 1<<bits bytes. Frames with less payload than
// threshold stay as they are, and so does the message if one of its frames is larger than the window: as each message starts
// anew, no distance in a smaller one can exceed it.
func (m *Message) deflated(threshold int, bits uint8) []byte {
	if len(m.wire) < threshold || bits < 15 && !m.within(1<<bits) {
		return m.wire
	}
	extra := made(&m.more)
	f := &made(&extra.forms).frames
	f.once.Do(func() {
		if extra.parts != nil {
			f.bytes = deflateParts(extra.parts, threshold)
		} else {
			f.bytes = deflateFrames(m.wire, threshold)
		}
	})
	if f.bytes == nil {
		return m.wire
	}
	return f.bytes
}

// within reports whether each frame of m has at most n bytes of payload.
func (m *Message) within(n int) bool {
	for rest := m.wire; len(rest) > 0; {
		var payload []byte
		_, payload, rest = cut(rest)
		if len(payload) > n {
			return false
		}
	}
	return true
}

// deflateParts joins the compressed forms of parts, which other batches share; nil if there are none.
func deflateParts(parts []*Message, threshold int) (out []byte) {
	shorter := false
	for _, p := range parts {
		wire := p.deflated(threshold, 15)
		shorter = shorter || len(wire) < len(p.wire)
		out = append(out, wire...)
	}
	if !shorter {
		return nil
	}
	return out
}

// deflateFrames compresses the frames of wire that are worth it; nil if none is.
func deflateFrames(wire []byte, threshold int) (out []byte) {
	d := deflaters.Get().(*deflater)
	defer deflaters.Put(d)
	left := maxCompressed
	shorter := false
	for len(wire) > 0 {
		_, payload, rest := cut(wire)
		frame := wire[:len(wire)-len(rest)]
		wire = rest
		if n := len(payload); n >= threshold && n <= left {
			left -= n
			if z := d.message(payload); len(z) < n {
				out = append(appendHeader(out, frame[0]|rsv1, len(z)), z...)
				shorter = true
				continue
			}
		}
		out = append(out, frame...)
	}
	if !shorter {
		return nil
	}
	return out
}
