package instance_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance"
	"github.com/sockd/sockd/instance/transport"
)

// patience bounds every wait for something that should happen at once.
const patience = 10 * time.Second

// defaults is an instance with the file's default values.
func defaults() *config.Instance {
	return &config.Instance{
		Enabled: true, Host: "127.0.0.1", Protocol: "socket.io", Parser: "default", Path: "/socket.io/",
		Transports: []string{"polling", "websocket"}, Namespaces: []string{"/"},
		ConnectTimeout: config.Duration(45 * time.Second), UpgradeTimeout: config.Duration(10 * time.Second), MaxPayload: 1e6,
		Ping:   config.Ping{Interval: config.Duration(25 * time.Second), Timeout: config.Duration(20 * time.Second)},
		CORS:   config.CORS{Origins: []string{"http://localhost:*", "http://127.0.0.1:*"}, Credentials: true},
		Limits: config.Limits{Clients: 10000, Attachments: 10, Queue: 1 << 20, OnFull: "disconnect"},
	}
}

// loops returns started pollers that end with the test.
func loops(t testing.TB) *transport.Loops {
	t.Helper()
	l := transport.NewLoops(1, 4096)
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	return l
}

func listen(t testing.TB) *net.TCPListener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.(*net.TCPListener)
}

// running is an instance under test.
type running struct {
	*instance.Instance
	ln   *net.TCPListener
	addr string
	stop func() error // ends Run and returns what it returned
	wait func() error // returns what Run returned once it has ended by itself
}

// run starts an instance and waits until it is ready. It is stopped with the test if the test has not done so.
func run(t testing.TB, l *transport.Loops, c *config.Instance, prepare ...func(*instance.Instance)) *running {
	t.Helper()
	in, err := instance.New("test", c, instance.Env{Loops: l, MaxFiles: 4096, Drain: func() time.Duration { return 100 * time.Millisecond }})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range prepare {
		p(in)
	}
	ln := listen(t)
	in.Serve(ln)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	r := &running{Instance: in, ln: ln, addr: ln.Addr().String()}
	r.stop = func() error { cancel(); return r.wait() }
	r.wait = sync.OnceValue(func() error {
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			t.Error("Run did not end")
			return nil
		}
	})
	select {
	case <-in.Ready():
	case err := <-ended:
		t.Fatalf("Run ended before ready: %v", err)
	case <-time.After(patience):
		t.Fatal("not ready")
	}
	t.Cleanup(func() { _ = r.stop() })
	return r
}

// client is a Socket.IO client on one WebSocket that speaks text frames only.
type client struct {
	t    testing.TB
	conn net.Conn
	sid  string
}

// dial connects to the namespace and waits for its answer.
func dial(t testing.TB, addr, namespace string) *client {
	t.Helper()
	c := open(t, addr)
	c.send("40" + namespace)
	reply := c.recv()
	_, c.sid, _ = strings.Cut(reply, `"sid":"`)
	c.sid = strings.TrimSuffix(c.sid, `"}`)
	if !strings.HasPrefix(reply, "40") {
		t.Fatalf("CONNECT %q: got %q", namespace, reply)
	}
	return c
}

// open makes an Engine.IO session and reads the open packet.
func open(t testing.TB, addr string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, br, _, err := ws.Dial(ctx, "ws://"+addr+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if br != nil {
		conn = &buffered{conn, br}
	}
	c := &client{t: t, conn: conn}
	if p := c.recv(); !strings.HasPrefix(p, "0{") {
		t.Fatalf("open packet: got %q", p)
	}
	return c
}

type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

func (c *client) send(p string) {
	c.t.Helper()
	if err := wsutil.WriteClientText(c.conn, []byte(p)); err != nil {
		c.t.Fatalf("send %q: %v", p, err)
	}
}

// read returns the next text frame, answering pings of the engine on the way.
func (c *client) read() (string, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		p, err := wsutil.ReadServerText(c.conn)
		if err != nil {
			return "", err
		}
		if string(p) != "2" {
			return string(p), nil
		}
		c.send("3")
	}
}

func (c *client) recv() string {
	c.t.Helper()
	p, err := c.read()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return p
}

// want fails unless the next frame is p.
func (c *client) want(p string) {
	c.t.Helper()
	if got := c.recv(); got != p {
		c.t.Fatalf("got %q, want %q", got, p)
	}
}

// request sends one HTTP request with these extra header lines ("Name: value") and returns the status, header and body.
func request(t testing.TB, addr, method, target string, header ...string) (int, http.Header, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", method, target)
	if !strings.HasPrefix(strings.Join(header, "\n"), "Host:") {
		fmt.Fprintf(&b, "Host: %s\r\n", addr)
	}
	for _, h := range header {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("Connection: close\r\n\r\n")
	if _, err := conn.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

// raw is a bare connection; it is closed with the test.
func raw(t testing.TB, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// counted waits until the instance has refused something for this reason.
func counted(t testing.TB, r *running, reason string) {
	t.Helper()
	eventually(t, reason+" is counted", func() bool { return r.Stats().Refused[reason] > 0 })
}

// eventually waits for ok to hold.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-limit.C:
			t.Fatal("never: " + what)
		}
	}
}

func readAll(t testing.TB, r io.Reader) string {
	t.Helper()
	p, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}
