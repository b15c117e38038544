package socketio_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

var msgpack = socketio.Options{Parser: socketio.Msgpack}

// packedPeer is a client of the msgpack parser. Packets are given and shown as JSON, with placeholders for the binary values, which follow.
type packedPeer struct{ *peer }

func (p packedPeer) send(packet string, blobs ...string) {
	p.Helper()
	var all [][]byte
	for _, b := range blobs {
		all = append(all, []byte(b))
	}
	packed, err := socketio.Pack(packet, all...)
	if err != nil {
		p.Fatalf("%s: %v", packet, err)
	}
	p.sendBinary(string(packed))
}

func (p packedPeer) take() (all []string) {
	p.Helper()
	for _, f := range p.peer.take() {
		packed, ok := strings.CutPrefix(f, "b:")
		if !ok {
			p.Fatalf("text among msgpack: %q", f)
		}
		packet, blobs, ok := socketio.Unpack([]byte(packed))
		if !ok {
			p.Fatalf("not msgpack: %x", packed)
		}
		for _, b := range blobs {
			packet += " " + string(b)
		}
		all = append(all, packet)
	}
	return all
}

func (p packedPeer) want(want ...string) {
	p.Helper()
	if got := p.take(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		p.Errorf("\ngot  %q\nwant %q", got, want)
	}
}

// joinPacked opens a session and joins a namespace as the reference's client does.
func (r *rig) joinPacked(path string) (packedPeer, *socketio.Socket) {
	r.Helper()
	p := packedPeer{r.dial()}
	p.sendBinary(string(connectPacked(path)))
	var reply struct {
		Type int
		Data struct{ SID string }
		NSP  string
	}
	got := p.take()
	if len(got) == 0 || json.Unmarshal([]byte(got[0]), &reply) != nil || reply.Type != 0 || reply.NSP != path || len(reply.Data.SID) != 20 {
		r.Fatalf("answer to CONNECT: %q", got)
	}
	return p, r.io.Of(path).Lookup(reply.Data.SID)
}

// connectPacked is {type:0, data:undefined, nsp:path}.
func connectPacked(path string) []byte {
	p := []byte("\x83\xa4type\x00\xa4data\xd4\x00\x00\xa3nsp")
	return append(append(p, 0xa0|byte(len(path))), path...)
}

func TestMsgpackConversation(t *testing.T) {
	bubble(t, msgpack, func(r *rig) {
		n := r.noted("/", "/chat")
		n.event = func(s *socketio.Socket, e *socketio.Event) {
			if len(e.Attachments) != strings.Count(string(e.JSON()), "_placeholder") {
				r.Errorf("%s: %d attachments", e.Payload, len(e.Attachments))
			}
		}
		p, s := r.joinPacked("/")
		_, _ = r.joinPacked("/chat")
		n.want("connect / {}", "connected /", "connect /chat {}", "connected /chat")
		p.send(`{"type":2,"data":["plain",1,{"a":[null]}],"options":{"compress":true},"nsp":"/"}`)
		p.send(`{"nsp":"/","data":["binary",`+ph("1")+`,{"x":`+ph("0")+`}],"type":2}`, "x", "y")
		p.send(`{"type":2,"data":["connect","is no reserved name here"],"nsp":"/"}`)
		p.send(`{"type":2,"data":[7,"a number"],"nsp":"/"}`)
		p.send(`{"type":2,"data":[],"nsp":"/"}`)
		p.send(`{"type":2,"data":[null,"no name"],"nsp":"/"}`)
		n.want(`event / ["plain",1,{"a":[null]}]`, `event / ["binary",`+ph("0")+`,{"x":`+ph("1")+`}]`,
			`event / ["connect","is no reserved name here"]`, `event / [7,"a number"]`)
		p.wantOpen()

		_ = s.Emit("hi", 1, map[string]any{"b": []byte("blob")}, time.Unix(0, 0).UTC())
		p.want(`{"type":2,"data":["hi",1,{"b":` + ph("0") + `},"1970-01-01T00:00:00Z"],"nsp":"/"} blob`)
		p.send(`{"type":0,"nsp":"/chat","data":{"token":"x"}}`)
		if got := p.take(); len(got) != 1 || !strings.HasPrefix(got[0], `{"type":0,"data":{"sid":"`) || !strings.HasSuffix(got[0], `"},"nsp":"/chat"}`) {
			r.Errorf("second namespace: got %q", got)
		}
		n.want(`connect /chat {"token":"x"}`, "connected /chat")
		p.send(`{"type":1,"nsp":"/"}`)
		n.want("disconnect /: client namespace disconnect")
		p.send(`{"type":0,"nsp":"/"}`)
		p.wantOpen()
		for _, s := range sockets(r.io.Of("/chat")) {
			s.Disconnect(false)
		}
		p.take()
		n.all = nil
	})
}

