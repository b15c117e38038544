package transport_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/transport"
)

// streamRig answers everything with a stream.
type streamRig struct {
	*rig
	streams chan *transport.Stream
	gone    chan error
}

func newStreamRig(t *testing.T, o transport.Options) *streamRig {
	s := &streamRig{streams: make(chan *transport.Stream, 9), gone: make(chan error, 9)}
	s.rig = newRig(t, o, func(r *rig, w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Before", "a")
		if n := req.Header.Get("X-Length"); n != "" {
			w.Header().Set("Content-Length", n)
		}
		st, err := r.Stream(w, req, func(err error) { s.gone <- err })
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := r.Stream(w, req, nil); err == nil {
			t.Error("streamed twice")
		}
		s.streams <- st
	})
	return s
}

func (s *streamRig) ask(head string) (*client, *transport.Stream) {
	s.t.Helper()
	c := s.dial()
	c.send(head + "\r\n")
	return c, get(s.t, s.streams)
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	s := newStreamRig(t, transport.Options{})
	for _, c := range []struct {
		name, head string
		run        func(*testing.T, *transport.Stream) error
		status     int
		body       string
		chunked    bool
		length     int64
		closes     bool
	}{
		{"in chunks", get11, func(t *testing.T, st *transport.Stream) error {
			must(t, st.Start(201, http.Header{"X-After": {"b"}}))
			if err := st.Start(200, nil); err == nil {
				t.Error("started twice")
			}
			return errors.Join(st.Write([]byte("hello")), st.Write(nil), st.Write([]byte(" world")), st.Close())
		}, 201, "hello world", true, -1, false},
		{"without a start", get11, func(_ *testing.T, st *transport.Stream) error {
			return errors.Join(st.Write([]byte("hello")), st.Close())
		}, 200, "hello", true, -1, false},
		{"nothing", get11, func(_ *testing.T, st *transport.Stream) error { return st.Close() }, 200, "", true, -1, false},
		{"of a length", get11 + "X-Length: 5\r\n", func(t *testing.T, st *transport.Stream) error {
			must(t, st.Write([]byte("hel")))
			if err := st.Write([]byte("lo!")); !errors.Is(err, transport.ErrTooLong) {
				t.Errorf("too long: %v", err)
			}
			return errors.Join(st.Write([]byte("lo")), st.Close())
		}, 200, "hello", false, 5, false},
		{"to the old", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n", func(_ *testing.T, st *transport.Stream) error {
			return errors.Join(st.Write([]byte("hello")), st.Close())
		}, 200, "hello", false, -1, true},
		{"of a length to the old", "GET / HTTP/1.0\r\nConnection: keep-alive\r\nX-Length: 5\r\n", func(_ *testing.T, st *transport.Stream) error {
			return errors.Join(st.Write([]byte("hello")), st.Close())
		}, 200, "hello", false, 5, false},
		{"HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\nX-Length: 5\r\n", func(_ *testing.T, st *transport.Stream) error {
			return errors.Join(st.Write([]byte("hello")), st.Close())
		}, 200, "", false, 5, false},
		{"no content", get11, func(_ *testing.T, st *transport.Stream) error {
			return errors.Join(st.Start(204, nil), st.Write([]byte("hello")), st.Close())
		}, 204, "", false, 0, false},
		{"close", get11 + "Connection: close\r\n", func(_ *testing.T, st *transport.Stream) error {
			return errors.Join(st.Write([]byte("hello")), st.Close())
		}, 200, "hello", true, -1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &streamRig{s.on(t), s.streams, s.gone}
			peer, st := s.ask(c.head)
			if got := s.Stats(); got.Streams != 1 {
				t.Errorf("%d streams", got.Streams)
			}
			must(t, c.run(t, st))
			method, _, _ := strings.Cut(c.head, " ")
			resp, body := peer.answer(method)
			if resp.StatusCode != c.status || body != c.body || resp.ContentLength != c.length || (len(resp.TransferEncoding) > 0) != c.chunked {
				t.Errorf("answer %d %q, length %d, coding %q", resp.StatusCode, body, resp.ContentLength, resp.TransferEncoding)
			}
			if resp.Header.Get("X-Before") != "a" || resp.Header.Get("Date") == "" {
				t.Errorf("header %v", resp.Header)
			}
			if c.closes {
				peer.wantEnd()
			} else { // the connection stays
				peer.send(get11 + "\r\n")
				must(t, get(t, s.streams).Close())
				peer.want(200, "")
			}
			for _, err := range []error{st.Start(200, nil), st.Write([]byte("x")), st.Close()} {
				if !errors.Is(err, engineio.ErrClosed) {
					t.Errorf("after the end: %v", err)
				}
			}
		})
	}
	if n := s.Stats().Streams; n != 0 {
		t.Errorf("%d streams left", n)
	}
	if len(s.gone) > 0 {
		t.Errorf("gone: %v", <-s.gone)
	}
}

