package instance_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance"
)

// plain is an instance for clients that speak Engine.IO only.
func plain() *config.Instance {
	c := defaults()
	c.Protocol, c.Path = "engine.io", "/engine.io/"
	return c
}

// openPlain opens a session of plain Engine.IO.
func openPlain(t *testing.T, addr string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, br, _, err := ws.Dial(ctx, "ws://"+addr+"/engine.io/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	var c net.Conn = conn
	if br != nil {
		c = &buffered{conn, br}
	}
	k := &client{t: t, conn: c}
	k.recv()
	return k
}

// frame returns the next message with its kind.
func (c *client) frame() (ws.OpCode, string) {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	p, op, err := wsutil.ReadServerData(c.conn)
	if err != nil {
		c.t.Fatal(err)
	}
	return op, string(p)
}

func TestPlainEngineIsAHubOfMessages(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), plain())
	a, b := openPlain(t, r.addr), openPlain(t, r.addr)
	status, _, body := request(t, r.addr, "GET", "/engine.io/?EIO=4&transport=polling")
	if status != 200 {
		t.Fatalf("polling: %d %s", status, body)
	}
	const n = 500
	for i := range n {
		a.send(fmt.Sprintf("4%d", i))
		if err := wsutil.WriteClientBinary(a.conn, []byte{byte(i), 0xff}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if op, p := b.frame(); op != ws.OpText || p != fmt.Sprintf("4%d", i) {
			t.Fatalf("message %d: %v %q", i, op, p)
		}
		if op, p := b.frame(); op != ws.OpBinary || p != string([]byte{byte(i), 0xff}) {
			t.Fatalf("binary message %d: %v %q", i, op, p)
		}
	}
	b.send(`442["not a packet here"]`)
	a.want(`442["not a packet here"]`)
	eventually(t, "all is counted", func() bool { return r.Status().EventsOut == 2*(2*n+1) })
	if st := r.Status(); st.Clients != 3 || st.EventsIn != 2*n+1 {
		t.Errorf("status: %+v", st)
	}
}

func TestPlainEngineEveryoneSeesOneOrder(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), plain())
	x, y := openPlain(t, r.addr), openPlain(t, r.addr)
	const senders, each = 4, 100
	for s := range senders {
		c := openPlain(t, r.addr)
		go func() {
			for i := range each {
				c.send(fmt.Sprintf("4%d-%d", s, i))
			}
			for {
				if _, err := c.read(); err != nil {
					return
				}
			}
		}()
	}
	for i := range senders * each {
		if p, q := x.recv(), y.recv(); p != q {
			t.Fatalf("message %d: %q and %q", i, p, q)
		}
	}
}

func TestPlainEngineKeepsLimitsAndDrains(t *testing.T) {
	t.Parallel()
	c := plain()
	c.Limits.EventsPerSecond, c.Limits.OnExceed = 1, "disconnect"
	r := run(t, loops(t), c)
	a, b := openPlain(t, r.addr), openPlain(t, r.addr)
	a.send("4one")
	a.send("4two")
	if p, err := a.read(); err == nil {
		t.Errorf("got %q, want the end", p)
	}
	b.want("4one")
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if p, err := b.read(); err == nil {
		t.Errorf("got %q, want the end", p)
	}
	if st := r.Status(); st.State != instance.Draining || st.Clients != 0 {
		t.Errorf("after the drain: %+v", st)
	}
}
