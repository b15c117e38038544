package transport_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/transport"
)

// intakes is a handler that takes the bodies of /in as they arrive, and parks nothing.
type intakes struct {
	handler
	refuse string // take fails at a part that contains it
	hold   string // take pauses at a part that contains it
	parts  chan string
	gone   chan error
	pauses chan func(bool)

	mu     sync.Mutex
	bodies map[*http.Request][]byte
}

func (h *intakes) Stream(r *http.Request, pause func(bool)) (func([]byte, bool) error, func(error)) {
	if r.URL.Path != "/in" {
		return nil, nil
	}
	ended := false
	take := func(p []byte, end bool) error {
		if ended {
			return errors.New("a part after the end")
		}
		ended = end
		h.mu.Lock()
		h.bodies[r] = append(h.bodies[r], p...)
		h.mu.Unlock()
		h.parts <- fmt.Sprintf("%.99s %v", p, end)
		switch {
		case h.refuse != "" && strings.Contains(string(p), h.refuse):
			return errors.New("enough")
		case h.hold != "" && strings.Contains(string(p), h.hold):
			pause(true)
			h.pauses <- pause
		}
		return nil
	}
	return take, func(err error) { h.gone <- err }
}

func (h *intakes) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	got := h.bodies[r]
	delete(h.bodies, r)
	h.mu.Unlock()
	left, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s|%s", got, left)
}

func newIntakes() *intakes {
	h := &intakes{parts: make(chan string, 1<<16), gone: make(chan error, 9), pauses: make(chan func(bool), 9), bodies: map[*http.Request][]byte{}}
	h.limit = 1000
	h.handler.serve = h.serve
	return h
}

// ServeHTTP is that of handler.
func (h *intakes) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.serve(w, r) }

func intakeRig(t *testing.T, o transport.Options) (*rig, *intakes) {
	r := newRig(t, o, nil)
	h := newIntakes()
	r.Serve(h)
	return r, h
}

const (
	intakeHead  = "POST /in HTTP/1.1\r\nHost: a\r\n"
	intakeChunk = intakeHead + "Transfer-Encoding: chunked\r\n\r\n"
)

func TestStreamedBodies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		pieces []string
		parts  []string
		body   string
	}{
		{"in one piece", []string{intakeHead + "Content-Length: 5\r\n\r\nhello"}, []string{"hello true"}, "hello|"},
		{"in pieces", []string{intakeHead + "Content-Length: 5\r\n\r\n", "he", "llo"}, []string{"he false", "llo true"}, "hello|"},
		{"in chunks", []string{intakeChunk, "2\r\nhe\r\n", "3;x=y\r\nllo\r\n", "0\r\nA: b\r\n\r\n"}, []string{"he false", "llo false", " true"}, "hello|"},
		{"chunks in one piece", []string{intakeChunk + "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"}, []string{"he false", "llo false", " true"}, "hello|"},
		{"a part of a chunk", []string{intakeChunk + "5\r\nhe", "llo\r\n0\r\n\r\n"}, []string{"he false", "llo false", " true"}, "hello|"},
		{"no chunk", []string{intakeChunk + "0\r\n\r\n"}, []string{" true"}, "|"},
		{"no body", []string{intakeHead + "Content-Length: 0\r\n\r\n"}, nil, "|"},
		{"not asked for", []string{"POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"}, nil, "|hello"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, h := intakeRig(t, transport.Options{})
			peer := r.on(t).dial()
			for range 2 { // the connection stays
				var got []string
				for i, p := range c.pieces {
					peer.send(p)
					if i < len(c.parts) && len(c.pieces) > 1 && (i > 0 || strings.Contains(p, "he")) {
						got = append(got, get(t, h.parts))
					}
				}
				peer.want(200, c.body)
				for len(h.parts) > 0 {
					got = append(got, <-h.parts)
				}
				if fmt.Sprint(got) != fmt.Sprint(c.parts) {
					t.Errorf("parts %q, want %q", got, c.parts)
				}
			}
			peer.Close()
			until(t, "closed", func() bool { return r.Len() == 0 })
			if len(h.gone) > 0 {
				t.Errorf("gone after the end: %v", <-h.gone)
			}
		})
	}
}

