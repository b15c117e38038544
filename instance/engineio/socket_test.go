package engineio_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
)

func text(s string) *engineio.Message { return engineio.Text([]byte(s)) }

func TestCloseOfPolling(t *testing.T) {
	t.Run("a poll is pending", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			poll := r.client.Poll()
			r.session(0).socket.Close(engineio.ForcedServerClose)
			r.want(poll.Wait(), 200, "1")
			r.wantGone()
			r.wantEnd(engineio.ForcedServerClose)
		})
	})
	t.Run("no poll is pending", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			r.session(0).socket.Close(engineio.ForcedClose)
			r.wantEnd(engineio.ForcedClose) // at once
			r.pass(30*time.Second - ms)
			r.want(r.client.Post("4ignored"), 200, "ok")
			r.want(r.client.Get(), 200, "6\x1e1")
			r.wantGone()
			if got := r.session(0).messages(); len(got) != 0 {
				t.Errorf("messages %q after the end", got)
			}
		})
	})
	t.Run("messages wait", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			s := r.session(0).socket
			_ = s.Send(text("a"))
			_ = s.Send(text("b"))
			s.Close(engineio.ForcedClose)
			if err := s.Send(text("c")); err != engineio.ErrClosed {
				t.Errorf("send after the end: %v", err)
			}
			r.want(r.client.Get(), 200, "4a\x1e4b")
			r.want(r.client.Get(), 200, "6\x1e1")
			r.wantGone()
		})
	})
	t.Run("the client never polls", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			s := r.session(0).socket
			_ = s.Send(engineio.Batch(text("a"), text("b")))
			s.Close(engineio.ForcedClose)
			r.pass(30 * time.Second)
			r.wantGone()
			if got := r.server.Stats().Discarded; got != 2 {
				t.Errorf("%d messages discarded, want 2", got)
			}
		})
	})
	t.Run("the client closes too", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			r.session(0).socket.Close(engineio.ForcedClose)
			r.want(r.client.Post("1"), 200, "ok")
			r.pass(100 * ms)
			r.wantGone()
			r.wantEnd(engineio.ForcedClose)
		})
	})
}

func TestCloseOfWebSocket(t *testing.T) {
	t.Run("queued messages come first", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			c := r.dial()
			c.Hold()
			s := r.session(0).socket
			_ = s.Send(text("a"))
			s.Close(engineio.ForcedClose)
			s.Close(engineio.ServerShuttingDown)
			c.Release()
			r.wantRecv(c, "4a")
			r.wantClosed(c, 1005)
			r.wantEnd(engineio.ForcedClose)
		})
	})
	for _, c := range []struct {
		name string
		end  func(*enginetest.Conn)
		want engineio.Reason
	}{
		{"the client closes", func(c *enginetest.Conn) { c.Close(1000) }, engineio.TransportClose},
		{"the connection is cut", func(c *enginetest.Conn) { c.Drop(nil) }, engineio.TransportClose},
		{"the client breaks the protocol", func(c *enginetest.Conn) { c.Drop(errors.New("bad frame")) }, engineio.TransportError},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, engineio.Options{}, func(r *rig) {
				conn := r.dial()
				c.end(conn)
				r.wantEnd(c.want)
				if err := r.session(0).socket.Send(text("a")); err != engineio.ErrClosed {
					t.Errorf("send: %v", err)
				}
			})
		})
	}
}

func TestCloseFromWithinTheSession(t *testing.T) {
	t.Run("in Message", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.react = func(n *note, m string) bool {
				if m == "bye" {
					n.socket.Close(engineio.ForcedServerClose)
				}
				return false
			}
			r.handshake()
			r.want(r.client.Post("4a\x1e4bye\x1e4b"), 200, "ok")
			r.want(r.client.Get(), 200, "4a")
			r.want(r.client.Get(), 200, "6\x1e1")
			r.wantEnd(engineio.ForcedServerClose)
		})
	})
	t.Run("in Accept", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.accept = func(n *note) { n.socket.Close(engineio.ForcedServerClose) }
			r.handshake()
			r.wantEnd(engineio.ForcedServerClose)
			r.want(r.client.Get(), 200, "6\x1e1")
			c, err := r.client.DialQuery("EIO=4&transport=websocket")
			if err != nil {
				t.Fatal(err)
			}
			r.recv(c)
			r.wantClosed(c, 1005)
		})
	})
}

