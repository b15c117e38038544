package instance_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockd/sockd/instance"
	"github.com/sockd/sockd/instance/transport"
)

func TestNobodyIsAcceptedBeforeReady(t *testing.T) {
	t.Parallel()
	l := loops(t)
	in, err := instance.New("test", defaults(), instance.Env{Loops: l, MaxFiles: 4096})
	if err != nil {
		t.Fatal(err)
	}
	if got := in.Status().State; got != instance.Starting {
		t.Errorf("after New: %s", got)
	}
	ln := listen(t)
	in.Serve(ln)
	if got := in.Status().State; got != instance.Bound {
		t.Errorf("after Serve: %s", got)
	}
	conn, err := net.Dial("tcp", ln.Addr().String()) // the kernel's backlog takes it
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatalf("answered before Run: %d bytes, %v", n, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	answer := make([]byte, 512)
	n, err := conn.Read(answer)
	if err != nil || !strings.Contains(string(answer[:n]), `{"state":"ready"}`) {
		t.Errorf("who waited in the backlog: got %q, %v", answer[:n], err)
	}
	st := in.Status()
	if st.State != instance.Ready || st.ReadyIn <= 0 || st.ReadyIn > patience || st.Since.IsZero() {
		t.Errorf("ready: %+v", st)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// A client that connects in a tight loop while the instance starts is never accepted and left without an answer.
func TestClientsDuringAStartAreServed(t *testing.T) {
	t.Parallel()
	l := loops(t)
	for range 10 {
		in, err := instance.New("test", defaults(), instance.Env{Loops: l, MaxFiles: 4096, Drain: func() time.Duration { return 0 }})
		if err != nil {
			t.Fatal(err)
		}
		ln := listen(t)
		in.Serve(ln)
		var clients sync.WaitGroup
		for range 8 {
			clients.Go(func() { dial(t, ln.Addr().String(), "") })
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- in.Run(ctx) }()
		clients.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}

func TestPollersThatDoNotProveThemselvesFailTheStart(t *testing.T) {
	t.Parallel()
	never := transport.NewLoops(1, 4096) // not started: no nonce comes back
	limit := func() time.Duration { return 50 * time.Millisecond }
	in, err := instance.New("test", defaults(), instance.Env{Loops: never, MaxFiles: 4096, StartTimeout: limit})
	if err != nil {
		t.Fatal(err)
	}
	in.Serve(listen(t))
	err = in.Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "poller not ready") {
		t.Errorf("Run: got %v, want it to say that the poller is not ready", err)
	}
	select {
	case <-in.Ready():
		t.Error("Ready is closed")
	default:
	}
	if got := in.Status().State; got == instance.Ready {
		t.Errorf("state %s", got)
	}
}

func TestOwnPollers(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.Pollers = 2
	r := run(t, nil, c)
	a, b := dial(t, r.addr, ""), dial(t, r.addr, "")
	a.send(`42["x"]`)
	b.want(`42["x"]`)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// The death of any part ends the instance with the reason, so that the fleet starts it again.
func TestAListenerThatDiesEndsTheInstance(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), defaults())
	c := dial(t, r.addr, "")
	_ = r.ln.Close()
	if err := r.wait(); err == nil || !strings.Contains(err.Error(), "accept on "+r.addr) {
		t.Errorf("Run: got %v, want it to name the listener", err)
	}
	if p, err := c.read(); err == nil {
		t.Errorf("a client got %q instead of a close", p)
	}
}
