package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/transport"
)

// acceptOn accepts on a new listener until the test ends.
func acceptOn(t testing.TB, s *transport.Server) transport.Listener {
	t.Helper()
	ln := listen(t)
	accept(t, s, ln)
	return ln
}

// accept accepts on ln until the test ends or end is called.
func accept(t testing.TB, s *transport.Server, ln transport.Listener) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var accepting sync.WaitGroup
	accepting.Go(func() {
		if err := s.Accept(ctx, ln); err != nil {
			t.Error("accept:", err)
		}
	})
	end = func() {
		cancel()
		accepting.Wait()
	}
	t.Cleanup(end)
	return end
}

func TestAcceptEndsWithAClosedListener(t *testing.T) {
	t.Parallel()
	s := transport.New(startLoops(t, 1), transport.Options{})
	ln := listen(t)
	ended := make(chan error, 1)
	go func() { ended <- s.Accept(context.Background(), ln) }()
	ln.Close()
	if err := get(t, ended); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
}

func TestAcceptWithAnEndedContext(t *testing.T) {
	t.Parallel()
	s := transport.New(startLoops(t, 1), transport.Options{})
	ln := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Accept(ctx, ln); err != nil {
		t.Errorf("accept: %v", err)
	}
}

// TestTwoLoopsOnOneListener: the end of one neither ends nor wedges the other, in whatever order they end.
func TestTwoLoopsOnOneListener(t *testing.T) {
	t.Parallel()
	s := transport.New(startLoops(t, 1), transport.Options{})
	s.Serve(handler{0, echo})
	ln := listen(t)
	r := &rig{Server: s, t: t, addr: ln.Addr().String()}
	for range 10 {
		first, second := accept(t, s, ln), accept(t, s, ln)
		first()
		c := r.dial()
		c.send(get11 + "Connection: close\r\n\r\n")
		c.want(200, "GET / ")
		third := accept(t, s, ln)
		var both sync.WaitGroup
		both.Go(second)
		both.Go(third)
		both.Wait()
	}
}

func TestOnlyTCPIsAccepted(t *testing.T) {
	t.Parallel()
	s := transport.New(startLoops(t, 1), transport.Options{})
	ln, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ended := make(chan error, 1)
	go func() { ended <- s.Accept(context.Background(), ln.(*net.UnixListener)) }()
	c, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if get(t, ended) == nil {
		t.Error("a unix socket was accepted, nbio would lose its data")
	}
}

func TestMaxConns(t *testing.T) {
	t.Parallel()
	r := echoRig(t, transport.Options{MaxConns: 2})
	a, b := r.on(t).dial(), r.on(t).dial()
	until(t, "two connections", func() bool { return r.Len() == 2 })
	r.on(t).dial().wantGone()
	if n := r.refused(transport.RefusedConnLimit); n != 1 {
		t.Errorf("refused %d", n)
	}
	a.Close()
	until(t, "one connection", func() bool { return r.Len() == 1 })
	c := r.on(t).dial()
	c.send(get11 + "\r\n")
	c.want(200, "GET / ")
	r.Configure(transport.Options{MaxConns: 3})
	d := r.on(t).dial()
	d.send(get11 + "\r\n")
	d.want(200, "GET / ")
	b.send(get11 + "\r\n")
	b.want(200, "GET / ")
}

// flaky is a listener without files for a while.
type flaky struct {
	*net.TCPListener
	failures, calls atomic.Int64
}

func (f *flaky) Accept() (net.Conn, error) {
	f.calls.Add(1)
	if f.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.TCPListener.Accept()
}

func TestAcceptBacksOffWithoutAFile(t *testing.T) {
	t.Parallel()
	s := transport.New(startLoops(t, 1), transport.Options{})
	s.Serve(handler{0, echo})
	ln := &flaky{TCPListener: listen(t)}
	ln.failures.Store(5)
	begun := time.Now()
	accept(t, s, ln)
	r := &rig{Server: s, t: t, addr: ln.Addr().String()}
	c := r.dial()
	c.send(get11 + "\r\n")
	c.want(200, "GET / ")
	if took := time.Since(begun); took < 155*time.Millisecond { // 5 + 10 + 20 + 40 + 80
		t.Errorf("five failures in %v: the loop spins", took)
	}
	if n := s.Stats().Refused[transport.RefusedNoFile]; n != 5 {
		t.Errorf("counted %d failures", n)
	}
}

func init() { children["files"] = withoutFiles }

// TestRealLackOfFiles runs a server that has no file left: it must not spin, and accept again when there is one.
func TestRealLackOfFiles(t *testing.T) { runChild(t, "files") }

// withoutFiles runs in a process of its own, because the limit is the process's.
func withoutFiles() error {
	limit := syscall.Rlimit{Cur: 64, Max: 64}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	loops := transport.NewLoops(1, 64)
	if err := loops.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := loops.Ready(ctx); err != nil {
		return err
	}
	s := transport.New(loops, transport.Options{})
	s.Serve(handler{0, echo})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	accepted := make(chan error, 1)
	go func() { accepted <- s.Accept(ctx, ln.(*net.TCPListener)) }()

	var conns []net.Conn
	for { // each takes two files of this process: its own and the server's
		c, err := net.Dial("tcp", ln.Addr().String())
		if errors.Is(err, syscall.EMFILE) {
			break
		}
		if err != nil {
			return err
		}
		conns = append(conns, c)
	}
	for s.Stats().Refused[transport.RefusedNoFile] == 0 && ctx.Err() == nil {
		<-time.After(time.Millisecond)
	}
	var before, after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	<-time.After(300 * time.Millisecond)
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	if used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()); used > 100*time.Millisecond {
		return errors.New("the accept loop spins: " + used.String() + " in 300 ms")
	}
	for _, c := range conns {
		c.Close()
	}
	resp, err := http.Get("http://" + ln.Addr().String() + "/")
	if err != nil {
		return err
	}
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "GET / " {
		return errors.New("answer " + string(b))
	}
	cancel()
	return <-accepted
}

// TestTableIsFull: a file number over the loops' limit is refused, not an index out of range.
func TestTableIsFull(t *testing.T) {
	t.Parallel()
	l := transport.NewLoops(1, openFiles()+500)
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	s := transport.New(l, transport.Options{})
	s.Serve(handler{0, echo})
	r := &rig{Server: s, t: t, addr: acceptOn(t, s).Addr().String()}
	for s.Stats().Refused[transport.RefusedNoFile] == 0 {
		c := r.dial()
		c.send(get11 + "\r\n")
		if _, err := http.ReadResponse(c.in, nil); err != nil {
			break
		}
	}
	until(t, "refused", func() bool { return s.Stats().Refused[transport.RefusedNoFile] > 0 })
}