func TestShortStreamCutsTheConnection(t *testing.T) {
	t.Parallel()
	s := newStreamRig(t, transport.Options{})
	c, st := s.ask(get11 + "X-Length: 5\r\n")
	must(t, st.Write([]byte("hel")), st.Close())
	resp, err := http.ReadResponse(c.in, nil)
	must(t, err)
	if b, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) || string(b) != "hel" {
		t.Errorf("read %q, %v", b, err)
	}
}

// TestSlowStream: what waits is bounded, and Drained tells when to go on.
func TestSlowStream(t *testing.T) {
	t.Parallel()
	const limit = 256 << 10
	s := newStreamRig(t, transport.Options{})
	c, st := s.ask(get11)
	block := bytes.Repeat([]byte("x"), 64<<10)
	sent := 0
	fill := func() {
		for {
			switch err := st.Write(block); {
			case err == nil:
				sent += len(block)
			case errors.Is(err, engineio.ErrSlow):
				return
			default:
				t.Error(err)
				return
			}
		}
	}
	drained := make(chan bool, 9)
	st.Drained(func() { drained <- true })
	get(t, drained) // nothing waits
	fill()
	for range 3 {
		if n := st.Buffered(); n == 0 || n > limit {
			t.Errorf("%d bytes wait", n)
		}
		st.Drained(func() { drained <- true })
		if _, err := io.CopyN(io.Discard, c.in, int64(st.Buffered())); err != nil {
			t.Fatal(err)
		}
		for len(drained) == 0 { // the kernel may have taken some before
			if _, err := io.CopyN(io.Discard, c.in, 64<<10); err != nil {
				t.Fatal(err)
			}
			if sent > 64<<20 {
				t.Fatal("never drained")
			}
			s.loops.Ready(within(t))
		}
		get(t, drained)
		fill()
	}
	if len(drained) > 0 {
		t.Error("drained twice")
	}
	must(t, st.Close())
	if _, err := io.Copy(io.Discard, io.LimitReader(c.in, int64(1)<<20)); err != nil {
		t.Fatal(err)
	}
}

func TestStreamWhoseClientLeaves(t *testing.T) {
	t.Parallel()
	s := newStreamRig(t, transport.Options{})
	c, st := s.ask(get11)
	must(t, st.Write([]byte("hello")))
	c.Close()
	if err := get(t, s.gone); err == nil {
		t.Error("gone without an error")
	}
	st.Drained(func() { t.Error("drained after the end") })
	until(t, "closed", func() bool { return errors.Is(st.Write([]byte("x")), engineio.ErrClosed) })
	until(t, "forgotten", func() bool { return s.Stats().Streams == 0 && s.Len() == 0 })
}

func TestStreamsOutliveTheDrain(t *testing.T) {
	t.Parallel()
	s := newStreamRig(t, transport.Options{})
	c, st := s.ask(get11)
	cut, other := s.ask(get11)
	must(t, st.Start(200, nil), other.Start(200, nil))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Drain(ctx) }()
	must(t, st.Write([]byte("hello")), st.Write([]byte(" world")), st.Close())
	if resp, body := c.answer("GET"); body != "hello world" {
		t.Errorf("answer %d %q", resp.StatusCode, body)
	}
	c.wantEnd()
	c.Close()
	until(t, "one is left", func() bool { return s.Len() == 1 })
	cancel()
	if err := get(t, ended); !errors.Is(err, transport.ErrCut) {
		t.Errorf("drain: %v", err)
	}
	cut.wantGone()
	get(t, s.gone)
}
