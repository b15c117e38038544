package socketio_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// Each case is a client in "/" that does one thing, in a server with "/" and "/b".
func TestRules(t *testing.T) {
	const let = "connect / {}"
	for _, c := range []struct {
		name   string
		send   []string
		blobs  []string
		want   []string // answers
		closed bool
		calls  []string // of the handler, after the connection to "/"
	}{
		{name: "event", send: []string{`2["a",1]`}, calls: []string{`event / ["a",1]`}},
		{name: "event without payload is nothing", send: []string{"2", "27"}},
		{name: "connect twice", send: []string{"0"}, closed: true, calls: []string{"disconnect /: forced server close"}},
		{name: "event for a namespace not joined", send: []string{`2/b,["a"]`}, closed: true, calls: []string{"disconnect /: forced server close"}},
		{name: "ack for a namespace not joined", send: []string{`3/b,1[]`}, closed: true, calls: []string{"disconnect /: forced server close"}},
		{name: "disconnect of a namespace not joined", send: []string{"1/b,"}, closed: true, calls: []string{"disconnect /: forced server close"}},
		{name: "binary event for a namespace not joined", send: []string{`51-/b,["a"]`}, closed: true, calls: []string{"disconnect /: forced server close"}},
		{name: "connect error from a client", send: []string{`4{"message":"x"}`}, closed: true, calls: []string{"disconnect /: forced server close"}},
		{name: "malformed", send: []string{"2{}"}, closed: true, calls: []string{"disconnect /: forced close"}},
		{name: "reserved name", send: []string{`2["disconnect"]`}, closed: true, calls: []string{"disconnect /: forced close"}},
		{name: "empty packet", send: []string{""}, closed: true, calls: []string{"disconnect /: forced close"}},
		{name: "unexpected binary", blobs: []string{"x"}, closed: true, calls: []string{"disconnect /: forced close"}},
		{name: "ack with unknown id", send: []string{"399[]"}},
		{name: "ack without id", send: []string{"3[]"}},
		{name: "unknown namespace", send: []string{"0/custom?a=b,"}, want: []string{`44/custom?a=b,{"message":"Invalid namespace"}`}},
		{name: "disconnect is not answered", send: []string{"1"}, calls: []string{"disconnect /: client namespace disconnect"}},
		{name: "disconnect, then event", send: []string{"1", `2["a"]`}, closed: true, calls: []string{"disconnect /: client namespace disconnect"}},
		{name: "disconnect twice", send: []string{"1", "1"}, closed: true, calls: []string{"disconnect /: client namespace disconnect"}},
		{name: "text between a binary event and its attachments", send: []string{`51-["a"]`, `2["b"]`}, closed: true, calls: []string{"disconnect /: forced close"}},
		{name: "binary event", send: []string{`51-["a",{"_placeholder":true,"num":0}]`}, blobs: []string{""}, calls: []string{`event / ["a",{"_placeholder":true,"num":0}]`}},
		{name: "binary event without payload", send: []string{`51-`}, blobs: []string{"x"}},
		{name: "too many attachments come", send: []string{`51-["a"]`}, blobs: []string{"x", "y"}, closed: true, calls: []string{`event / ["a"]`, "disconnect /: forced close"}},
		{name: "placeholder out of range", send: []string{`51-["a",{"_placeholder":true,"num":1}]`}, blobs: []string{"x"}, closed: true, calls: []string{"disconnect /: forced close"}},
		{name: "placeholder in a plain event is data", send: []string{`2["a",{"_placeholder":true,"num":1}]`}, calls: []string{`event / ["a",{"_placeholder":true,"num":1}]`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, socketio.Options{}, func(r *rig) {
				n := r.noted("/", "/b")
				p, _ := r.join("")
				n.want(let, "connected /")
				p.send(c.send...)
				p.sendBinary(c.blobs...)
				synctest.Wait()
				p.want(c.want...)
				if p.closed() != c.closed {
					r.Errorf("closed: %v, want %v", p.closed(), c.closed)
				}
				n.want(c.calls...)
			})
		})
	}
}