// sockets returns all sockets of a namespace.
func sockets(ns *socketio.Namespace) (all []*socketio.Socket) {
	for k := range ns.Shards() {
		ns.Each(k, socketio.Selector{}, func(s *socketio.Socket) { all = append(all, s) })
	}
	return all
}

func TestMsgpackRefusals(t *testing.T) {
	bubble(t, msgpack, func(r *rig) {
		n := r.noted("/")
		n.connect = func(*socketio.Socket, json.RawMessage) error {
			return &socketio.ConnectError{Message: "no", Data: map[string]int{"code": 1}}
		}
		p := packedPeer{r.dial()}
		p.send(`{"type":0,"nsp":"/"}`)
		p.want(`{"type":4,"data":{"message":"no","data":{"code":1}},"nsp":"/"}`)
		for _, nsp := range []string{"/unknown", "", "unknown", "/a,b"} {
			p.send(`{"type":0,"nsp":"` + nsp + `"}`)
			p.want(`{"type":4,"data":{"message":"Invalid namespace"},"nsp":"` + nsp + `"}`)
		}
		p.wantOpen()
		n.connect = nil
		p.send(`{"type":0,"nsp":"/"}`)
		p.take()
		n.all = nil
	})
}

func TestMsgpackNamespacesAreAskedFor(t *testing.T) {
	o := msgpack
	o.Open = func(ns *socketio.Namespace) bool { return true }
	bubble(t, o, func(r *rig) {
		p := packedPeer{r.dial()}
		p.send(`{"type":0,"nsp":"no-slash"}`)
		p.want(`{"type":4,"data":{"message":"Invalid namespace"},"nsp":"no-slash"}`)
		_, _ = r.joinPacked("/new")
	})
}

// Every packet of the vectors that the reference refuses ends the connection, and so does what is not allowed at its point.
func TestMsgpackViolations(t *testing.T) {
	bubble(t, msgpack, func(r *rig) {
		r.io.Of("/")
		packets, _ := msgpackVectors(r)
		for _, v := range packets {
			if v.want != "refused" {
				continue
			}
			p, _ := r.joinPacked("/")
			p.sendBinary(v.packet)
			if !p.closed() {
				r.Errorf("%x did not end the connection", v.packet)
			}
		}
		for name, send := range map[string]func(packedPeer){
			"text":                      func(p packedPeer) { p.peer.send(`2["a"]`) },
			"CONNECT twice":             func(p packedPeer) { p.send(`{"type":0,"nsp":"/"}`) },
			"CONNECT_ERROR":             func(p packedPeer) { p.send(`{"type":4,"nsp":"/","data":{}}`) },
			"EVENT elsewhere":           func(p packedPeer) { p.send(`{"type":2,"nsp":"/b","data":["a"]}`) },
			"ACK elsewhere":             func(p packedPeer) { p.send(`{"type":3,"id":0,"nsp":"/b","data":[]}`) },
			"DISCONNECT elsewhere":      func(p packedPeer) { p.send(`{"type":1,"nsp":"/b"}`) },
			"DISCONNECT, then an EVENT": func(p packedPeer) { p.send(`{"type":1,"nsp":"/"}`); p.send(`{"type":2,"nsp":"/","data":["a"]}`) },
		} {
			p, _ := r.joinPacked("/")
			send(p)
			if !p.closed() {
				r.Errorf("%s did not end the connection", name)
			}
		}
	})
}

func TestMsgpackAcknowledgements(t *testing.T) {
	bubble(t, msgpack, func(r *rig) {
		ns := r.io.Of("/")
		n := r.noted("/")
		var late func(...any) error
		n.event = func(_ *socketio.Socket, e *socketio.Event) {
			switch {
			case !e.WantsAck():
				r.Error("wants no answer")
			case e.Name == "late":
				late = e.Acker()
			default:
				v, err := e.Values()
				if err != nil {
					r.Error(err)
				}
				_ = e.Ack(v...)
				_ = e.Ack("again")
			}
		}
		p, s := r.joinPacked("/")
		q, other := r.joinPacked("/")
		p.send(`{"type":2,"id":0,"data":["echo",1,`+ph("0")+`,{"k":[`+ph("1")+`]}],"nsp":"/"}`, "x", "y")
		p.want(`{"type":3,"data":[1,` + ph("0") + `,{"k":[` + ph("1") + `]}],"id":0,"nsp":"/"} x y`)
		p.send(`{"type":2,"id":18446744073709551615,"data":["late"],"nsp":"/"}`)
		_ = late([]byte("blob"))
		p.want(`{"type":3,"data":[` + ph("0") + `],"id":18446744073709551615,"nsp":"/"} blob`)

		var a answers
		packet, err := ns.Prepare("ask", a.ack, []byte("x"))
		if err != nil {
			r.Fatal(err)
		}
		_, _ = s.Send(packet), other.Send(packet)
		for _, c := range []packedPeer{p, q} {
			c.want(`{"type":2,"data":["ask",` + ph("0") + `],"id":0,"nsp":"/"} x`)
		}
		p.send(`{"id":9,"type":3,"data":["unknown"],"nsp":"/"}`)
		p.send(`{"type":3,"data":["no id"],"nsp":"/"}`)
		a.want(r)
		p.send(`{"id":0,"type":3,"data":[{"a":`+ph("0")+`},2],"nsp":"/"}`, "\x00\xff")
		a.want(r, "[{\"a\":"+ph("0")+"} 2] [\x00\xff]")
		p.send(`{"id":0,"type":3,"data":["again"],"nsp":"/"}`)
		a.want(r)
		q.send(`{"id":0,"type":3,"data":[],"nsp":"/"}`)
		a.want(r, "[] []")
		p.wantOpen()
	})
}

