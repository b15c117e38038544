package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/mempool"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/transport"
)

// The tests of this file hold what architecture.md says about nbio, fact by fact, so that an upgrade that changes one is noticed. Facts 3 and 4
// are in loops_test.go, fact 1 in strict_test.go, fact 9 in websocket_test.go (the slow reader).

// TestFact5 ends an accept loop by its deadline: the listener stays, who dials in the gap is served by the next loop, nothing spins.
func TestFact5ListenerOutlivesItsLoop(t *testing.T) {
	t.Parallel()
	l := startLoops(t, 1)
	first, second := transport.New(l, transport.Options{}), transport.New(l, transport.Options{})
	for name, s := range map[string]*transport.Server{"first": first, "second": second} {
		s.Serve(handler{0, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) }})
	}
	ln := listen(t)
	r := &rig{t: t, addr: ln.Addr().String()}
	for i := range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- first.Accept(ctx, ln) }()
		c := r.dial()
		c.send(get11 + "\r\n")
		c.want(200, "first")
		cancel()
		if err := get(t, ended); err != nil {
			t.Fatal(err)
		}
		gap := r.dial() // nobody accepts
		gap.send(get11 + "\r\n")
		ctx, cancel = context.WithCancel(context.Background())
		go func() { ended <- second.Accept(ctx, ln) }()
		gap.want(200, "second")
		c.send(get11 + "\r\n") // a connection stays with its server
		c.want(200, "first")
		cancel()
		if err := get(t, ended); err != nil {
			t.Fatal(i, err)
		}
	}
	ln.SetDeadline(time.Now().Add(time.Millisecond))
	if _, err := ln.Accept(); !isDeadline(err) {
		t.Errorf("accept: %v", err)
	}
}

// TestFact6 starts a program while connections are open: it must inherit nothing but its own three files.
func TestFact6NothingIsInherited(t *testing.T) {
	r := newParkRig(t, transport.Options{})
	c := r.on(t).dial()
	c.upgrade("")
	r.park(t)
	r.on(t).dial()
	until(t, "all accepted", func() bool { return r.Len() == 3 })
	out, err := exec.Command("ls", "-l", "/proc/self/fd").Output()
	if err != nil {
		t.Skip("no ls:", err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "socket:") || strings.Contains(line, "anon_inode") {
			t.Errorf("inherited: %s", line)
		}
	}
}

// TestFact7Write: nbio's Write keeps nothing of the slice, takes all of it, and allocates nothing while the kernel takes it.
func TestFact7Write(t *testing.T) {
	nc, peer := bare(t)
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = byte(i >> 8)
	}
	if n, err := nc.Write(b); n != len(b) || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
	want := string(b)
	clear(b)
	got := make([]byte, len(b))
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != want {
		t.Fatalf("peer read something else, %v", err)
	}
	small := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() {
		nc.Write(small)
		io.ReadFull(peer, small)
	}); n > 0 {
		t.Errorf("%v allocations per write", n)
	}
}

// bare is a TCP connection on an engine without anything of ours, and its peer.
func bare(t *testing.T) (*nbio.Conn, net.Conn) {
	t.Helper()
	engine := nbio.NewEngine(nbio.Config{NPoller: 1})
	if err := engine.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{}, 100)
	engine.OnData(func(*nbio.Conn, []byte) { read <- struct{}{} })
	ln := listen(t)
	peer, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	nc, err := engine.AddConn(conn)
	if err != nil {
		t.Fatal(err)
	}
	peer.SetDeadline(time.Now().Add(patience))
	peer.Write([]byte{1})
	get(t, read) // the poller runs, it may be stopped
	t.Cleanup(func() {
		peer.Close()
		engine.Stop()
	})
	return nc, peer
}

// TestFact9Ledger: bytes given minus bytes reported by OnWrittenSize are the bytes that wait.
func TestFact9Ledger(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{MaxBuffered: 64 << 20, SendBuffer: 16 << 10})
	c := r.on(t).dial()
	c.SetReadBuffer(16 << 10)
	c.upgrade("")
	conn := get(t, r.sockets)
	frame := ws.MustCompileFrame(ws.NewBinaryFrame(make([]byte, 100_000)))
	const n = 50
	given := 0
	for range n {
		if err := conn.Write(frame); err != nil {
			t.Fatal(err)
		}
		given += len(frame)
		if b := conn.Buffered(); b < 0 || b > given {
			t.Fatalf("%d of %d bytes wait", b, given)
		}
	}
	if conn.Buffered() < given/2 {
		t.Errorf("only %d of %d bytes wait for a client that does not read", conn.Buffered(), given)
	}
	for range n {
		c.wantFrame(ws.OpBinary, string(make([]byte, 100_000)))
	}
	until(t, "nothing waits", func() bool { return conn.Buffered() == 0 })
}

// TestFact10: the process-wide pool is the allocator that cannot be poisoned, and the table is as long as we said.
func TestFact10Globals(t *testing.T) {
	l := transport.NewLoops(1, 3000)
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	defer l.Stop()
	if got, want := fmt.Sprintf("%T", mempool.DefaultMemPool), fmt.Sprintf("%T", mempool.NewSTD()); got != want {
		t.Errorf("pool is a %s, want %s", got, want)
	}
	if nbio.MaxOpenFiles != 3000 {
		t.Errorf("table of %d, want 3000", nbio.MaxOpenFiles)
	}
}

