package socketio_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/engineio/enginetest"
	"github.com/sockd/sockd/instance/socketio"
)

// suite is the application that the official suite of the protocol expects.
type suite struct{ socketio.Mux }

func (*suite) Connected(s *socketio.Socket) { _ = s.Emit("auth", s.Auth()) }

func (a *suite) on(t *testing.T) {
	t.Helper()
	a.On("message", func(s *socketio.Socket, e *socketio.Event) {
		p, err := s.Namespace().Relay(e, "message-back")
		if err == nil {
			err = s.Send(p)
		}
		if err != nil {
			t.Error(err)
		}
	})
	a.On("message-with-ack", func(_ *socketio.Socket, e *socketio.Event) {
		v, err := e.Values()
		if err == nil {
			err = e.Ack(v...)
		}
		if err != nil {
			t.Error(err)
		}
	})
}

func suiteBubble(t *testing.T, f func(*rig)) {
	t.Helper()
	bubble(t, socketio.Options{ConnectTimeout: time.Second}, func(r *rig) {
		var main, custom suite
		main.on(r.T)
		r.io.Of("/").Handle(&main)
		r.io.Of("/custom").Handle(&custom)
		f(r)
	})
}

// joined checks the answer to CONNECT, its id, and what follows it.
func joined(p *peer, prefix string, rest ...string) {
	p.Helper()
	got := p.take()
	if len(got) != 1+len(rest) || strings.Join(got[1:], "\n") != strings.Join(rest, "\n") {
		p.Fatalf("got %q", got)
	}
	var open map[string]string
	data, ok := strings.CutPrefix(got[0], "40"+prefix)
	if err := json.Unmarshal([]byte(data), &open); !ok || err != nil || len(open) != 1 || len(open["sid"]) != 20 {
		p.Errorf("answer to CONNECT: %q", got[0])
	}
}

// The numbers are those of the tests in the official suite, https://github.com/socketio/socket.io/tree/main/docs/socket.io-protocol
func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(r *rig)
	}{
		{"17 connects to the main namespace", func(r *rig) {
			p := r.dial()
			p.send("0")
			joined(p, "", `42["auth",{}]`)
		}},
		{"18 connects with a payload", func(r *rig) {
			p := r.dial()
			p.send(`0{"token":"123"}`)
			joined(p, "", `42["auth",{"token":"123"}]`)
		}},
		{"19 connects to a custom namespace", func(r *rig) {
			p := r.dial()
			p.send(`0/custom,`)
			joined(p, "/custom,", `42/custom,["auth",{}]`)
		}},
		{"20 connects to a custom namespace with a payload", func(r *rig) {
			p := r.dial()
			p.send(`0/custom,{"token":"abc"}`)
			joined(p, "/custom,", `42/custom,["auth",{"token":"abc"}]`)
		}},
		{"21 refuses an unknown namespace", func(r *rig) {
			p := r.dial()
			p.send(`0/random`)
			p.want(`44/random,{"message":"Invalid namespace"}`)
			p.wantOpen()
			p.send("0")
			joined(p, "", `42["auth",{}]`)
		}},
		{"22 closes after an invalid first packet", func(r *rig) {
			p := r.dial()
			p.send("abc")
			p.wantClosed()
		}},
		{"23 closes when nothing is joined", func(r *rig) {
			p := r.dial()
			for range 9 { // pings are answered, so only the connect timeout is left
				pass(110 * time.Millisecond)
				p.wantOpen()
			}
			pass(110 * time.Millisecond)
			p.wantClosed()
		}},
		{"24 leaves without an answer", func(r *rig) {
			p := r.dial()
			p.send("0")
			joined(p, "", `42["auth",{}]`)
			p.send("1")
			pass(300 * time.Millisecond)
			if f, err := p.conn.Recv(); err != nil || f != (enginetest.Frame{Text: true, Data: "2"}) {
				p.Errorf("got %+v, %v; want a ping", f, err)
			}
		}},
		{"25 joins and leaves a second namespace without commas", func(r *rig) {
			p := r.dial()
			p.send("0")
			joined(p, "", `42["auth",{}]`)
			p.send("0/custom")
			joined(p, "/custom,", `42/custom,["auth",{}]`)
			p.send("1/custom", `2["message","still here"]`)
			p.want(`42["message-back","still here"]`)
		}},
		{"26 plain event", func(r *rig) {
			p, _ := r.join("")
			p.send(`2["message",1,"2",{"3":[true]}]`)
			p.want(`42["message-back",1,"2",{"3":[true]}]`)
		}},
		{"27 event with two attachments", func(r *rig) {
			p, _ := r.join("")
			p.send(`52-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
			p.sendBinary("\x01\x02\x03", "\x04\x05\x06")
			p.want(`452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "b:\x01\x02\x03", "b:\x04\x05\x06")
		}},
		{"28 event with an acknowledgement", func(r *rig) {
			p, _ := r.join("")
			p.send(`2456["message-with-ack",1,"2",{"3":[false]}]`)
			p.want(`43456[1,"2",{"3":[false]}]`)
		}},
		{"29 binary acknowledgement", func(r *rig) {
			p, _ := r.join("")
			p.send(`52-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
			p.sendBinary("\x01\x02\x03", "\x04\x05\x06")
			p.want(`462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "b:\x01\x02\x03", "b:\x04\x05\x06")
		}},
		{"30 closes after an invalid packet", func(r *rig) {
			p, _ := r.join("")
			p.send("abc")
			p.wantClosed()
		}},
		{"31 closes after an invalid payload", func(r *rig) {
			p, _ := r.join("")
			p.send("2{}")
			p.wantClosed()
		}},
		{"32 closes after an invalid id", func(r *rig) {
			p, _ := r.join("")
			p.send(`2abc["message-with-ack",1,"2",{"3":[false]}]`)
			p.wantClosed()
		}},
	} {
		t.Run(c.name, func(t *testing.T) { suiteBubble(t, c.f) })
	}
}

func TestPolling(t *testing.T) {
	suiteBubble(t, func(r *rig) {
		c := r.host.Client()
		if _, err := c.Handshake(); err != nil {
			r.Fatal(err)
		}
		c.Post("40")
		if got := c.Get().Body; !strings.HasPrefix(got, `40{"sid":"`) {
			r.Errorf("answer to CONNECT: %q", got)
		}
		c.Post("451-[\"message\",{\"_placeholder\":true,\"num\":0}]\x1ebAQID")
		var got string
		for range 2 { // the auth event comes first, alone or with the other
			if got += c.Get().Body; strings.Contains(got, "bAQID") {
				break
			}
		}
		if want := "451-[\"message-back\",{\"_placeholder\":true,\"num\":0}]\x1ebAQID"; !strings.HasSuffix(got, want) {
			r.Errorf("got %q, want %q at the end", got, want)
		}
		parked := c.Poll()
		ws, err := c.Dial()
		if err != nil {
			r.Fatal(err)
		}
		_ = ws.Send("2probe")
		if got := parked.Wait().Body; got != "6" {
			r.Errorf("parked poll: %q", got)
		}
		_ = ws.Send("5")
		_ = ws.Send(`42["message","over"]`)
		for want := range strings.FieldsSeq(`3probe 42["message-back","over"]`) {
			if f, err := ws.Recv(); err != nil || f.Data != want {
				r.Errorf("got %q, %v; want %q", f.Data, err, want)
			}
		}
	})
}
