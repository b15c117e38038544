package socketio_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// answers is an AckFunc that writes down what comes.
type answers []string

func (a *answers) ack(s *socketio.Socket, args []json.RawMessage, attachments [][]byte) {
	*a = append(*a, fmt.Sprintf("%s %s", args, attachments))
}

func (a *answers) want(t testing.TB, want ...string) {
	t.Helper()
	if strings.Join(*a, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", *a, want)
	}
	*a = nil
}

func TestAcknowledgementsFromClients(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		ns := r.io.Of("/")
		p, s := r.socket("/")
		q, other := r.socket("/")
		var a answers
		packet, err := ns.Prepare("ask", a.ack, 1, []byte("x"))
		if err != nil {
			r.Fatal(err)
		}
		_ = s.Send(packet)
		p.want(`451-0["ask",1,{"_placeholder":true,"num":0}]`, "b:x")
		q.send(`30["not asked"]`)
		p.send(`31["other id"]`, `3["no id"]`)
		a.want(r)
		p.send(`30["yes",{"a":1}]`, `30["again"]`)
		a.want(r, `["yes" {"a":1}] []`)
		_ = other.Send(packet) // one id, several sockets
		q.send(`61-0[{"_placeholder":true,"num":0}]`)
		q.sendBinary("\x00blob")
		a.want(r, "[{\"_placeholder\":true,\"num\":0}] [\x00blob]")
		_ = s.Send(packet) // asked again
		p.send(`30`)
		a.want(r, "[] []")
		next, _ := ns.Prepare("next", a.ack)
		_ = s.Send(next)
		p.want(`451-0["ask",1,{"_placeholder":true,"num":0}]`, "b:x", `421["next"]`)
		next.Forget()
		p.send(`31[]`)
		a.want(r)
		p.wantOpen()
	})
}

func TestAcknowledgementsWithBadPlaceholdersClose(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		var a answers
		packet, _ := r.io.Of("/").Prepare("ask", a.ack)
		p, s := r.socket("/")
		_ = s.Send(packet)
		p.send(`61-0[{"_placeholder":true}]`)
		p.sendBinary("x")
		p.wantClosed()
		a.want(r)
	})
}

func TestJoinedPacketsKeepTheirAcknowledgements(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		ns := r.io.Of("/")
		p, s := r.socket("/")
		var a answers
		one, _ := ns.Prepare("one", a.ack)
		two, _ := ns.Prepare("two", nil, []byte("x"))
		three, _ := ns.Prepare("three", a.ack)
		joint := socketio.Join(one, two, three)
		if joint.Len() != one.Len()+two.Len()+three.Len() || socketio.Join(one) != one {
			r.Error("Join")
		}
		_ = s.Send(joint)
		p.want(`420["one"]`, `451-["two",{"_placeholder":true,"num":0}]`, "b:x", `421["three"]`)
		one.Forget()
		p.send(`31["c"]`, `30["a"]`)
		a.want(r, `["c"] []`)
	})
}

func TestPendingAcknowledgementsDoNotPileUp(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		ns := r.io.Of("/")
		p, s := r.socket("/")
		var a answers
		kept, _ := ns.Prepare("kept", a.ack)
		_ = s.Send(kept)
		for range 1000 {
			packet, _ := ns.Prepare("never answered", a.ack)
			_ = s.Send(packet)
			packet.Forget()
			if n := s.PendingAcks(); n > 8 {
				r.Fatalf("%d acknowledgements are noted, 1 is waited for", n)
			}
		}
		p.send(`30["kept"]`)
		a.want(r, `["kept"] []`)
		waiting, _ := ns.Prepare("waiting", a.ack)
		_ = s.Send(waiting)
		p.leave()
		if n := s.PendingAcks(); n != 0 {
			r.Errorf("%d acknowledgements are awaited from a client that is gone", n)
		}
	})
}

func TestAcknowledgementsToClients(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		n := r.noted("/b")
		var later []func(...any) error
		var kept *socketio.Event
		n.event = func(_ *socketio.Socket, e *socketio.Event) {
			switch e.Name {
			case "now":
				if err := errors.Join(e.Ack(1, "two", nil), e.Ack("second")); err != nil {
					r.Error(err)
				}
			case "later":
				later = append(later, e.Acker())
				kept = e
			case "binary":
				_ = e.Ack(map[string]any{"b": []byte("y"), "a": []byte("x")})
			case "bad":
				if e.Ack(func() {}) == nil {
					r.Error("a function was encoded")
				}
				_ = e.Ack("good")
			case "none":
				if e.WantsAck() || e.Ack("ignored") != nil {
					r.Error("an event without id wants an acknowledgement")
				}
			}
		}
		p, s := r.socket("/b")
		p.send(`2/b,7["now"]`, `2/b,["none"]`, `2/b,8["bad"]`, `2/b,18446744073709551615["now"]`)
		p.want(`43/b,7[1,"two",null]`, `43/b,8["good"]`, `43/b,18446744073709551615[1,"two",null]`)
		p.send(`2/b,9["binary"]`)
		p.want(`462-/b,9[{"a":{"_placeholder":true,"num":0},"b":{"_placeholder":true,"num":1}}]`, "b:x", "b:y")
		p.send(`2/b,10["later"]`, `2/b,11["later"]`)
		p.want()
		if kept.Payload != nil {
			r.Error("an event that was kept still holds borrowed bytes")
		}
		_ = later[1]("b")
		_ = later[0]("a")
		_ = kept.Ack("second")
		p.want(`43/b,11["b"]`, `43/b,10["a"]`)
		p.send(`2/b,12["later"]`)
		s.Disconnect(false)
		if err := later[2]("late"); !errors.Is(err, engineio.ErrClosed) {
			r.Errorf("Ack after the socket has left: %v", err)
		}
		p.want("41/b,")
	})
}
