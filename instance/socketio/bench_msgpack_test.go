package socketio_test

import (
	"encoding/json"
	"testing"

	"github.com/sockd/sockd/instance/socketio"
)

// packedTick is the event of payload as msgpack.
func packedTick(t testing.TB) []byte {
	t.Helper()
	p, err := socketio.Pack(`{"type":2,"data":` + payload + `,"options":{"compress":true},"nsp":"/"}`)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// packedTicker is a server with one client, and an event of it, kept beyond its call with bytes of its own.
func packedTicker(t testing.TB) (ns *socketio.Namespace, client *muteConn, kept *socketio.Event) {
	t.Helper()
	io := socketio.NewServer(msgpack)
	ns = io.Of("/")
	client = newMute(io).dial(t)
	client.frame(false, connectPacked("/"))
	var m socketio.Mux
	m.On("tick", func(_ *socketio.Socket, e *socketio.Event) {
		c := *e
		kept = &c
	})
	ns.Handle(&m)
	client.frame(false, packedTick(t))
	m.On("tick", func(*socketio.Socket, *socketio.Event) {})
	return ns, client, kept
}

func BenchmarkMsgpackDecode(b *testing.B) {
	p := packedTick(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		if !socketio.Decodes(p) {
			b.Fatal("refused")
		}
	}
}

// From a frame of the client to the call of the handler.
func BenchmarkMsgpackReceive(b *testing.B) {
	_, client, _ := packedTicker(b)
	p := packedTick(b)
	b.ReportAllocs()
	for b.Loop() {
		client.frame(false, p)
	}
}

func BenchmarkMsgpackRelay(b *testing.B) {
	ns, _, e := packedTicker(b)
	for _, name := range []string{"", "other"} {
		b.Run("name="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ns.Relay(e, name); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMsgpackArgs(b *testing.B) {
	_, _, e := packedTicker(b)
	b.ReportAllocs()
	for b.Loop() {
		c := *e
		if len(c.Args()) != 1 {
			b.Fatal("not one argument")
		}
	}
}

func BenchmarkMsgpackPrepare(b *testing.B) {
	ns := socketio.NewServer(msgpack).Of("/")
	raw := []byte(payload)
	for name, args := range map[string][]any{
		"raw":    {json.RawMessage(raw)},
		"string": {"some text", 42},
		"blob":   {raw},
		"nested": {map[string]any{"blob": raw, "n": 1}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ns.Prepare("tick", nil, args...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestMsgpackHotPathAllocations(t *testing.T) {
	ns, client, e := packedTicker(t)
	frame := packedTick(t)
	args := []any{json.RawMessage(payload)}
	for name, c := range map[string]struct {
		want float64
		f    func()
	}{
		"receiving an event":         {0, func() { client.frame(false, frame) }},
		"relaying an event":          {3, func() { _, _ = ns.Relay(e, "") }}, // packet, message, frame
		"relaying it by a new name":  {3, func() { _, _ = ns.Relay(e, "other") }},
		"preparing an event of JSON": {3, func() { _, _ = ns.Prepare("tick", nil, args...) }},
	} {
		if got := testing.AllocsPerRun(200, c.f); got > c.want && !raceEnabled {
			t.Errorf("%s: %v allocations, want %v", name, got, c.want)
		}
	}
}

// A client cannot make the server reserve more than it has sent.
func TestMsgpackAnnouncedLengthsCostNothing(t *testing.T) {
	for _, announced := range []string{"ddffffffff", "dfffffffff", "dbffffffff", "c6ffffffff", "c9ffffffff00"} {
		p := unhex(t, "83a47479706502a36e7370a12fa46461746192a161"+announced)
		if got := testing.AllocsPerRun(100, func() { _, _, _ = socketio.DecodePacked(p) }); got > 1 && !raceEnabled {
			t.Errorf("%s: %v allocations", announced, got)
		}
	}
}