func TestSessionPanics(t *testing.T) {
	panics := func(f func()) (v any) {
		defer func() { v = recover() }()
		f()
		return nil
	}
	t.Run("in Message", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.react = func(*note, string) bool { panic("oops") }
			c := r.dial()
			if got := panics(func() { _ = c.Send("4hello") }); got != "oops" {
				t.Errorf("recovered %v", got)
			}
			r.session(0).socket.Close(engineio.ForcedClose) // no lock is left behind
			r.wantEnd(engineio.ForcedClose)
		})
	})
	t.Run("in Accept", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.accept = func(*note) { panic("oops") }
			panics(func() { r.client.Poll() })
			if n := len(r.notes); n != 1 {
				t.Fatalf("%d sessions", n)
			}
			r.notes = nil // it never became a session that could be closed
		})
	})
}

func TestSendInAcceptWaitsForTheFirstPoll(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.accept = func(n *note) { _ = n.socket.Send(text("welcome")) }
		if answer := r.client.Get(); strings.Contains(answer.Body, "\x1e") {
			t.Errorf("handshake %q", answer.Body)
		}
		r.handshake()
		r.want(r.client.Get(), 200, "4welcome")
		r.wantRecv(r.dial(), "4welcome")
	})
}

func TestSlowClient(t *testing.T) {
	small := engineio.Options{Queue: 100}
	t.Run("a websocket is closed", func(t *testing.T) {
		bubble(t, small, func(r *rig) {
			c := r.dial()
			s := r.session(0).socket
			c.Hold()
			if err := s.Send(text(strings.Repeat("x", 500))); err != nil {
				t.Errorf("one large message: %v", err)
			}
			if s.Writable() || s.Buffered() < 500 {
				t.Errorf("writable %v with %d bytes buffered", s.Writable(), s.Buffered())
			}
			if err := s.Send(text("x")); err != engineio.ErrSlow {
				t.Errorf("the next: %v", err)
			}
			r.wantEnd(engineio.Slow)
			if got := r.server.Stats().Slow; got != 1 {
				t.Errorf("%d slow sessions", got)
			}
		})
	})
	t.Run("a polling session is closed", func(t *testing.T) {
		bubble(t, small, func(r *rig) {
			r.handshake()
			s := r.session(0).socket
			for i := range 10 {
				if err := s.Send(text("1234567")); err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
			}
			if err := s.Send(text("1234567")); err != engineio.ErrSlow {
				t.Errorf("over the limit: %v", err)
			}
			r.wantGone()
			r.wantEnd(engineio.Slow)
			if got := r.server.Stats().Discarded; got != 10 {
				t.Errorf("%d messages discarded, want 10", got)
			}
		})
	})
	t.Run("messages are dropped", func(t *testing.T) {
		bubble(t, engineio.Options{Queue: 20, OnFull: engineio.Drop}, func(r *rig) {
			r.handshake()
			s := r.session(0).socket
			_ = s.Send(text("1234567"))
			_ = s.Send(text("2345678"))
			if err := s.Send(engineio.Batch(text("a"), text("b"))); err != engineio.ErrFull {
				t.Errorf("over the limit: %v", err)
			}
			r.want(r.client.Get(), 200, "41234567\x1e42345678")
			if err := s.Send(text("c")); err != nil {
				t.Errorf("after the poll: %v", err)
			}
			if got := r.server.Stats().Dropped; got != 2 {
				t.Errorf("%d messages dropped, want 2", got)
			}
			r.wantAlive()
		})
	})
	t.Run("a new limit counts at once", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			s := r.session(0).socket
			_ = s.Send(text("a"))
			r.server.Configure(engineio.Options{Queue: 1, OnFull: engineio.Drop})
			if err := s.Send(text("b")); err != engineio.ErrFull {
				t.Errorf("send: %v", err)
			}
		})
	})
}

