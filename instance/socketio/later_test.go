package socketio_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/sockd/sockd/instance/socketio"
)

// TestAdmit lets clients in, or refuses them, after Connect has returned.
func TestAdmit(t *testing.T) {
	for _, c := range []struct {
		name  string
		admit func(*socketio.Socket)
		want  []string // what the client gets, with the socket's id as ID
		notes []string
	}{
		{"let in", func(s *socketio.Socket) { s.Admit(nil) }, []string{`40{"sid":"ID"}`}, []string{"connect / {}", "connected /"}},
		{"let in twice", func(s *socketio.Socket) { s.Admit(nil); s.Admit(nil) }, []string{`40{"sid":"ID"}`}, []string{"connect / {}", "connected /"}},
		{"refused", func(s *socketio.Socket) { s.Admit(&socketio.ConnectError{Message: "no"}) }, []string{`44{"message":"no"}`}, []string{"connect / {}"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, socketio.Options{}, func(r *rig) {
				var held *socketio.Socket
				n := &notes{t: r, connect: func(s *socketio.Socket, _ json.RawMessage) error { held = s; return socketio.ErrLater }}
				ns := r.io.Of("/")
				ns.Handle(n)
				p := r.dial()
				p.send("0")
				p.want()
				if ns.Len() != 0 {
					r.Error("in the namespace before it was let in")
				}
				c.admit(held)
				want := slices.Clone(c.want)
				for i := range want {
					if want[i] == `40{"sid":"ID"}` {
						want[i] = `40{"sid":"` + held.ID() + `"}`
					}
				}
				p.want(want...)
				if !slices.Equal(n.all, c.notes) {
					r.Errorf("got %q, want %q", n.all, c.notes)
				}
			})
		})
	}
}

// TestAdmitInside has the decision fall before Connect has returned.
func TestAdmitInside(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		r.io.Of("/").Handle(&notes{t: r, connect: func(s *socketio.Socket, _ json.RawMessage) error {
			s.Admit(nil)
			return socketio.ErrLater
		}})
		r.join("")
	})
}

// TestAdmitGone has the client leave, or wait too long, before the decision.
func TestAdmitGone(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		var held *socketio.Socket
		n := &notes{t: r, connect: func(s *socketio.Socket, _ json.RawMessage) error { held = s; return socketio.ErrLater }}
		r.io.Of("/").Handle(n)
		p := r.dial()
		p.send("0")
		p.leave()
		held.Admit(nil)
		if want := []string{"connect / {}"}; !slices.Equal(n.all, want) {
			r.Errorf("got %q, want %q", n.all, want)
		}
	})
}

func TestSocketData(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		r.io.Of("/").Handle(&notes{t: r, connect: func(s *socketio.Socket, _ json.RawMessage) error { s.SetData("mine"); return nil }})
		_, s := r.socket("/")
		if got := s.Data(); got != "mine" {
			r.Errorf("got %v", got)
		}
	})
}
