package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
)

// client is a Socket.IO client, whatever carries its packets.
type client struct {
	t    *testing.T
	send func(string) error
	recv func() (string, error)
}

func (c client) say(packet string) {
	c.t.Helper()
	if err := c.send(packet); err != nil {
		c.t.Fatal(err)
	}
}

// want fails unless the next packet begins so, and returns it.
func (c client) want(prefix string) string {
	c.t.Helper()
	p, err := c.recv()
	if err != nil || !strings.HasPrefix(p, prefix) {
		c.t.Fatalf("got %q, %v; want %q", p, err, prefix)
	}
	return p
}

// talk is a conversation of three clients, of which one is in another room.
func talk(t *testing.T, dial func() client) {
	t.Helper()
	alice, bob, eve := dial(), dial(), dial()
	var id string
	for _, c := range []client{eve, bob, alice} {
		c.want(`0{"sid":"`)
		c.say("40")
		id = strings.TrimSuffix(strings.TrimPrefix(c.want(`40{"sid":"`), `40{"sid":"`), `"}`)
	}
	alice.say(`421["say","to nobody"]`)
	alice.want("431[0]")
	alice.say(`422["join","tea"]`)
	alice.want(`432["tea"]`)
	bob.say(`420["join","tea"]`)
	bob.want(`430["tea"]`)
	eve.say(`420["join","coffee"]`)
	eve.want(`430["coffee"]`)
	alice.say(`42["say",7]`)
	alice.say(`423["say","hello \"bob\""]`)
	alice.want("433[1]")
	bob.want(`42["said","` + id + `","hello \"bob\""]`)
	eve.say(`421["say","nobody else is here"]`)
	eve.want("431[1]")
}

// overPort dials the server on a port. What the server sent right behind its handshake is read first.
func overPort(t *testing.T, addr string) client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, early, _, err := ws.Dial(ctx, "ws://"+addr+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if early == nil {
		early = bufio.NewReader(conn)
	}
	both := struct {
		io.Reader
		io.Writer
	}{early, conn}
	return client{
		t:    t,
		send: func(p string) error { return wsutil.WriteClientText(conn, []byte(p)) },
		recv: func() (string, error) {
			p, err := wsutil.ReadServerText(both)
			return string(p), err
		},
	}
}

func TestOverAPort(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, ln.(*net.TCPListener), chat()) }()
	talk(t, func() client { return overPort(t, ln.Addr().String()) })

	last := overPort(t, ln.Addr().String())
	last.want("0{")
	cancel()
	var closed wsutil.ClosedError
	if _, err := last.recv(); !errors.As(err, &closed) {
		t.Errorf("at the end: %v, want a close frame", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestInMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		io, host := chat(), enginetest.NewHost()
		engine := engineio.NewServer(io.Accept, host, engineio.Options{})
		host.Serve(engine)
		ctx, cancel := context.WithCancel(context.Background())
		var clocks sync.WaitGroup
		clocks.Go(func() { _ = engine.Run(ctx) })
		clocks.Go(func() { _ = io.Run(ctx) })
		defer clocks.Wait()
		defer cancel()
		dial := func() client {
			conn, err := host.Client().Dial()
			if err != nil {
				t.Fatal(err)
			}
			return client{t: t, send: conn.Send, recv: func() (string, error) {
				f, err := conn.Recv()
				return f.Data, err
			}}
		}
		talk(t, dial)

		silent := dial()
		silent.want("0{")
		silent.say("40")
		silent.want("40{")
		begun := time.Now()
		silent.want("2") // and no pong
		if _, err := silent.recv(); err == nil || time.Since(begun) != 45*time.Second {
			t.Errorf("a client that is silent ended after %s with %v", time.Since(begun), err)
		}
	})
}