func TestWritable(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		s := r.session(0).socket
		if s.Writable() {
			t.Error("without a poll")
		}
		poll := r.client.Poll()
		if !s.Writable() {
			t.Error("not with a parked poll")
		}
		_ = s.Send(text("a"))
		r.want(poll.Wait(), 200, "4a")
		if s.Writable() {
			t.Error("after the answer")
		}
		c := r.upgrade()
		if !s.Writable() {
			t.Error("not on an idle websocket")
		}
		c.Hold()
		_ = s.Send(text("a"))
		if s.Writable() {
			t.Error("on a stalled websocket")
		}
		c.Close(1000)
		synctest.Wait()
		if s.Writable() {
			t.Error("after the end")
		}
	})
}

func TestTooManySessions(t *testing.T) {
	bubble(t, engineio.Options{MaxSockets: 2}, func(r *rig) {
		r.handshake()
		first := *r.client
		r.dial()
		answer := r.host.Client().Get()
		if answer.Status != 503 || answer.Header.Get("Retry-After") == "" {
			t.Errorf("answer %+v", answer)
		}
		_, err := r.host.Client().Dial()
		refused(t, err, 503, "too many sessions")
		if got := r.server.Stats().Refused["full"]; got != 2 {
			t.Errorf("%d refused", got)
		}
		first.Post("1")
		if _, err := r.host.Client().Handshake(); err != nil {
			t.Error(err)
		}
		r.server.Configure(engineio.Options{MaxSockets: 3})
		if _, err := r.host.Client().Handshake(); err != nil {
			t.Error(err)
		}
	})
}

func TestConfigureConcernsNewSessions(t *testing.T) {
	bubble(t, fast, func(r *rig) {
		r.handshake()
		r.server.Configure(engineio.Options{Transports: []string{"websocket"}, MaxPayload: 10})
		r.want(r.client.Get(), 200, "2")
		r.want(r.client.Post("3\x1e4longer than ten"), 200, "ok")
		r.want(r.host.Client().Get(), 400, `{"code":0,"message":"Transport unknown"}`)
		c := r.host.Client()
		conn, err := c.Dial()
		if err != nil {
			t.Fatal(err)
		}
		if o, err := enginetest.ParseOpen(r.recv(conn)); err != nil || o.MaxPayload != 10 || o.PingInterval != 25000 {
			t.Errorf("open packet %+v, %v", o, err)
		}
	})
}

func TestSessionIDs(t *testing.T) {
	t.Run("are unlike each other", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			seen := map[string]bool{}
			for range 100 {
				o := r.handshake()
				if len(o.SID) != 20 || strings.Trim(o.SID, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" || seen[o.SID] {
					t.Errorf("session id %q", o.SID)
				}
				seen[o.SID] = true
			}
		})
	})
	t.Run("that are taken or empty are refused", func(t *testing.T) {
		id := "same"
		bubble(t, engineio.Options{NewID: func() string { return id }, MaxSockets: 2}, func(r *rig) {
			r.handshake()
			for _, id = range []string{"same", "", "same"} {
				r.want(r.host.Client().Get(), 400, badRequest)
				if _, err := r.host.Client().Dial(); err == nil && id == "same" {
					t.Error("a websocket with a taken id")
				}
			}
			id = `quo"te`
			if o, err := r.host.Client().Handshake(); err != nil || o.SID != id {
				t.Errorf("%+v, %v", o, err)
			}
		})
	})
}