func TestStreamedBodyIsToldToGoOn(t *testing.T) {
	t.Parallel()
	r, h := intakeRig(t, transport.Options{})
	c := r.dial()
	c.send(intakeHead + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	if line, err := c.in.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	c.in.ReadString('\n')
	c.send("hello")
	c.want(200, "hello|")
	get(t, h.parts)
}

func TestStreamedBodyIsRefused(t *testing.T) {
	t.Parallel()
	t.Run("by its announced length", func(t *testing.T) {
		t.Parallel()
		r, h := intakeRig(t, transport.Options{})
		c := r.on(t).dial()
		c.send(intakeHead + "Content-Length: 1001\r\n\r\n")
		c.want(413, "")
		c.wantEnd()
		if len(h.parts)+len(h.gone) > 0 {
			t.Error("the handler was asked")
		}
	})
	t.Run("by its length", func(t *testing.T) {
		t.Parallel()
		r, h := intakeRig(t, transport.Options{})
		c := r.on(t).dial()
		c.send(intakeChunk + "5\r\nhello\r\n3e4\r\n")
		c.want(413, "")
		var tooLarge *http.MaxBytesError
		if err := get(t, h.gone); !errors.As(err, &tooLarge) {
			t.Errorf("gone: %v", err)
		}
	})
	t.Run("for a broken chunk", func(t *testing.T) {
		t.Parallel()
		r, h := intakeRig(t, transport.Options{})
		c := r.on(t).dial()
		c.send(intakeChunk + "5\r\nhello!!\r\n")
		c.wantStatus(400)
		c.wantEnd()
		c.Close()
		get(t, h.gone)
	})
	t.Run("by its handler", func(t *testing.T) {
		t.Parallel()
		r, h := intakeRig(t, transport.Options{})
		h.refuse = "stop"
		c := r.on(t).dial()
		c.send(intakeChunk + "5\r\nhello\r\n4\r\nstop\r\n5\r\nnever\r\n")
		if resp := c.want(200, "hellostop|"); !resp.Close {
			t.Error("the connection stays")
		}
		c.send("5\r\nnever\r\n")
		c.wantEnd()
		c.Close()
		until(t, "closed", func() bool { return r.Len() == 0 })
		if len(h.gone) > 0 || len(h.parts) != 2 {
			t.Errorf("%d gone, %d parts", len(h.gone), len(h.parts))
		}
	})
	t.Run("because its client left", func(t *testing.T) {
		t.Parallel()
		r, h := intakeRig(t, transport.Options{})
		c := r.on(t).dial()
		c.send(intakeHead + "Content-Length: 9\r\n\r\nhello")
		get(t, h.parts)
		c.Close()
		if err := get(t, h.gone); err == nil {
			t.Error("gone without an error")
		}
	})
}

// TestStreamedBodyMayTakeItsTime: BodyTimeout is the time between parts.
func TestStreamedBodyMayTakeItsTime(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	r, h := intakeRig(t, transport.Options{BodyTimeout: timeout})
	c := r.dial()
	begun := time.Now()
	c.send(intakeHead + "Content-Length: 100\r\n\r\n")
	tick := time.NewTicker(timeout / 5)
	defer tick.Stop()
	for time.Since(begun) < 2*timeout {
		<-tick.C
		c.send("x")
		get(t, h.parts)
	}
	c.wantStatus(408)
	c.Close()
	get(t, h.gone)
	if n := r.refused(transport.RefusedBodyTimeout); n != 1 {
		t.Errorf("%d bodies timed out", n)
	}
}

func TestStreamedBodyIsHeldBack(t *testing.T) {
	t.Parallel()
	t.Run("within a piece, for longer than its timeout", func(t *testing.T) {
		t.Parallel()
		const timeout = 100 * time.Millisecond
		r, h := intakeRig(t, transport.Options{BodyTimeout: timeout})
		h.hold = "hold"
		c := r.on(t).dial()
		c.send(intakeChunk + "2\r\nab\r\n4\r\nhold\r\n2\r\ncd\r\n0\r\n\r\n")
		pause := get(t, h.pauses)
		<-time.After(3 * timeout)
		if len(h.parts) != 2 {
			t.Errorf("%d parts", len(h.parts))
		}
		pause(false)
		c.want(200, "abholdcd|")
	})
	t.Run("its client leaves", func(t *testing.T) {
		t.Parallel()
		r, h := intakeRig(t, transport.Options{})
		h.hold = "hold"
		c := r.on(t).dial()
		c.send(intakeHead + "Content-Length: 9\r\n\r\nhold")
		pause := get(t, h.pauses)
		c.send("rest")
		c.Close()
		pause(false)
		get(t, h.parts)
		if got := get(t, h.parts); got != "rest false" {
			t.Errorf("part %q", got)
		}
		get(t, h.gone)
	})
}

// TestStreamedBodyFillsTheKernel: it is heavy, so it has the machine to itself.
func TestStreamedBodyFillsTheKernel(t *testing.T) {
	r, h := intakeRig(t, transport.Options{})
	h.hold, h.limit = "hold", 1<<30
	const n = 32 << 20
	c := r.dial()
	c.send(intakeHead + fmt.Sprintf("Content-Length: %d\r\n\r\nhold", n+4))
	pause := get(t, h.pauses)
	var sent countingWriter
	done := make(chan error, 1)
	go func() {
		var err error
		block := strings.Repeat("x", 16<<10)
		for i := 0; i < n && err == nil; i += len(block) {
			_, err = io.Copy(io.MultiWriter(c.TCPConn, &sent), strings.NewReader(block))
		}
		done <- err
	}()
	before := int64(-1)
	until(t, "client stopped sending", func() bool {
		r.loops.Ready(within(t))
		now := sent.n.Load()
		stopped := now == before && now > 0
		before = now
		return stopped
	})
	if len(done) > 0 || len(h.parts) != 1 {
		t.Fatalf("%d parts", len(h.parts))
	}
	pause(false)
	if resp, body := c.answer("POST"); resp.StatusCode != 200 || len(body) != n+5 {
		t.Errorf("answer %d with %d bytes", resp.StatusCode, len(body))
	}
	if err := get(t, done); err != nil {
		t.Error(err)
	}
}

// decorated is a handler whose refusals have a header.
type decorated struct{ handler }

func (decorated) Decorate(h http.Header, r *http.Request) {
	h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	h.Set("Content-Length", "7")
	h.Set("Content-Type", "text/html")
}

func TestRefusalsAreDecorated(t *testing.T) {
	t.Parallel()
	r := newRig(t, transport.Options{BodyTimeout: 50 * time.Millisecond}, nil)
	r.Serve(decorated{handler{10, func(http.ResponseWriter, *http.Request) { panic("no") }}})
	const head = "POST / HTTP/1.1\r\nHost: a\r\nOrigin: http://o\r\n"
	for _, c := range []struct {
		name, wire string
		status     int
		origin     string
	}{
		{"an announced length", head + "Content-Length: 11\r\n\r\n", 413, "http://o"},
		{"a length", head + "Transfer-Encoding: chunked\r\n\r\nb\r\n", 413, "http://o"},
		{"a broken chunk", head + "Transfer-Encoding: chunked\r\n\r\nx", 400, "http://o"},
		{"a body that does not come", head + "Content-Length: 5\r\n\r\n", 408, "http://o"},
		{"a panic", head + "\r\n", 500, "http://o"},
		{"a broken header", head + "x\r\n\r\n", 400, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := r.on(t).dial()
			p.send(c.wire)
			resp := p.wantStatus(c.status)
			if got := resp.Header.Get("Access-Control-Allow-Origin"); got != c.origin {
				t.Errorf("origin %q, want %q", got, c.origin)
			}
			if v := resp.Header.Values("Content-Type"); len(v) > 1 || len(v) == 1 && v[0] == "text/html" {
				t.Errorf("Content-Type %q", v)
			}
			p.wantEnd()
		})
	}
}
