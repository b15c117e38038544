package bench_test

import (
	"bytes"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/sockd/sockd/cmd/sockd/bench"
)

// faulty is a hub that mistreats one in ten events.
type faulty struct {
	mistreat func(receivers []net.Conn, packet []byte)
	acks     func(event int) (times int)
	mu       sync.Mutex
	conns    []net.Conn
	events   int
}

func (f *faulty) serve(t *testing.T) (url string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { f.client(conn) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); all.Wait() })
	return "http://" + ln.Addr().String()
}

func (f *faulty) client(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	if _, err := ws.Upgrade(conn); err != nil {
		return
	}
	send(conn, []byte(`0{"sid":"s"}`))
	for {
		p, err := wsutil.ReadClientText(conn)
		if err != nil {
			return
		}
		f.packet(conn, p)
	}
}

func (f *faulty) packet(conn net.Conn, p []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if bytes.HasPrefix(p, []byte("40")) {
		send(conn, []byte(`40{"sid":"s"}`))
		f.conns = append(f.conns, conn)
		return
	}
	if id, _, isAck := bytes.Cut(p[2:], []byte("[")); isAck && len(id) > 0 {
		f.events++
		for range f.acks(f.events) {
			send(conn, append(append([]byte("43"), id...), "[]"...))
		}
		return
	}
	if f.events++; f.events%10 == 0 {
		f.mistreat(slices.DeleteFunc(slices.Clone(f.conns), func(c net.Conn) bool { return c == conn }), p)
		return
	}
	for _, c := range f.conns {
		send(c, p)
	}
}

func send(conn net.Conn, p []byte) { _ = wsutil.WriteServerText(conn, p) }

func TestFaultsOfAServerAreCounted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		mistreat func([]net.Conn, []byte)
		fine     func(*bench.Report) bool
	}{
		{"a message lost", func(conns []net.Conn, p []byte) {
			for _, c := range conns[1:] {
				send(c, p)
			}
		}, func(r *bench.Report) bool { return r.Lost >= 1 && r.Doubled == 0 && len(r.Errors) == 0 }},
		{"a message doubled", func(conns []net.Conn, p []byte) {
			for _, c := range append(conns[:1:1], conns...) {
				send(c, p)
			}
		}, func(r *bench.Report) bool { return r.Lost == 0 && r.Doubled >= 1 && len(r.Errors) == 0 }},
		{"a connection closed", func(conns []net.Conn, p []byte) {
			_ = conns[0].Close()
			for _, c := range conns[1:] {
				send(c, p)
			}
		}, func(r *bench.Report) bool {
			return r.Lost >= 1 && r.Errors["closed by server"]+r.Errors["connection reset by peer"] == 1
		}},
		{"rubbish", func(conns []net.Conn, p []byte) {
			for _, c := range conns {
				_, _ = c.Write([]byte{0x81, 0x80, 0x81, 0x80})
			}
		}, func(r *bench.Report) bool { return r.Errors["masked frame of a server"] == 3 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := (&faulty{mistreat: tt.mistreat}).serve(t)
			rep, err := bench.Run(t.Context(), bench.Options{URL: url, Mode: bench.Fanout, Clients: 3, Window: 20, Duration: 300 * time.Millisecond, Patience: time.Second})
			if err != nil || !tt.fine(rep) {
				t.Errorf("got %+v, %v", rep, err)
			}
		})
	}
}

func TestFaultyAcknowledgementsAreCounted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		acks func(int) int
		fine func(*bench.Report) bool
	}{
		{"one is missing", func(event int) int { return min(1, abs(event-20)) }, func(r *bench.Report) bool { return r.Lost == 1 && r.Doubled == 0 }},
		{"all come twice", func(int) int { return 2 }, func(r *bench.Report) bool { return r.Lost == 0 && r.Doubled > 0 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := (&faulty{acks: tt.acks}).serve(t)
			rep, err := bench.Run(t.Context(), bench.Options{URL: url, Mode: bench.Ack, Clients: 3, Window: 4, Duration: 300 * time.Millisecond, Patience: time.Second})
			if err != nil || !tt.fine(rep) || rep.Events.Count == 0 {
				t.Errorf("got %+v, %v", rep, err)
			}
		})
	}
}

func abs(n int) int { return max(n, -n) }