func TestHandshakeIsRemembered(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.client.Header["X-Many"] = []string{"a: b", "", "c"}
		r.client.Header.Set("Origin", "http://localhost:3000")
		r.client.Query = "token=a%20b&token=2&x"
		r.handshake()
		h := r.session(0).socket.Handshake()
		if got := strings.Join(h.Header["X-Many"], "|"); got != "a: b||c" {
			t.Errorf("X-Many %q", got)
		}
		if h.Header.Get("Origin") != "http://localhost:3000" || h.Header.Get("Host") != "sockd.test" || len(h.Header) != 3 {
			t.Errorf("headers %v", h.Header)
		}
		if h.Query.Get("token") != "a b" || len(h.Query["token"]) != 2 || h.Query.Get("EIO") != "4" || !h.Query.Has("x") {
			t.Errorf("query %v", h.Query)
		}
		if h.URL != "/socket.io/?EIO=4&transport=polling&token=a%20b&token=2&x" || h.RemoteAddr != "192.0.2.1:1234" || h.Secure {
			t.Errorf("handshake %+v", h)
		}
		if !h.Time.Equal(time.Now()) {
			t.Errorf("time %v, want %v", h.Time, time.Now())
		}
		r.client.Header = nil
		r.client.Header = map[string][]string{"Other": {"x"}}
		r.client.Poll().Abort()
		if got := r.session(0).socket.Handshake().Header.Get("Other"); got != "" {
			t.Errorf("header of a later request: %q", got)
		}
	})
}

func TestDrain(t *testing.T) {
	t.Run("is spread over the time", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			conns := make([]*enginetest.Conn, 10)
			for i := range conns {
				conns[i] = r.dial()
			}
			done := make(chan error)
			start := time.Now()
			go func() { done <- r.server.Drain(r.Context(), time.Second, engineio.ServerShuttingDown) }()
			r.pass(450 * ms)
			synctest.Wait()
			if n := r.server.Len(); n != 5 {
				t.Errorf("%d sessions at half time, want 5", n)
			}
			r.want(r.host.Client().Get(), 503, "server shutting down")
			if err := <-done; err != nil || time.Since(start).Truncate(ms) != 900*ms {
				t.Errorf("drain: %v after %v", err, time.Since(start))
			}
			for i := range conns {
				r.wantClosed(conns[i], 1005)
				if got := r.session(i).reasons(); len(got) != 1 || got[0] != engineio.ServerShuttingDown {
					t.Errorf("session %d ended for %q", i, got)
				}
			}
		})
	})
	t.Run("is cut short by the context", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			for range 4 {
				r.handshake() // they will linger
			}
			ctx, cancel := context.WithTimeout(r.Context(), time.Second)
			defer cancel()
			if err := r.server.Drain(ctx, time.Minute, engineio.ServerShuttingDown); err != context.DeadlineExceeded {
				t.Errorf("drain: %v", err)
			}
			if n := r.server.Len(); n != 0 {
				t.Errorf("%d sessions are left", n)
			}
		})
	})
	t.Run("catches a session that comes in meanwhile", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			drain := func() {
				ctx, cancel := context.WithCancel(r.Context())
				cancel()
				_ = r.server.Drain(ctx, 0, engineio.ServerShuttingDown)
			}
			r.during = drain
			c := r.dial()
			r.wantClosed(c, 1005)
			r.wantEnd(engineio.ServerShuttingDown)
		})
	})
	t.Run("during Accept", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.accept = func(*note) {
				ctx, cancel := context.WithCancel(r.Context())
				cancel()
				_ = r.server.Drain(ctx, 0, engineio.ServerShuttingDown)
			}
			r.handshake()
			r.wantEnd(engineio.ServerShuttingDown)
		})
	})
}

func TestReasonFor(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]engineio.Reason{
		nil:                      engineio.TransportClose,
		context.DeadlineExceeded: engineio.TransportError,
	} {
		if got := engineio.ReasonFor(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
