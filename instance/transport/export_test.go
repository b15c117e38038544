package transport

import (
	"net/http"
	"time"
	"unsafe"

	"github.com/gobwas/ws"
	"net/netip"
)

// ReadPieces feeds the pieces to a header and then to its body, as a connection does. status is 0 when the request is whole, else what it is
// refused with; it is -1 while more is needed. rest is what comes behind the request in the last piece that was looked at.
func ReadPieces(pieces [][]byte, limit int64) (r *http.Request, b, rest []byte, status int) {
	in := takeInbound()
	ready := false
	for i, p := range pieces {
		if !ready {
			n, block, err := in.head.feed(p)
			if err != nil {
				return nil, nil, nil, err.status
			}
			p = p[n:]
			if block == nil {
				continue
			}
			var parseErr error
			if r, parseErr = parse(block); parseErr != nil {
				return nil, nil, nil, 400
			}
			if err := in.body.begin(in.head.framing, limit); err != nil {
				return nil, nil, nil, err.status
			}
			ready = true
		}
		n, done, err := 0, !in.hasBody(), (*refusal)(nil)
		if !done {
			n, done, err = in.body.feed(p)
		}
		if err != nil {
			return nil, nil, nil, err.status
		}
		if done {
			for _, q := range append([][]byte{p[n:]}, pieces[i+1:]...) {
				rest = append(rest, q...)
			}
			return r, in.body.buf, rest, 0
		}
	}
	return nil, nil, nil, -1
}

// ReadBody feeds the pieces to a chunked body.
func ReadBody(pieces [][]byte, limit int64) (b []byte, read int, done bool, status int) {
	var bd body
	bd.begin(framing{chunked: true}, limit)
	for _, p := range pieces {
		n, whole, err := bd.feed(p)
		read += n
		if err != nil {
			return nil, read, false, err.status
		}
		if whole {
			return bd.buf, read, true, 0
		}
	}
	return bd.buf, read, false, 0
}

// StreamBody is ReadBody for a body that goes to its handler as it arrives, and stops after each part. ends is how often the end was told.
func StreamBody(pieces [][]byte, limit int64) (b []byte, read int, done bool, status, ends int) {
	var bd body
	bd.begin(framing{chunked: true}, limit)
	bd.more = func() bool { return false }
	bd.take = func(p []byte, end bool) error {
		b = append(b, p...)
		if end {
			ends++
		}
		return nil
	}
	for _, p := range pieces {
		for len(p) > 0 {
			n, whole, err := bd.feed(p)
			read += n
			if err != nil {
				return nil, read, false, err.status, ends
			}
			if whole {
				return b, read, true, 0, ends
			}
			p = p[n:]
		}
	}
	return b, read, false, 0, ends
}

// FrameReader reads frames without a connection.
type FrameReader struct{ frameReader }

// Receiver gets what a FrameReader reads.
type Receiver struct {
	Message func(text bool, p []byte)
	Control func(op ws.OpCode, p []byte)
	Turns   bool // each frame has a turn of its own
}

func (r *Receiver) more() bool { return !r.Turns }

func (r *Receiver) message(text bool, p []byte) bool {
	r.Message(text, p)
	return true
}

func (r *Receiver) control(op ws.OpCode, p []byte) bool {
	r.Control(op, p)
	return op != ws.OpClose
}

// Read returns 0, the close code of a fault, or 1 after a close frame.
func (f *FrameReader) Read(p []byte, max int64, to *Receiver) int {
	return f.ReadDeflated(p, max, false, to)
}

// ReadDeflated is Read; messages may be compressed if deflate is true.
func (f *FrameReader) ReadDeflated(p []byte, max int64, deflate bool, to *Receiver) int {
	rest, err := f.read(p, rules{max, deflate}, to)
	for len(rest) > 0 {
		rest, err = f.read(rest, rules{max, deflate}, to)
	}
	switch err := err.(type) {
	case nil:
		return 0
	case *frameError:
		return int(err.code)
	default:
		return 1
	}
}

// Incomplete tells whether something is kept between two reads.
func (f *FrameReader) Incomplete() bool { return f.part != nil }

// Clock is a clock without loops.
type Clock struct{ *clock }

func NewClock() Clock              { return Clock{newClock()} }
func (k Clock) Run()               { k.run() }
func (k Clock) Stop()              { k.stop() }
func (k Clock) Len() int           { return k.len() }
func (k Clock) Watch(watch func()) { k.watch = watch }

// Sleeper counts its calls.
type Sleeper struct {
	Due func()
	at  alarm
}

func (s *Sleeper) due(int64)     { s.Due() }
func (s *Sleeper) alarm() *alarm { return &s.at }

func (k Clock) Set(s *Sleeper, d time.Duration) { k.set(s, k.now()+int64(d)) }
func (k Clock) Clear(s *Sleeper)                { k.clear(s) }

// AcceptKey is the answer to the key of a handshake.
func AcceptKey(key string) string { return acceptKey(key) }

// ConnSize is the size of a connection's own struct.
const ConnSize = int(unsafe.Sizeof(conn{}))

// Offered is the answer to an offer of compression, and the window that it leaves.
func Offered(values ...string) (answer string, window int) {
	answer, bits := offered(values)
	return answer, int(bits)
}

// Client is who a request came from, by the rules for trusted proxies.
func Client(proxies []netip.Prefix, remote netip.Addr, forwardedFor []string) netip.Addr {
	o := &Options{Proxies: proxies}
	return o.client(remote, http.Header{"X-Forwarded-For": forwardedFor})
}

// Held is how many bytes all connections keep unhandled; they must be stopped.
func Held(s *Server) (n int) {
	conns, _ := s.all()
	for _, c := range conns {
		c.mu.Lock()
		n += len(c.held)
		c.mu.Unlock()
	}
	return n
}

// Blind makes pollers unable to look away from a connection, as on other systems than Linux.
func Blind(l *Loops) {
	for _, p := range l.probes {
		p.poll = -1
	}
}