// TestFact11: connections are closed by many goroutines while new ones take their numbers. None of the new ones may be closed by an event of
// an old one.
func TestFact11NumbersAreReused(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	frame := ws.MustCompileFrame(ws.NewTextFrame([]byte("x")))
	for range 200 {
		victim := r.on(t).dial()
		victim.upgrade("")
		conn := get(t, r.sockets)
		writing := make(chan struct{})
		go func() {
			defer close(writing)
			for conn.Write(frame) == nil { // until the reset is noticed here or by the poller
				runtime.Gosched()
			}
		}()
		victim.SetLinger(0)
		victim.Close()
		fresh := r.on(t).dial()
		fresh.upgrade(masked(ws.OpText, true, "hi"))
		fresh.wantFrame(ws.OpText, "hi")
		get(t, writing)
		get(t, r.sockets)
		fresh.Close()
	}
}

// TestFact12: gone is not called on the goroutine that wrote or closed, so a caller may hold a lock that gone takes.
func TestFact12GoneIsNeverSynchronous(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  func(conn engineio.Conn, c *client)
	}{
		{"close", func(conn engineio.Conn, c *client) {
			conn.Close(1000)
			c.Close()
		}},
		{"write to a reset connection", func(conn engineio.Conn, c *client) {
			c.SetLinger(0)
			c.Close()
			for conn.Write([]byte{0x81, 0}) == nil {
				runtime.Gosched()
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var held atomic.Bool
			gone := make(chan bool, 1)
			conns := make(chan engineio.Conn, 1)
			r := newRig(t, transport.Options{}, func(g *rig, w http.ResponseWriter, req *http.Request) {
				conn, err := g.Upgrade(w, req, func(bool, []byte) {}, func(error) {
					until(t, "lock released", func() bool { return !held.Load() }) // a deadlock if it is the caller's goroutine
					gone <- true
				})
				if err == nil {
					conns <- conn
				}
			})
			c := r.on(t).dial()
			c.upgrade("")
			conn := get(t, conns)
			held.Store(true)
			tt.end(conn, c)
			held.Store(false)
			get(t, gone)
		})
	}
}

// TestFact16TailOfInput: what a client sends before its FIN is read, even if the poller is busy with others meanwhile.
func TestFact16TailOfInput(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	got := make(chan int, 1)
	turns := make(chan struct{})
	r := echoRig(t, transport.Options{})
	r.Serve(handler{size, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/turn" {
			<-turns
			return
		}
		b, _ := io.ReadAll(req.Body)
		got <- len(b)
	}})
	for range 20 {
		c, busy := r.on(t).dial(), r.on(t).dial()
		sent := make(chan error, 1)
		go func() {
			_, err := io.WriteString(c, fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size))
			_, err2 := c.Write(make([]byte, size))
			sent <- errors.Join(err, err2, c.CloseWrite())
		}()
		for answered := false; !answered; { // the poller turns only when it is told to
			busy.send("GET /turn HTTP/1.1\r\nHost: a\r\n\r\n")
			select {
			case err := <-sent:
				if err != nil {
					t.Fatal(err)
				}
				answered = true
			case <-time.After(time.Millisecond):
			}
			turns <- struct{}{}
			busy.wantStatus(200)
		}
		if n := get(t, got); n != size {
			t.Errorf("handler got %d bytes, want %d", n, size)
		}
	}
}

// TestTurnIsBounded: a client that never stops sending does not keep the poller for itself.
func TestTurnIsBounded(t *testing.T) {
	t.Parallel()
	var sent, atBystander atomic.Int64
	held, release := make(chan struct{}), make(chan struct{})
	r := echoRig(t, transport.Options{})
	r.Serve(handler{32 << 20, func(_ http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/hold":
			close(held)
			<-release
		case "/flood":
			sent.Add(req.ContentLength)
		default:
			atBystander.Store(sent.Load())
		}
	}})
	holder, flooder, bystander := r.dial(), r.dial(), r.dial()
	holder.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
	<-held
	const size = 32 << 10
	one := fmt.Sprintf("POST /flood HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
	begun := make(chan struct{})
	go func() {
		io.WriteString(flooder, one)
		close(begun)
		for range 2000 { // 64 MB, or until the test ends
			if _, err := io.WriteString(flooder, one); err != nil {
				return
			}
		}
	}()
	go io.Copy(io.Discard, flooder)
	<-begun
	bystander.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	close(release)
	bystander.wantStatus(200)
	if n := atBystander.Load(); n > 4<<20 {
		t.Errorf("%d MiB of the flood came before a request that waited all the time", n>>20)
	}
}

func TestNoDelay(t *testing.T) {
	t.Parallel()
	ln := listen(t)
	l := startLoops(t, 1)
	s := transport.New(l, transport.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	accepted := make(chan int, 1)
	done := make(chan error, 1)
	go func() { done <- s.Accept(ctx, noting{ln, accepted}) }()
	r := &rig{t: t, addr: ln.Addr().String()}
	r.dial()
	if v := get(t, accepted); v != 1 {
		t.Errorf("TCP_NODELAY is %d", v)
	}
	cancel()
	get(t, done)
}

// noting notes TCP_NODELAY of what it accepts; the socket keeps it when nbio duplicates the file.
type noting struct {
	*net.TCPListener
	seen chan int
}

func (n noting) Accept() (net.Conn, error) {
	c, err := n.TCPListener.Accept()
	if err != nil {
		return nil, err
	}
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	raw.Control(func(fd uintptr) {
		v, _ := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
		n.seen <- v
	})
	return c, nil
}
