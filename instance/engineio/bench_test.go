package engineio_test

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
)

// sink is a host whose websockets take everything and do nothing, so that only the sessions are measured.
type sink struct {
	frame func(bool, []byte)
	wrote int
}

func (k *sink) Upgrade(w http.ResponseWriter, _ *http.Request, frame func(bool, []byte), _ func(error)) (engineio.Conn, error) {
	w.WriteHeader(http.StatusSwitchingProtocols)
	k.frame = frame
	return k, nil
}

func (k *sink) Park(http.ResponseWriter, *http.Request, func(error)) (engineio.Reply, error) {
	return func(int, http.Header, []byte) error { return nil }, nil
}

func (k *sink) Write(p []byte) error { k.wrote += len(p); return nil }
func (k *sink) Buffered() int        { return 0 }
func (k *sink) Close(uint16) error   { return nil }

// crowd opens n websocket sessions and returns the sockets.
func crowd(tb testing.TB, n int, host engineio.Host) (*engineio.Server, []*engineio.Socket) {
	tb.Helper()
	sockets := make([]*engineio.Socket, 0, n)
	server := engineio.NewServer(func(s *engineio.Socket) engineio.Session {
		sockets = append(sockets, s)
		return silent{}
	}, host, engineio.Options{})
	front := enginetest.NewHost()
	front.Serve(server)
	for range n {
		c := front.Client()
		h := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
		c.Do("GET", "EIO=4&transport=websocket", h, nil)
	}
	if len(sockets) != n {
		tb.Fatalf("%d sessions, want %d", len(sockets), n)
	}
	return server, sockets
}

// silent is a session that does nothing.
type silent struct{}

func (silent) Message([]byte, bool)  {}
func (silent) Close(engineio.Reason) {}

func TestAllocations(t *testing.T) {
	k := new(sink)
	_, sockets := crowd(t, 1, k)
	m, packet := text("hello"), []byte("4hello")
	for name, f := range map[string]func(){
		"Send over a websocket":        func() { _ = sockets[0].Send(m) },
		"a message over a websocket":   func() { k.frame(true, packet) },
		"a binary message":             func() { k.frame(false, packet) },
		"Writable, Buffered and so on": func() { sockets[0].Writable(); sockets[0].Buffered(); sockets[0].Transport() },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestMemoryOfAnIdleSession(t *testing.T) {
	if testing.Short() {
		t.Skip("measures the heap")
	}
	const n = 10_000
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	server, sockets := crowd(t, n, new(sink))
	per := (heap() - before) / n
	runtime.KeepAlive(sockets)
	if server.Len() != n {
		t.Fatalf("%d sessions", server.Len())
	}
	t.Logf("%d bytes for each idle session", per)
	if per > 700 {
		t.Errorf("%d bytes for each idle session", per)
	}
}

func BenchmarkSend(b *testing.B) {
	_, sockets := crowd(b, 1, new(sink))
	m := text(strings.Repeat("x", 128))
	b.ReportAllocs()
	for b.Loop() {
		_ = sockets[0].Send(m)
	}
}

func BenchmarkReceive(b *testing.B) {
	k := new(sink)
	crowd(b, 1, k)
	packet := []byte("4" + strings.Repeat("x", 128))
	b.ReportAllocs()
	for b.Loop() {
		k.frame(true, packet)
	}
}

func BenchmarkEncode(b *testing.B) {
	p := bytes.Repeat([]byte("x"), 128)
	b.Run("text", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			engineio.Text(p)
		}
	})
	m := engineio.Batch(engineio.Text(p), engineio.Binary(p))
	b.Run("polling", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			engineio.Payload(m)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	body := []byte("4hello\x1ebAQIDBA==\x1e4" + strings.Repeat("x", 128))
	var d engineio.Decoder
	b.ReportAllocs()
	for b.Loop() {
		engineio.Scan(&d, body)
	}
}

// BenchmarkHeartbeat is one round of pings to all sessions.
func BenchmarkHeartbeat(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			server, _ := crowd(b, n, new(sink))
			b.ReportAllocs()
			for b.Loop() {
				engineio.Hurry(server)
				if got := engineio.Ticks(server); got != n {
					b.Fatalf("%d sessions looked at", got)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/session")
		})
	}
}
