package transport_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/transport"
)

// TestSmallFrameAllocatesNothing: a whole small frame is handed over where it lies in the read buffer.
func TestSmallFrameAllocatesNothing(t *testing.T) {
	var fr transport.FrameReader
	wire := []byte(masked(ws.OpText, true, "hello") + masked(ws.OpPing, true, "x"))
	buf := make([]byte, len(wire))
	n := 0
	to := &transport.Receiver{Message: func(bool, []byte) { n++ }, Control: func(ws.OpCode, []byte) {}}
	if allocs := testing.AllocsPerRun(100, func() {
		copy(buf, wire)
		if fr.Read(buf, 100, to) != 0 {
			t.Fatal("refused")
		}
	}); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
	if n == 0 || fr.Incomplete() {
		t.Error("something is kept")
	}
}

// TestNothingIsKeptBetweenMessages: however a message was split, the reader is empty after it.
func TestNothingIsKeptBetweenMessages(t *testing.T) {
	to := &transport.Receiver{Message: func(bool, []byte) {}, Control: func(ws.OpCode, []byte) {}}
	for _, wire := range []string{
		masked(ws.OpText, true, "hello"),
		masked(ws.OpBinary, true, strings.Repeat("x", 200)),
		masked(ws.OpPing, true, "hello"),
		masked(ws.OpText, false, "a") + masked(ws.OpPing, true, "p") + masked(ws.OpContinuation, true, "b"),
	} {
		for i := range len(wire) {
			var fr transport.FrameReader
			fr.Read([]byte(wire[:i]), 1000, to)
			fr.Read([]byte(wire[i:]), 1000, to)
			if fr.Incomplete() {
				t.Errorf("something is kept of %q split at %d", wire, i)
			}
		}
	}
}

// TestIdleMemory reports what idle WebSockets cost: bytes of heap, and no goroutine.
func TestIdleMemory(t *testing.T) {
	const n = 2000
	r := newParkRig(t, transport.Options{})
	peers := make([]net.Conn, 0, n)
	defer func() {
		for _, c := range peers {
			c.Close()
		}
	}()
	one := r.on(t).dial()
	one.upgrade("") // what is made once is made
	get(t, r.sockets)
	for range n {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		peers = append(peers, c)
	}
	until(t, "all accepted", func() bool { return r.Len() == n+1 })
	buf := make([]byte, 1024)
	goroutines := runtime.NumGoroutine()
	base := heap() // nbio's part, the client's side and an idle connection of ours are in it
	for _, c := range peers {
		io.WriteString(c, handshakeHead+"\r\n"+masked(ws.OpText, true, "hi"))
		for got := 0; got < 129+4; { // the answer and the echo
			k, err := c.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got += k
			if bytes.HasSuffix(buf[:k], []byte("hi")) {
				break
			}
		}
	}
	for range n {
		<-r.sockets
	}
	upgraded := heap()
	if g := runtime.NumGoroutine(); g > goroutines {
		t.Errorf("%d goroutines more for %d connections", g-goroutines, n)
	}
	perSocket := (upgraded - base) / n
	per := perSocket + int64(transport.ConnSize)
	t.Logf("idle websocket: %d bytes of ours (struct %d, and %d for being a websocket)", per, transport.ConnSize, perSocket)
	if per > 500 {
		t.Errorf("%d bytes of ours per idle websocket, want less than 500", per)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkFrameReader(b *testing.B) {
	var fr transport.FrameReader
	wire := []byte(masked(ws.OpText, true, strings.Repeat("x", 100)))
	buf := make([]byte, len(wire))
	to := &transport.Receiver{Message: func(bool, []byte) {}}
	b.ReportAllocs()
	for b.Loop() {
		copy(buf, wire)
		fr.Read(buf, 1000, to)
	}
}

func BenchmarkRequestHead(b *testing.B) {
	wire := []byte("GET /socket.io/?EIO=4&transport=polling&sid=abcdefghijklmnopqrst HTTP/1.1\r\nHost: localhost:8765\r\nConnection: keep-alive\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\nOrigin: http://localhost\r\nAccept-Encoding: gzip, deflate, br\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, status := transport.ReadPieces([][]byte{wire}, 0); status != 0 {
			b.Fatal(status)
		}
	}
}

// BenchmarkConnWrite sends frames of 128 bytes to one client that reads.
func BenchmarkConnWrite(b *testing.B) {
	r := newParkRig(b, transport.Options{MaxBuffered: 1 << 30})
	c := r.dial()
	c.upgrade("")
	conn := get(b, r.sockets)
	go io.Copy(io.Discard, c.in)
	frame := ws.MustCompileFrame(ws.NewBinaryFrame(make([]byte, 128)))
	b.ReportAllocs()
	for b.Loop() {
		if err := conn.Write(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	r := newRig(b, transport.Options{}, func(_ *rig, w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	c := r.dial()
	request := []byte("GET /?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n")
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		c.Write(request)
		if _, err := c.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWebSocketEcho(b *testing.B) {
	r := newParkRig(b, transport.Options{})
	c := r.dial()
	c.upgrade("")
	frame := []byte(masked(ws.OpBinary, true, strings.Repeat("x", 100)))
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		c.Write(frame)
		if _, err := c.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPause stops and continues reading, from another goroutine than the poller's.
func BenchmarkPause(b *testing.B) {
	r := newParkRig(b, transport.Options{})
	c := r.dial()
	c.upgrade("")
	conn := get(b, r.sockets).(engineio.Pauser)
	b.ReportAllocs()
	for b.Loop() {
		conn.Pause(true)
		conn.Pause(false)
	}
}

// BenchmarkFramesInOnePiece reads 500 small frames that come together.
func BenchmarkFramesInOnePiece(b *testing.B) {
	const n = 500
	done := make(chan struct{}, 1)
	got := 0
	r := newRig(b, transport.Options{}, func(r *rig, w http.ResponseWriter, req *http.Request) {
		r.Upgrade(w, req, func(bool, []byte) {
			if got++; got == n {
				got = 0
				done <- struct{}{}
			}
		}, func(error) {})
	})
	c := r.dial()
	c.upgrade("")
	frames := []byte(strings.Repeat(masked(ws.OpBinary, true, strings.Repeat("x", 100)), n))
	b.ReportAllocs()
	for b.Loop() {
		c.Write(frames)
		<-done
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/frame")
}

func BenchmarkReady(b *testing.B) {
	l := startLoops(b, 2)
	for b.Loop() {
		if _, err := l.Ready(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
