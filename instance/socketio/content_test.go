package socketio_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/sockd/sockd/instance/socketio"
)

// TestPacketEvent reads back what was encoded.
func TestPacketEvent(t *testing.T) {
	t.Parallel()
	blob := []byte{1, 2}
	for _, parser := range []socketio.Parser{socketio.Default, socketio.Msgpack, socketio.Raw} {
		ns := socketio.NewServer(socketio.Options{Parser: parser}).Of("/")
		for _, c := range []struct {
			args []any
			want string
		}{
			{[]any{"a"}, `message ["message","a"] []`},
			{[]any{blob}, `message ["message",{"_placeholder":true,"num":0}] [[1 2]]`},
			{[]any{"a", json.RawMessage(`{"b":[1,2]}`), "x,y"}, `message ["message","a",{"b":[1,2]},"x,y"] []`},
			{[]any{"a", blob, "c", []byte{3}}, `message ["message","a",{"_placeholder":true,"num":0},"c",{"_placeholder":true,"num":1}] [[1 2] [3]]`},
		} {
			if parser == socketio.Raw && len(c.args) > 1 {
				continue // takes the first argument only
			}
			p, err := ns.Prepare("message", nil, c.args...)
			if err != nil {
				t.Fatal(err)
			}
			if got := content(t, p); got != c.want {
				t.Errorf("parser %v: got %s, want %s", parser, got, c.want)
			}
			if parser == socketio.Raw {
				continue
			}
			if p, err = ns.PrepareStamped("12345-1", "message", c.args...); err != nil {
				t.Fatal(err)
			}
			p.Stamp([]byte("12345-7"))
			if got := content(t, p); got != c.want {
				t.Errorf("parser %v, stamped: got %s, want %s", parser, got, c.want)
			}
		}
	}
}

func content(t *testing.T, p *socketio.Packet) string {
	t.Helper()
	name, payload, attachments, err := p.Event()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(name, " ", string(payload), " ", attachments)
}

func TestPacketEventOfJoined(t *testing.T) {
	t.Parallel()
	ns := socketio.NewServer(socketio.Options{}).Of("/")
	p, err := ns.Prepare("a", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := socketio.Join(p, p).Event(); err == nil {
		t.Error("took two events for one")
	}
}

// TestEventKeep acknowledges and relays an event after its handler has returned.
func TestEventKeep(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		ns := r.io.Of("/")
		var kept *socketio.Event
		ns.Handle(&notes{t: r, event: func(_ *socketio.Socket, e *socketio.Event) { kept = e.Keep() }})
		p, _ := r.join("")
		p.send(`51-7["x",{"_placeholder":true,"num":0}]`)
		p.sendBinary("blob")
		first := kept
		p.send(`2["other","something longer"]`)
		if got := fmt.Sprint(first.Name, string(first.Payload), first.Attachments); got != `x["x",{"_placeholder":true,"num":0}][[98 108 111 98]]` {
			r.Errorf("got %s", got)
		}
		if err := first.Ack("done"); err != nil {
			r.Error(err)
		}
		p.want(`437["done"]`)
		relayed, err := ns.Relay(first, "y")
		if err != nil {
			r.Fatal(err)
		}
		if got, want := content(r.T, relayed), `y ["y",{"_placeholder":true,"num":0}] [[98 108 111 98]]`; got != want {
			r.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestNamespaceCount(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		ns := r.io.Of("/")
		_, a := r.socket("/")
		_, b := r.socket("/")
		_, c := r.socket("/")
		for s, rooms := range map[*socketio.Socket][]string{a: {"x"}, b: {"x", "y"}, c: {"y"}} {
			if err := s.Join(rooms...); err != nil {
				r.Fatal(err)
			}
		}
		for _, one := range []struct {
			sel  socketio.Selector
			want int
		}{
			{socketio.Selector{}, 3},
			{socketio.Selector{Skip: a.ID()}, 2},
			{socketio.Selector{Skip: "stranger"}, 3},
			{socketio.Selector{Rooms: []string{"x"}}, 2},
			{socketio.Selector{Rooms: []string{"x", "y"}}, 3},
			{socketio.Selector{Rooms: []string{"x", "y"}, Skip: b.ID()}, 2},
			{socketio.Selector{Except: []string{"y"}}, 1},
			{socketio.Selector{Rooms: []string{"nobody"}}, 0},
			{socketio.Selector{Rooms: []string{c.ID()}}, 1},
		} {
			if got := ns.Count(one.sel); got != one.want {
				r.Errorf("%+v: got %d, want %d", one.sel, got, one.want)
			}
		}
	})
}
