package transport_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/transport"
)

// parkRig parks GET /park, upgrades GET /ws to an echo, and echoes the rest.
type parkRig struct {
	*rig
	parked  chan parkedRequest
	sockets chan engineio.Conn
	gone    chan error // of websockets
}

type parkedRequest struct {
	reply engineio.Reply
	gone  chan error
}

func newParkRig(t testing.TB, o transport.Options) *parkRig {
	r := &parkRig{parked: make(chan parkedRequest, 100), sockets: make(chan engineio.Conn, 5000), gone: make(chan error, 5000)}
	r.rig = newRig(t, o, func(g *rig, w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/park":
			w.Header().Set("X-Before", "a")
			w.Header().Set("X-Both", "a")
			p := parkedRequest{gone: make(chan error, 1)}
			var err error
			if p.reply, err = g.Park(w, req, func(err error) { p.gone <- err }); err != nil {
				t.Error("park:", err)
			}
			r.parked <- p
		case "/ws":
			r.upgrade(g, w, req)
		default:
			echo(w, req)
		}
	})
	return r
}

func (r *parkRig) upgrade(g *rig, w http.ResponseWriter, req *http.Request) {
	var conn engineio.Conn
	conn, err := g.Upgrade(w, req, func(text bool, p []byte) {
		if string(p) == "panic" {
			panic("frame panicked")
		}
		op := ws.OpBinary
		if text {
			op = ws.OpText
		}
		conn.Write(ws.MustCompileFrame(ws.NewFrame(op, true, p)))
	}, func(err error) { r.gone <- err })
	if err == nil {
		r.sockets <- conn
	}
}

func (r *parkRig) park(t testing.TB) (*client, parkedRequest) {
	t.Helper()
	c := r.on(t).dial()
	c.send("GET /park HTTP/1.1\r\nHost: a\r\n\r\n")
	return c, get(t, r.parked)
}

func TestParkedReply(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	c, p := r.park(t)
	if st := r.Stats(); st.Parked != 1 {
		t.Errorf("parked %d, want 1", st.Parked)
	}
	if err := p.reply(201, http.Header{"X-Both": {"b"}, "X-After": {"b"}}, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	resp := c.want(201, "hello")
	if h := resp.Header; h.Get("X-Before") != "a" || h.Get("X-After") != "b" || len(h.Values("X-Both")) != 1 || h.Get("X-Both") != "b" {
		t.Errorf("header %v", h)
	}
	if err := p.reply(200, nil, nil); !errors.Is(err, engineio.ErrClosed) {
		t.Errorf("second reply: %v", err)
	}
	c.send(get11 + "\r\n")
	c.want(200, "GET / ")
	if st := r.Stats(); st.Parked != 0 {
		t.Errorf("parked %d, want 0", st.Parked)
	}
	c.Close()
	until(t, "connection gone", func() bool { return r.Len() == 0 })
	if len(p.gone) != 0 {
		t.Error("gone after a reply")
	}
}

func TestReplyBeforeTheHandlerReturned(t *testing.T) {
	t.Parallel()
	r := newRig(t, transport.Options{}, func(g *rig, w http.ResponseWriter, req *http.Request) {
		reply, err := g.Park(w, req, func(error) { t.Error("gone") })
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(w, "ignored")
		if err := reply(200, nil, []byte(req.URL.Path)); err != nil {
			t.Error(err)
		}
	})
	c := r.on(t).dial()
	c.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	c.want(200, "/1")
	if resp := c.want(200, "/2"); !resp.Close {
		t.Error("no Connection: close")
	}
	c.wantEnd()
}

func TestParkedClientLeaves(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	for _, tt := range []struct {
		name  string
		leave func(*client)
	}{
		{"closes", func(c *client) { c.Close() }},
		{"half-closes", func(c *client) { c.CloseWrite() }},
		{"resets", func(c *client) { c.SetLinger(0); c.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, p := r.park(t)
			tt.leave(c)
			if err := get(t, p.gone); err == nil {
				t.Error("gone without an error")
			}
			if err := p.reply(200, nil, nil); !errors.Is(err, engineio.ErrClosed) {
				t.Errorf("reply: %v, want ErrClosed", err)
			}
		})
	}
	until(t, "no connection and nothing parked", func() bool { st := r.Stats(); return st.Open == 0 && st.Parked == 0 })
}

func TestRequestBehindAParkedOne(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	for _, tt := range []struct {
		name   string
		behind func(c *client)
	}{
		{"in the same segment", func(c *client) { c.send("GET /park HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n") }},
		{"later", func(c *client) {
			c.send("GET /park HTTP/1.1\r\nHost: a\r\n\r\n")
			until(t, "parked", func() bool { return r.Stats().Parked == 1 })
			c.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
			c.send("GET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
			r.settled()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := r.on(t).dial()
			tt.behind(c)
			p := get(t, r.parked)
			r.settled()
			if err := p.reply(200, nil, []byte("first")); err != nil {
				t.Fatal(err)
			}
			c.want(200, "first")
			c.wantStatus(400)
			c.wantEnd()
		})
	}
	if n := r.refused(transport.RefusedPipelined); n != 2 {
		t.Errorf("refused %d", n)
	}
}

// settled waits until the poller has read what the client had sent before.
func (r *rig) settled() {
	r.t.Helper()
	c := r.dial()
	c.send("GET /settled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	c.wantStatus(200)
	if _, err := r.loops.Ready(within(r.t)); err != nil {
		r.t.Fatal(err)
	}
}

func TestEmptyLineBehindAParkedRequestIsForgiven(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	c, p := r.park(t)
	c.send("\r\n")
	r.settled()
	p.reply(200, nil, []byte("first"))
	c.want(200, "first")
	c.send(get11 + "\r\n")
	c.want(200, "GET / ")
}

func TestFloodBehindAParkedRequestIsCut(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	c, p := r.park(t)
	go io.WriteString(c, strings.Repeat("x", 8<<20))
	if err := get(t, p.gone); err == nil {
		t.Error("gone without an error")
	}
}

func TestParkIsRefusedForAForeignOrAnsweredRequest(t *testing.T) {
	t.Parallel()
	other := transport.New(transport.NewLoops(1, 0), transport.Options{})
	errs := make(chan error, 4)
	r := newRig(t, transport.Options{}, func(g *rig, w http.ResponseWriter, req *http.Request) {
		gone := func(error) {}
		_, err := other.Park(w, req, gone)
		errs <- err
		_, err = g.Park(struct{ http.ResponseWriter }{w}, req, gone)
		errs <- err
		_, err = g.Park(wrapped{w}, req, gone)
		errs <- err
		_, err = g.Park(w, req, gone)
		errs <- err
	})
	c := r.on(t).dial()
	c.send(get11 + "\r\n")
	for i, ok := range []bool{false, false, true, false} {
		if err := get(t, errs); (err == nil) != ok {
			t.Errorf("park %d: %v", i, err)
		}
	}
}

type wrapped struct{ w http.ResponseWriter }

func (w wrapped) Header() http.Header         { return w.w.Header() }
func (w wrapped) Write(p []byte) (int, error) { return w.w.Write(p) }
func (w wrapped) WriteHeader(status int)      { w.w.WriteHeader(status) }
func (w wrapped) Unwrap() http.ResponseWriter { return w.w }
