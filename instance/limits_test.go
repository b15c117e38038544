package instance_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/gobwas/ws/wsutil"

	"github.com/sockd/sockd/instance"
)

func TestPace(t *testing.T) {
	t.Parallel()
	start := time.Now()
	var p instance.Pace
	steps := []struct {
		after time.Duration
		want  int // of ten events, how many pass
	}{
		{0, 3}, {0, 0}, {499 * time.Millisecond, 0}, {500 * time.Millisecond, 1}, {time.Second, 1}, {time.Hour, 3}, {0, 0}, {time.Hour + 1500*time.Millisecond, 3},
	}
	for i, s := range steps {
		passed := 0
		for range 10 {
			if p.Take(start.Add(s.after), 2, 3) {
				passed++
			}
		}
		if passed != s.want {
			t.Errorf("step %d, after %s: %d passed, want %d", i, s.after, passed, s.want)
		}
	}
}

func TestEventsPerSecond(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.Namespaces = []string{"/", "/other"}
	c.Limits.EventsPerSecond, c.Limits.Burst, c.Limits.OnExceed = 1, 5, "drop"
	r := run(t, loops(t), c)
	a, b := dial(t, r.addr, ""), dial(t, r.addr, "")
	a.send("40/other,")
	a.recv()
	for i := range 5 { // the namespaces of a client share its events
		if i < 2 {
			a.send(`42/other,["elsewhere"]`)
		} else {
			a.send(fmt.Sprintf(`42["e",%d]`, i))
		}
	}
	for range 20 {
		a.send(`42["too many"]`)
	}
	a.send(`427["with ack"]`)
	a.want(`437[{"error":{"code":"rate_limited","message":"too many events"}}]`)
	for i := 2; i < 5; i++ {
		b.want(fmt.Sprintf(`42["e",%d]`, i))
	}
	b.send(`42["of another client"]`)
	a.want(`42["of another client"]`)
	if n := r.Stats().Refused["instance.events_per_second"]; n != 21 {
		t.Errorf("counted %d, want 21", n)
	}
	next := *c
	next.Limits.EventsPerSecond = 0
	if err := r.Apply(&next); err != nil {
		t.Fatal(err)
	}
	a.send(`42["free again"]`)
	b.want(`42["free again"]`)
}

func TestEventsPerSecondDisconnects(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.Limits.EventsPerSecond, c.Limits.OnExceed = 2, "disconnect"
	r := run(t, loops(t), c)
	a, b := dial(t, r.addr, ""), dial(t, r.addr, "")
	for range 3 {
		a.send(`42["e"]`)
	}
	a.want("41")
	var closed wsutil.ClosedError
	if p, err := a.read(); !errors.As(err, &closed) {
		t.Errorf("got %q, %v; want the end", p, err)
	}
	b.want(`42["e"]`)
	b.want(`42["e"]`)
	b.send(`42["still here"]`)
	eventually(t, "the client is gone", func() bool { return r.Status().Clients == 1 })
}

func TestConnectionsPerAddress(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.Limits.PerAddress = 2
	r := run(t, loops(t), c)
	a, b := dial(t, r.addr, ""), dial(t, r.addr, "")
	if n, err := raw(t, r.addr).Read(make([]byte, 1)); n > 0 || err == nil {
		t.Errorf("third connection: %d bytes, %v", n, err)
	}
	counted(t, r, "transport.per_address")
	a.send(`42["unharmed"]`)
	b.want(`42["unharmed"]`)
	next := *c
	next.TrustedProxies = []string{"127.0.0.1"}
	if err := r.Apply(&next); err != nil {
		t.Fatal(err)
	}
	for i := range 4 { // by now the limit is that of each client behind the proxy
		if status, _, _ := request(t, r.addr, "GET", handshake, fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", i)); status != 200 {
			t.Errorf("client %d behind a proxy: %d", i, status)
		}
	}
	var polls []io.Closer
	for range 2 {
		conn := raw(t, r.addr)
		_, _ = io.WriteString(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"X-Forwarded-For: 203.0.113.9\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		if _, err := conn.Read(make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		polls = append(polls, conn)
	}
	if status, _, _ := request(t, r.addr, "GET", handshake, "X-Forwarded-For: 203.0.113.9"); status != 503 {
		t.Errorf("third connection of a client behind a proxy: %d", status)
	}
	_ = polls[0].Close()
	eventually(t, "its place is free", func() bool {
		status, _, _ := request(t, r.addr, "GET", handshake, "X-Forwarded-For: 203.0.113.9")
		return status == 200
	})
}
