package transport

import (
	"compress/flate"
	"errors"
	"io"
	"sync"

	"github.com/gobwas/ws"
)

var errInflate = &frameError{ws.StatusInvalidFramePayloadData, badDeflate, errors.New("compressed message is not valid")}

// keptInflated is how large the buffer of an idle inflater may be.
const keptInflated = 64 << 10

// inflater inflates one message at a time (RFC 7692, section 7.2.2). It takes about 44 KB, and as many exist as pollers inflate at one time.
type inflater struct {
	in  deflated
	r   io.ReadCloser // a flate.Resetter
	out []byte
}

var inflaters = sync.Pool{New: func() any {
	i := new(inflater)
	i.r = flate.NewReader(&i.in)
	return i
}}

func (i *inflater) release() {
	i.in = deflated{}
	if cap(i.out) > keptInflated {
		i.out = nil
	}
	inflaters.Put(i)
}

// message returns what p stands for, if that is not over max bytes; it is valid until release. Whatever p is, not more than one byte over max is
// ever made of it.
func (i *inflater) message(p []byte, max int64) ([]byte, error) {
	i.in = deflated{p: p}
	i.out = i.out[:0]
	if err := i.r.(flate.Resetter).Reset(&i.in, nil); err != nil {
		return nil, errInflate
	}
	for {
		if len(i.out) == cap(i.out) {
			i.out = append(i.out, 0)[:len(i.out)]
		}
		n, err := i.r.Read(i.out[len(i.out):min(int64(cap(i.out)), max+1)])
		i.out = i.out[:len(i.out)+n]
		switch {
		case int64(len(i.out)) > max:
			return nil, errTooBig
		case err == io.EOF && i.in.padding():
			return i.out, nil
		case err != nil:
			return nil, errInflate
		}
	}
}

// deflated is a compressed payload, followed by what its sender left out (RFC 7692, section 7.2.2), and by an empty last block, so that the
// reader of the stream comes to a clean end.
type deflated struct {
	p []byte
	n int // bytes that were read
}

const deflateTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// ReadByte makes the flate package read byte by byte, and not one byte too many.
func (d *deflated) ReadByte() (byte, error) {
	n := d.n
	d.n++
	switch {
	case n < len(d.p):
		return d.p[n], nil
	case n < len(d.p)+len(deflateTail):
		return deflateTail[n-len(d.p)], nil
	}
	return 0, io.ErrUnexpectedEOF
}

// Read is for the stored blocks of a stream.
func (d *deflated) Read(b []byte) (n int, err error) {
	if d.n < len(d.p) {
		n = copy(b, d.p[d.n:])
	} else if at := d.n - len(d.p); at < len(deflateTail) {
		n = copy(b, deflateTail[at:])
	} else {
		return 0, io.ErrUnexpectedEOF
	}
	d.n += n
	return n, nil
}

// padding tells whether nothing but the header of an empty block is left of the payload. More can follow only a block that is marked as the
// last one, which section 7.2.3.4 allows at the end of a message.
func (d *deflated) padding() bool {
	return d.n >= len(d.p) || d.n == len(d.p)-1 && d.p[d.n] == 0
}