// hub relays every event to the other sockets of the room "in", or of all.
func relayAll(t testing.TB, name string) func(*socketio.Socket, *socketio.Event) {
	return func(s *socketio.Socket, e *socketio.Event) {
		packet, err := s.Namespace().Relay(e, name)
		if err != nil {
			t.Error(err)
			return
		}
		for k := range s.Namespace().Shards() {
			s.Namespace().Each(k, socketio.Selector{Rooms: []string{"in"}, Skip: s.ID()}, func(s *socketio.Socket) { _ = s.Send(packet) })
		}
	}
}

func TestMsgpackRelayIsVerbatim(t *testing.T) {
	bubble(t, msgpack, func(r *rig) {
		n := r.noted("/")
		p, from := r.joinPacked("/")
		q, in := r.joinPacked("/")
		out, _ := r.joinPacked("/")
		from.Join("in")
		in.Join("in", "other")
		// Not the shortest forms, a date, a typed array, undefined: all stay.
		args := "\xd9\x01a" + "\xcd\x00\x05" + "\xd7\x00\x00\x00\x01\x8b\xcf\xe5\x68\x7b" + "\xc7\x01\x00\x07" + "\xd4\x00\x00" + "\xcb\x40\x00\x00\x00\x00\x00\x00\x00"
		for name, want := range map[string]string{"": "\x96" + args, "an\"other": "\x96\xa8an\"other" + args[3:]} {
			n.event = relayAll(r, name)
			p.sendBinary("\x84\xa4data\xdc\x00\x06" + args + "\xa4type\x02\xa2id\x05\xa3nsp\xa1/")
			q.peer.want("b:\x83\xa4type\x02\xa4data" + want + "\xa3nsp\xa1/")
		}
		p.peer.want()
		out.peer.want()
		n.event = func(s *socketio.Socket, e *socketio.Event) {
			if _, err := s.Namespace().Relay(e, ""); err != socketio.ErrReserved {
				r.Errorf("reserved name: %v", err)
			}
		}
		p.send(`{"type":2,"data":["disconnect"],"nsp":"/"}`)
	})
}

func TestMsgpackAndDefaultSideBySide(t *testing.T) {
	bubble(t, msgpack, func(r *rig) {
		text := socketio.NewServer(socketio.Options{})
		packet := func(ns *socketio.Namespace, e *socketio.Event) *socketio.Packet {
			p, err := ns.Relay(e, "")
			if err != nil {
				r.Error(err)
			}
			return p
		}
		var last string
		text.Of("/").Handle(&notes{t: r, event: func(_ *socketio.Socket, e *socketio.Event) {
			for _, s := range sockets(r.io.Of("/")) {
				_ = s.Send(packet(r.io.Of("/"), e))
			}
		}})
		c := newMute(text).dial(r)
		c.frame(true, []byte("40"))
		n := r.noted("/")
		n.event = func(_ *socketio.Socket, e *socketio.Event) {
			last = fmt.Sprintf("%s %s %d", e.Args(), e.Attachments, packet(text.Of("/"), e).Len())
		}
		p, _ := r.joinPacked("/")
		c.frame(true, []byte(`452-["x",`+ph("1")+`,[`+ph("0")+`, `+`{"a":1.0}]]`))
		c.frame(false, []byte("first"))
		c.frame(false, []byte("second"))
		p.want(`{"type":2,"data":["x",` + ph("0") + `,[` + ph("1") + `,{"a":1}]],"nsp":"/"} second first`)
		p.send(`{"type":2,"data":["y",`+ph("0")+`],"nsp":"/"}`, "z")
		frames := len(`451-["y",`+ph("0")+`]`) + 2 + len("z") + 2
		if want := fmt.Sprintf("[%s] [z] %d", ph("0"), frames); last != want {
			r.Errorf("got %s, want %s", last, want)
		}
		c.gone(nil)
	})
}

