package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockd/sockd/instance/transport"
)

// patience is how long a test waits for what must happen; it is not a measure of anything.
const patience = 10 * time.Second

// rig is a server on loopback with loops of its own.
type rig struct {
	*transport.Server
	t     testing.TB
	loops *transport.Loops
	addr  string
	log   *lockedBuffer
}

type handler struct {
	limit int64
	serve func(w http.ResponseWriter, r *http.Request)
}

func (h handler) Limit(*http.Request) int64 { return h.limit }

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.serve(w, r) }

// echo answers with method, target and body.
func echo(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	io.WriteString(w, r.Method+" "+r.RequestURI+" "+string(b))
}

func startLoops(t testing.TB, n int) *transport.Loops {
	t.Helper()
	l := transport.NewLoops(n, 0)
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	if _, err := l.Ready(within(t)); err != nil {
		t.Fatal(err)
	}
	return l
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func listen(t testing.TB) *net.TCPListener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln.(*net.TCPListener)
}

func newRig(t testing.TB, o transport.Options, serve func(*rig, http.ResponseWriter, *http.Request)) *rig {
	t.Helper()
	r := &rig{t: t, loops: startLoops(t, 1), log: new(lockedBuffer)}
	o.Log = slog.New(slog.NewTextHandler(r.log, nil))
	r.Server = transport.New(r.loops, o)
	r.Serve(handler{1 << 20, func(w http.ResponseWriter, req *http.Request) { serve(r, w, req) }})
	ln := listen(t)
	r.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var accepting sync.WaitGroup
	accepting.Go(func() {
		if err := r.Accept(ctx, ln); err != nil {
			t.Error("accept:", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		accepting.Wait()
	})
	return r
}

func echoRig(t testing.TB, o transport.Options) *rig {
	return newRig(t, o, func(_ *rig, w http.ResponseWriter, r *http.Request) { echo(w, r) })
}

// client is one connection to a rig.
type client struct {
	*net.TCPConn
	t  testing.TB
	in *bufio.Reader
}

// on is r with the faults of its clients reported to t.
func (r *rig) on(t testing.TB) *rig {
	c := *r
	c.t = t
	return &c
}

func (r *rig) dial() *client {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	r.t.Cleanup(func() { c.Close() })
	return &client{c.(*net.TCPConn), r.t, bufio.NewReader(c)}
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads one answer to a request of the given method.
func (c *client) answer(method string) (*http.Response, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal("read answer:", err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal("read body:", err)
	}
	return resp, string(b)
}

// want reads an answer with this status and body.
func (c *client) want(status int, body string) *http.Response {
	c.t.Helper()
	resp, got := c.answer("GET")
	if resp.StatusCode != status || got != body {
		c.t.Fatalf("answer %d %q, want %d %q", resp.StatusCode, got, status, body)
	}
	return resp
}

// wantStatus reads an answer with this status.
func (c *client) wantStatus(status int) *http.Response {
	c.t.Helper()
	resp, body := c.answer("GET")
	if resp.StatusCode != status {
		c.t.Fatalf("answer %d %q, want %d", resp.StatusCode, body, status)
	}
	return resp
}

// wantEnd reads the orderly end of the connection: FIN, not a reset, and nothing before it.
func (c *client) wantEnd() {
	c.t.Helper()
	if b, err := io.ReadAll(c.in); err != nil || len(b) > 0 {
		c.t.Fatalf("read %q, %v, want the end", b, err)
	}
}

// wantGone waits for any end.
func (c *client) wantGone() {
	c.t.Helper()
	if _, err := io.Copy(io.Discard, c.in); isDeadline(err) {
		c.t.Fatal("connection is still open")
	}
}

func isDeadline(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

const handshakeHead = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// upgrade does a handshake by hand, with what comes behind it in the same segment.
func (c *client) upgrade(behind string) *http.Response {
	c.t.Helper()
	c.send(handshakeHead + "\r\n" + behind)
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal("read handshake:", err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		c.t.Fatalf("handshake answered %d", resp.StatusCode)
	}
	return resp
}

// masked is one whole frame of a client.
func masked(op ws.OpCode, fin bool, payload string) string {
	f := ws.MaskFrameInPlaceWith(ws.NewFrame(op, fin, []byte(payload)), [4]byte{1, 2, 3, 4})
	return string(ws.MustCompileFrame(f))
}

// frame reads one frame of the server.
func (c *client) frame() ws.Frame {
	c.t.Helper()
	f, err := readFrame(c.in)
	if err != nil {
		c.t.Fatal("read frame:", err)
	}
	return f
}

func readFrame(r io.Reader) (ws.Frame, error) {
	h, err := ws.ReadHeader(r)
	if err != nil {
		return ws.Frame{}, err
	}
	p := make([]byte, h.Length)
	_, err = io.ReadFull(r, p)
	return ws.Frame{Header: h, Payload: p}, err
}

func (c *client) wantFrame(op ws.OpCode, payload string) {
	c.t.Helper()
	if f := c.frame(); f.Header.OpCode != op || string(f.Payload) != payload {
		c.t.Fatalf("frame %d %q, want %d %q", f.Header.OpCode, f.Payload, op, payload)
	}
}

// wantClose reads a close frame with this code (0 = none), then the end.
func (c *client) wantClose(code ws.StatusCode) {
	c.t.Helper()
	f := c.frame()
	var got ws.StatusCode
	if len(f.Payload) > 0 {
		got, _ = ws.ParseCloseFrameData(f.Payload)
	}
	if f.Header.OpCode != ws.OpClose || got != code {
		c.t.Fatalf("frame %d %q, want close %d", f.Header.OpCode, f.Payload, code)
	}
	c.wantEnd()
}

// get waits for a value, or fails.
func get[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// until waits for ok to hold.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	limit := time.After(patience)
	for !ok() {
		select {
		case <-again.C:
		case <-limit:
			t.Fatal("never:", what)
		}
	}
}

// lockedBuffer is a log that a test can read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) contains(s string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Contains(b.b.String(), s)
}

func (r *rig) refused(reason string) uint64 { return r.Stats().Refused[reason] }

// countingWriter counts bytes.
type countingWriter struct{ n atomic.Int64 }

func (w *countingWriter) Write(p []byte) (int, error) {
	w.n.Add(int64(len(p)))
	return len(p), nil
}
