package socketio_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

var payload = `["tick",{"id":12345,"name":"a name","values":[1,2,3,4,5],"text":"` + strings.Repeat("x", 60) + `"}]`

// full is a namespace with n sockets, of which every tenth is in the room "tenth".
func full(t testing.TB, n int) (*socketio.Namespace, *mute, []*muteConn) {
	t.Helper()
	io := socketio.NewServer(socketio.Options{})
	ns, host := io.Of("/"), newMute(io)
	conns := make([]*muteConn, n)
	for i := range conns {
		conns[i] = host.dial(t)
		conns[i].frame(true, []byte("40"))
	}
	i := 0
	for k := range ns.Shards() {
		ns.Each(k, socketio.Selector{}, func(s *socketio.Socket) {
			if i++; i%10 == 0 {
				s.Join("tenth", "other")
			}
		})
	}
	return ns, host, conns
}

func BenchmarkDecode(b *testing.B) {
	p := []byte("2" + payload)
	b.ReportAllocs()
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		if _, err := socketio.Decode(p, 10); err != nil {
			b.Fatal(err)
		}
	}
}

// From a frame of the client to the call of the handler.
func BenchmarkReceive(b *testing.B) {
	ns, _, conns := full(b, 1)
	var m socketio.Mux
	n := 0
	m.On("tick", func(*socketio.Socket, *socketio.Event) { n++ })
	ns.Handle(&m)
	p := []byte("42" + payload)
	b.ReportAllocs()
	for b.Loop() {
		conns[0].frame(true, p)
	}
	if n < b.N {
		b.Fatal("not heard")
	}
}

func BenchmarkRelay(b *testing.B) {
	ns := socketio.NewServer(socketio.Options{}).Of("/")
	e := relayed(b)
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

// relayed is a received event, kept beyond its call with bytes of its own.
func relayed(b *testing.B) (kept *socketio.Event) {
	b.Helper()
	ns, _, conns := full(b, 1)
	var m socketio.Mux
	m.On("tick", func(_ *socketio.Socket, e *socketio.Event) {
		c := *e
		kept = &c
	})
	ns.Handle(&m)
	conns[0].frame(true, []byte("42"+payload))
	return kept
}

func BenchmarkPrepare(b *testing.B) {
	ns := socketio.NewServer(socketio.Options{}).Of("/")
	raw := []byte(payload)
	type point struct {
		X, Y int
		Name string
	}
	for name, args := range map[string][]any{
		"raw":    {json.RawMessage(raw)},
		"string": {"some text", 42},
		"struct": {point{1, 2, "n"}},
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

func BenchmarkEach(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		ns, host, _ := full(b, n)
		p, err := ns.Prepare("tick", nil, json.RawMessage(payload))
		if err != nil {
			b.Fatal(err)
		}
		for name, sel := range map[string]socketio.Selector{
			"all":    {},
			"skip":   {Skip: "somebody"},
			"room":   {Rooms: []string{"tenth"}},
			"union":  {Rooms: []string{"tenth", "other"}},
			"except": {Except: []string{"tenth"}},
		} {
			b.Run(fmt.Sprintf("sockets=%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					for k := range ns.Shards() {
						ns.Each(k, sel, func(*socketio.Socket) {})
					}
				}
			})
		}
		b.Run(fmt.Sprintf("sockets=%d/send", n), func(b *testing.B) {
			b.ReportAllocs()
			before := host.writes.Load()
			for b.Loop() {
				for k := range ns.Shards() {
					ns.Each(k, socketio.Selector{}, func(s *socketio.Socket) { _ = s.Send(p) })
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(host.writes.Load()-before), "ns/socket")
		})
	}
}

func TestHotPathAllocations(t *testing.T) {
	ns, _, conns := full(t, 100)
	var m socketio.Mux
	m.On("tick", func(*socketio.Socket, *socketio.Event) {})
	ns.Handle(&m)
	frame := []byte("42" + payload)
	p, err := ns.Prepare("tick", nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &socketio.Event{Name: "tick", Payload: []byte(payload)}
	sel := socketio.Selector{Rooms: []string{"tenth", "other"}, Except: []string{"?"}, Skip: "?"}
	send := func(s *socketio.Socket) { _ = s.Send(p) }
	for name, c := range map[string]struct {
		want float64
		f    func()
	}{
		"receiving an event": {0, func() { conns[0].frame(true, frame) }},
		"relaying an event":  {3, func() { _, _ = ns.Relay(e, "") }}, // packet, message, frame
		"sending to a union": {0, func() { ns.Each(0, sel, send) }},
	} {
		if got := testing.AllocsPerRun(200, c.f); got > c.want && !raceEnabled {
			t.Errorf("%s: %v allocations, want %v", name, got, c.want)
		}
	}
}

type deaf struct{}

func (deaf) Message([]byte, bool)  {}
func (deaf) Close(engineio.Reason) {}

// What this package keeps for an idle client in one namespace and one room, without what the engine keeps for its session.
func TestMemoryOfIdleClients(t *testing.T) {
	const n = 10_000
	frame := []byte("40")
	crowd := func(accept engineio.Accept) func() any {
		return func() any {
			m := newMuteFor(accept)
			all := make([]*muteConn, n)
			for i := range all {
				all[i] = m.dial(t)
				all[i].frame(true, frame)
			}
			return all
		}
	}
	engine := heapOf(crowd(func(*engineio.Socket) engineio.Session { return deaf{} }))
	io := socketio.NewServer(socketio.Options{})
	ns := io.Of("/")
	each := (heapOf(crowd(io.Accept)) - engine) / n
	t.Logf("%d bytes for each idle client", each)
	if ns.Len() != n || each > 500 && !raceEnabled {
		t.Errorf("%d sockets, %d bytes each; want at most 500", ns.Len(), each)
	}
	rooms := heapOf(func() any {
		for k := range ns.Shards() {
			ns.Each(k, socketio.Selector{}, func(s *socketio.Socket) { s.Join("all") })
		}
		return ns
	})
	t.Logf("%d more bytes for each room", rooms/n)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func heapOf(f func() any) int64 {
	before := heap()
	v := f()
	size := int64(heap() - before)
	runtime.KeepAlive(v)
	return size
}