func TestConnectAgainAfterDisconnect(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		n := r.noted("/")
		p, first := r.join("")
		p.send("1")
		if second := p.join(""); second == first || len(second) != 20 {
			r.Errorf("ids %s and %s", first, second)
		}
		n.want("connect / {}", "connected /", "disconnect /: client namespace disconnect", "connect / {}", "connected /")
	})
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"any error":      {errors.New("not <you>"), `44{"message":"not <you>"}`},
		"with data":      {&socketio.ConnectError{Message: "no", Data: map[string]any{"code": 401, "s": "<\u2028"}}, "44{\"message\":\"no\",\"data\":{\"code\":401,\"s\":\"<\u2028\"}}"},
		"wrapped":        {fmt.Errorf("auth: %w", &socketio.ConnectError{Message: "no", Data: "why"}), `44{"message":"no","data":"why"}`},
		"data not JSON":  {&socketio.ConnectError{Message: "no", Data: func() {}}, `44{"message":"no"}`},
		"quotes in text": {errors.New("a \"b\"\n"), `44{"message":"a \"b\"\n"}`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, socketio.Options{}, func(r *rig) {
				n := r.noted("/")
				n.connect = func(s *socketio.Socket, _ json.RawMessage) error {
					s.Join("room")
					return c.err
				}
				p := r.dial()
				p.send("0")
				p.want(c.want)
				r.clean()
				n.connect = nil
				p.join("") // the client may try again
				n.want("connect / {}", "connect / {}", "connected /")
			})
		})
	}
}

func TestRefusedClientIsClosedByTheConnectTimeout(t *testing.T) {
	bubble(t, socketio.Options{ConnectTimeout: time.Second}, func(r *rig) {
		n := r.noted("/")
		n.connect = func(*socketio.Socket, json.RawMessage) error { return errors.New("no") }
		p := r.dial()
		p.send("0")
		for range 10 {
			p.wantOpen()
			pass(101 * time.Millisecond)
		}
		p.wantClosed()
	})
}

func TestConnectTimeoutIsForgottenOnceJoined(t *testing.T) {
	bubble(t, socketio.Options{ConnectTimeout: time.Second}, func(r *rig) {
		r.io.Of("/")
		p, _ := r.join("")
		p.send("1")
		for range 30 {
			pass(100 * time.Millisecond)
			p.wantOpen()
		}
		p.join("")
	})
}

func TestConnectTimeoutIsLive(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		p, q := r.dial(), r.dial()
		pass(100 * time.Millisecond)
		p.wantOpen()
		r.io.Configure(socketio.Options{ConnectTimeout: 50 * time.Millisecond})
		synctest.Wait()
		p.wantClosed()
		q.wantClosed()
	})
}

func TestEmitsInsideConnectGoOutFirst(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		n := r.noted("/")
		n.connect = func(s *socketio.Socket, auth json.RawMessage) error {
			s.Join("early")
			if r.io.Of("/").Len() != 0 {
				r.Error("in the namespace before Connect has returned")
			}
			return s.Emit("session", auth)
		}
		n.connected = func(s *socketio.Socket) {
			_ = r.io.Of("/").Emit(socketio.Selector{Rooms: []string{"early"}}, "late")
		}
		p := r.dial()
		p.send(`0{"a":1}`)
		got := p.take()
		if len(got) != 3 || got[0] != `42["session",{"a":1}]` || !strings.HasPrefix(got[1], "40{") || got[2] != `42["late"]` {
			r.Errorf("got %q", got)
		}
	})
}

func TestDisconnectByTheServer(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		n := r.noted("/", "/b")
		p, s := r.socket("/b")
		p.join("")
		n.want("connect /b {}", "connected /b", "connect / {}", "connected /")
		s.Disconnect(false)
		s.Disconnect(false)
		p.want("41/b,")
		n.want("disconnect /b: server namespace disconnect")
		if err := s.Emit("late"); !errors.Is(err, engineio.ErrClosed) {
			r.Errorf("Emit after Disconnect: %v", err)
		}
		p.send(`2/b,["under way"]`, "3/b,1[]", `51-/b,["under way"]`)
		p.sendBinary("x")
		p.send("1/b,", `2["a"]`)
		n.want(`event / ["a"]`)
		p.join("/b,")
		n.want("connect /b {}", "connected /b")
		p.wantOpen()
	})
}

