package transport_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/transport"
)

// uploads is a handler that takes notes of bodies under way.
type uploads struct {
	handler
	begun  chan *http.Request
	gone   chan error
	served chan string
	told   chan *http.Request // that they were served
}

func (u uploads) Receiving(r *http.Request) func(error) {
	u.begun <- r
	return func(err error) {
		if err == nil {
			u.told <- r
			return
		}
		u.gone <- err
	}
}

func TestBodiesUnderWay(t *testing.T) {
	t.Parallel()
	r := newRig(t, transport.Options{}, nil)
	u := uploads{begun: make(chan *http.Request, 9), gone: make(chan error, 9), served: make(chan string, 9), told: make(chan *http.Request, 9)}
	u.limit = 1000
	u.serve = func(w http.ResponseWriter, r *http.Request) {
		echo(w, r)
		u.served <- r.URL.Path
	}
	r.Serve(u)
	quiet := func(t *testing.T) {
		t.Helper()
		if len(u.begun)+len(u.gone)+len(u.served) > 0 {
			t.Errorf("%d bodies begun, %d gone, %d served", len(u.begun), len(u.gone), len(u.served))
		}
	}
	const head = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
	t.Run("in one piece with its header", func(t *testing.T) {
		c := r.on(t).dial()
		c.send(head + "hello")
		c.want(200, "POST /a hello")
		get(t, u.served)
		quiet(t)
	})
	t.Run("in pieces", func(t *testing.T) {
		c := r.on(t).dial()
		for range 2 {
			c.send(head + "he")
			got := get(t, u.begun)
			if got.URL.Path != "/a" {
				t.Errorf("path %q", got.URL.Path)
			}
			c.send("l")
			c.send("lo")
			c.want(200, "POST /a hello")
			get(t, u.served)
			if get(t, u.told) != got {
				t.Error("another request was served")
			}
		}
		c.Close()
		until(t, "closed", func() bool { return r.Len() <= 1 })
		quiet(t)
	})
	t.Run("the client leaves", func(t *testing.T) {
		c := r.on(t).dial()
		c.send(head + "he")
		get(t, u.begun)
		c.Close()
		if err := get(t, u.gone); err == nil {
			t.Error("gone without an error")
		}
		quiet(t)
	})
	t.Run("it becomes too large", func(t *testing.T) {
		c := r.on(t).dial()
		c.send("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		get(t, u.begun)
		c.send("fff\r\n" + strings.Repeat("x", 100))
		c.want(413, "")
		c.wantEnd()
		var tooLarge *http.MaxBytesError
		if err := get(t, u.gone); !errors.As(err, &tooLarge) || tooLarge.Limit != 1000 {
			t.Errorf("gone: %v", err)
		}
		c.Close()
		until(t, "closed", func() bool { return r.Len() <= 1 })
		quiet(t)
	})
	if n := r.Stats().Parked; n != 0 {
		t.Errorf("%d requests parked", n)
	}
}

// TestAbortedBodyEndsTheSession: the engine behind a real connection hears of it.
func TestAbortedBodyEndsTheSession(t *testing.T) {
	t.Parallel()
	r := newRig(t, transport.Options{}, nil)
	ended := make(chan engineio.Reason, 1)
	opened := make(chan *engineio.Socket, 1)
	r.Serve(engineio.NewServer(func(s *engineio.Socket) engineio.Session {
		opened <- s
		return reasons(ended)
	}, r.Server, engineio.Options{}))
	c := r.on(t).dial()
	c.send("GET /?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n")
	c.wantStatus(200)
	c.send("POST /?EIO=4&transport=polling&sid=" + get(t, opened).ID() + " HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n4hel")
	c.Close()
	if got := get(t, ended); got != engineio.TransportError {
		t.Errorf("ended for %q", got)
	}
}

// reasons is a session that tells why it ended.
type reasons chan engineio.Reason

func (r reasons) Message([]byte, bool)    {}
func (r reasons) Close(e engineio.Reason) { r <- e }