func TestMsgpackOverPolling(t *testing.T) {
	bubble(t, msgpack, func(r *rig) {
		r.noted("/").event = relayAll(r, "")
		q, in := r.joinPacked("/")
		in.Join("in")
		c := r.host.Client()
		if _, err := c.Handshake(); err != nil {
			r.Fatal(err)
		}
		c.Post("b" + base64.StdEncoding.EncodeToString(connectPacked("/")))
		if got := c.Get().Body; !strings.HasPrefix(got, "b"+base64.StdEncoding.EncodeToString([]byte("\x83\xa4type\x00\xa4data\x81\xa3sid")[:15])) {
			r.Errorf("answer to CONNECT: %q", got)
		}
		event, err := socketio.Pack(`{"type":2,"data":["a",`+ph("0")+`],"nsp":"/"}`, []byte("x"))
		if err != nil {
			r.Fatal(err)
		}
		c.Post("b" + base64.StdEncoding.EncodeToString(event))
		q.want(`{"type":2,"data":["a",` + ph("0") + `],"nsp":"/"} x`)
		q.send(`{"type":2,"data":["ignored"],"nsp":"/"}`)
		for _, s := range sockets(r.io.Of("/")) {
			_ = s.Emit("b", []byte("y"))
		}
		packed, ok := strings.CutPrefix(c.Get().Body, "b")
		p, err := base64.StdEncoding.DecodeString(packed)
		if got, _, _ := socketio.Unpack(p); !ok || err != nil || got != `{"type":2,"data":["b",`+ph("0")+`],"nsp":"/"}` {
			r.Errorf("got %q, %v", got, err)
		}
	})
}

// More attachments than the default parser may have are fine: only the length of the message counts.
func TestMsgpackKnowsNoLimitOfAttachments(t *testing.T) {
	o := msgpack
	o.MaxAttachments = 2
	bubble(t, o, func(r *rig) {
		n := r.noted("/")
		n.event = relayAll(r, "")
		p, _ := r.joinPacked("/")
		q, in := r.joinPacked("/")
		in.Join("in")
		three := `{"type":2,"data":["a",` + ph("0") + `,` + ph("1") + `,` + ph("2") + `],"nsp":"/"}`
		p.send(three, "x", "y", "z")
		q.want(three + " x y z")
		if err := in.Emit("a", []byte("x"), []byte("y"), []byte("z")); err != nil {
			r.Error(err)
		}
		q.want(three + " x y z")
	})
}

func TestMsgpackDisconnect(t *testing.T) {
	bubble(t, msgpack, func(r *rig) {
		n := r.noted("/", "/b")
		p, s := r.joinPacked("/")
		s.Disconnect(false)
		p.want(`{"type":1,"nsp":"/"}`)
		p.send(`{"type":2,"data":["under way"],"nsp":"/"}`)
		p.wantOpen()
		n.want("connect / {}", "connected /", "disconnect /: server namespace disconnect")
		q, s := r.joinPacked("/b")
		s.Disconnect(true)
		q.want(`{"type":1,"nsp":"/b"}`)
		if f, err := q.conn.Recv(); err == nil {
			r.Errorf("got %+v", f)
		}
		n.want("connect /b {}", "connected /b", "disconnect /b: "+string(engineio.ServerDisconnect))
	})
}

// The offset of connection state recovery is one more argument.
func TestMsgpackStamps(t *testing.T) {
	bubble(t, msgpack, func(r *rig) {
		n := r.noted("/")
		p, s := r.joinPacked("/")
		send := func(packet *socketio.Packet, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			packet.Stamp([]byte("offset"))
			_ = s.Send(packet)
		}
		ns := s.Namespace()
		send(ns.PrepareStamped("......", "a"))
		send(ns.PrepareStamped("......", "a", 1, []byte("......")))
		n.event = func(_ *socketio.Socket, e *socketio.Event) {
			send(ns.RelayStamped("......", e, ""))
			send(ns.RelayStamped("......", e, "other"))
		}
		p.send(`{"type":2,"data":["b",{"x":"......"}],"nsp":"/"}`)
		many := `"b"` + strings.Repeat(",0", 14) // 15 elements are the most of a short array
		p.send(`{"type":2,"data":[` + many + `],"nsp":"/"}`)
		var want []string
		for _, data := range []string{`"a"`, `"a",1,` + ph("0"), `"b",{"x":"......"}`, `"other",{"x":"......"}`, many, `"other"` + many[3:]} {
			want = append(want, `{"type":2,"data":[`+data+`,"offset"],"nsp":"/"}`)
		}
		want[1] += " ......"
		p.want(want...)
	})
}