func TestDisconnectWithItsConnection(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		n := r.noted("/", "/b", "/c")
		p, s := r.socket("/")
		p.join("/b,")
		p.join("/c,")
		n.mu.Lock()
		n.all = nil
		n.mu.Unlock()
		s.Disconnect(true)
		synctest.Wait()
		got := strings.Join(p.take(), " ")
		for _, want := range []string{"41", "41/b,", "41/c,"} {
			if !strings.Contains(got+" ", want+" ") {
				r.Errorf("got %s, want %s in it", got, want)
			}
		}
		p.wantClosed()
		n.mu.Lock()
		defer n.mu.Unlock()
		if len(n.all) != 3 {
			r.Errorf("calls %q", n.all)
		}
		for _, call := range n.all {
			if !strings.HasSuffix(call, ": server namespace disconnect") {
				r.Error(call)
			}
		}
	})
}

func TestReasonsOfTheConnection(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		n := r.noted("/")
		end := func(want engineio.Reason, f func(p *peer, s *socketio.Socket)) {
			p, s := r.socket("/")
			n.want("connect / {}", "connected /")
			f(p, s)
			synctest.Wait()
			n.want("disconnect /: " + string(want))
		}
		end(engineio.TransportClose, func(p *peer, _ *socketio.Socket) { p.leave() })
		end(engineio.TransportClose, func(p *peer, _ *socketio.Socket) { _ = p.conn.Send("1") })
		end(engineio.ParseError, func(p *peer, _ *socketio.Socket) { _ = p.conn.Send("x") })
		end(engineio.PingTimeout, func(*peer, *socketio.Socket) { pass(501 * time.Millisecond) })
		end(engineio.ForcedClose, func(_ *peer, s *socketio.Socket) { s.Conn().Close(engineio.ForcedClose) })
		end(engineio.ServerShuttingDown, func(p *peer, _ *socketio.Socket) {
			_ = r.engine.Drain(r.Context(), 0, engineio.ServerShuttingDown)
			p.want() // no DISCONNECT packet
		})
	})
}

func TestDisconnectInsideHandlers(t *testing.T) {
	// The notes check that Disconnect comes last and overlaps nothing.
	bubble(t, socketio.Options{}, func(r *rig) {
		n := r.noted("/")
		n.event = func(s *socketio.Socket, e *socketio.Event) {
			s.Disconnect(e.Name == "all")
			if s.Namespace().Len() != 0 {
				r.Error("still there")
			}
		}
		p, _ := r.join("")
		p.send(`2["one"]`)
		p.want("41")
		n.want("connect / {}", "connected /", `event / ["one"]`, "disconnect /: server namespace disconnect")
		p.join("")
		p.send(`2["all"]`)
		p.want("41")
		p.wantClosed()
		n.want("connect / {}", "connected /", `event / ["all"]`, "disconnect /: server namespace disconnect")

		n.connect = func(s *socketio.Socket, _ json.RawMessage) error {
			s.Disconnect(false)
			return nil
		}
		q := r.dial()
		q.send("0")
		if got := q.take(); len(got) != 2 || got[1] != "41" {
			r.Errorf("put out during Connect: got %q", got)
		}
		n.want("connect / {}", "disconnect /: server namespace disconnect")

		n.connect = nil
		n.connected = func(s *socketio.Socket) { s.Conn().Close(engineio.ForcedServerClose) }
		q.send("0")
		q.wantClosed()
		n.want("connect / {}", "connected /", "disconnect /: forced server close")
	})
}

func TestPanicInAHandlerLeavesNoLock(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		n := r.noted("/")
		n.event = func(*socketio.Socket, *socketio.Event) { panic("application") }
		p, s := r.socket("/")
		s.Join("room")
		func() {
			defer func() {
				if recover() == nil {
					r.Error("the panic did not reach the host")
				}
			}()
			p.send(`2["a"]`)
		}()
		p.leave() // a host closes the connection
		n.want("connect / {}", "connected /", `event / ["a"]`, "disconnect /: transport close")
		r.clean()
	})
}

func TestSeveralNamespaces(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		n := r.noted("/", "/b", "/c", "/d")
		p, _ := r.join("")
		for _, prefix := range []string{"/b,", "/c,", "/d,"} {
			p.join(prefix)
		}
		p.send("1", `2/c,["x"]`, "1/c,", `2/b,["x"]`, `2/d,["x"]`)
		p.join("")
		p.wantOpen()
		n.want("connect / {}", "connected /", "connect /b {}", "connected /b", "connect /c {}", "connected /c", "connect /d {}", "connected /d",
			"disconnect /: client namespace disconnect", `event /c ["x"]`, "disconnect /c: client namespace disconnect",
			`event /b ["x"]`, `event /d ["x"]`, "connect / {}", "connected /")
		p.leave()
		r.clean()
	})
}
