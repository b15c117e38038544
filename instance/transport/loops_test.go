package transport_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/transport"
)

func TestReady(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 5, 8} {
		l := startLoops(t, n)
		before := time.Now()
		proof, err := l.Ready(within(t))
		if err != nil {
			t.Fatal(err)
		}
		if proof.Took() <= 0 || proof.ProvenAt().Before(before) {
			t.Errorf("proof at %v, took %v", proof.ProvenAt(), proof.Took())
		}
		if len(l.Lag()) != n {
			t.Errorf("lag of %d pollers, want %d", len(l.Lag()), n)
		}
	}
}

func TestReadyByMany(t *testing.T) {
	t.Parallel()
	l := startLoops(t, 2)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 20 {
				if _, err := l.Ready(within(t)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// More starts at once than the probe's socket has room for nonces: each of them gets its answer.
func TestReadyByMoreThanTheSocketHolds(t *testing.T) {
	t.Parallel()
	held, release := make(chan struct{}), make(chan struct{})
	r := newRig(t, transport.Options{}, func(*rig, http.ResponseWriter, *http.Request) { close(held); <-release })
	r.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-held // the only poller reads no nonce now
	var all, begun sync.WaitGroup
	begun.Add(3000)
	for range 3000 {
		all.Go(func() {
			begun.Done()
			if _, err := r.loops.Ready(within(t)); err != nil {
				t.Error(err)
			}
		})
	}
	begun.Wait()
	close(release)
	all.Wait()
}

func TestLoopsInEveryOrder(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tt := range []struct {
		name string
		do   func(*testing.T, *transport.Loops)
	}{
		{"stop only", func(*testing.T, *transport.Loops) {}},
		{"stop twice", func(t *testing.T, l *transport.Loops) { l.Start(); l.Stop() }},
		{"stop at once after start", func(t *testing.T, l *transport.Loops) { l.Start() }},
		{"start twice", func(t *testing.T, l *transport.Loops) {
			if err := errors.Join(l.Start(), l.Start()); err != nil {
				t.Error(err)
			}
		}},
		{"start after stop", func(t *testing.T, l *transport.Loops) {
			l.Stop()
			if err := l.Start(); !errors.Is(err, transport.ErrStopped) {
				t.Errorf("start: %v", err)
			}
		}},
		{"ready without start", func(t *testing.T, l *transport.Loops) {
			if _, err := l.Ready(ended); !errors.Is(err, context.Canceled) {
				t.Errorf("ready: %v", err)
			}
		}},
		{"ready waits for the start", func(t *testing.T, l *transport.Loops) {
			errs := make(chan error, 1)
			go func() {
				_, err := l.Ready(within(t))
				errs <- err
			}()
			l.Start()
			if err := get(t, errs); err != nil {
				t.Error(err)
			}
		}},
		{"stop after a failed ready", func(t *testing.T, l *transport.Loops) {
			l.Start()
			l.Ready(ended)
		}},
		{"ready after stop", func(t *testing.T, l *transport.Loops) {
			l.Start()
			l.Stop()
			if _, err := l.Ready(within(t)); !errors.Is(err, transport.ErrStopped) {
				t.Errorf("ready: %v", err)
			}
			if lag := l.Lag(); len(lag) != 0 {
				t.Errorf("lag %v", lag)
			}
		}},
		{"stop by many", func(t *testing.T, l *transport.Loops) {
			l.Start()
			var all sync.WaitGroup
			for range 10 {
				all.Go(l.Stop)
			}
			all.Wait()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := transport.NewLoops(2, 0)
			tt.do(t, l)
			l.Stop()
		})
	}
}

// TestStartStopManyTimes: in nbio a stop that comes before the pollers' first turn hangs and spins (fact 4). TestMain sees what leaks.
func TestStartStopManyTimes(t *testing.T) {
	for i := range 200 {
		l := transport.NewLoops(1+i%3, 4096)
		if err := l.Start(); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if _, err := l.Ready(within(t)); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan struct{})
		go func() { l.Stop(); close(done) }()
		get(t, done)
	}
}

// TestStuckPoller: a handler that blocks is what the probe is there to see (fact 3).
func TestStuckPoller(t *testing.T) {
	t.Parallel()
	enter, leave := make(chan struct{}), make(chan struct{})
	r := newRig(t, transport.Options{}, func(_ *rig, w http.ResponseWriter, req *http.Request) {
		enter <- struct{}{}
		<-leave
	})
	c := r.on(t).dial()
	c.send(get11 + "\r\n")
	get(t, enter)
	// A connect succeeds all the same: the kernel does it.
	r.on(t).dial()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	_, err := r.loops.Ready(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "poller 0") {
		t.Errorf("ready: %v", err)
	}
	r.loops.Lag()
	until(t, "lag grows", func() bool { return r.loops.Lag()[0] > 20*time.Millisecond })
	close(leave)
	c.wantStatus(200)
	if _, err := r.loops.Ready(within(t)); err != nil {
		t.Error("ready afterwards:", err)
	}
	until(t, "lag is small again", func() bool { return r.loops.Lag()[0] < 20*time.Millisecond })
}

// TestStopWithAStuckPoller returns within a bounded time.
func TestStopWithAStuckPoller(t *testing.T) {
	t.Parallel()
	enter, leave := make(chan struct{}), make(chan struct{})
	l := startLoops(t, 2)
	s := transport.New(l, transport.Options{})
	s.Serve(handler{0, func(http.ResponseWriter, *http.Request) {
		enter <- struct{}{}
		<-leave
	}})
	r := &rig{Server: s, t: t, loops: l, addr: acceptOn(t, s).Addr().String()}
	r.dial().send(get11 + "\r\n")
	get(t, enter)
	done := make(chan struct{})
	go func() { l.Stop(); close(done) }()
	get(t, done)
	close(leave)
}

// TestConnectionsEndWithTheLoops: every connection is reported, none is leaked.
func TestConnectionsEndWithTheLoops(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	_, p := r.park(t)
	c := r.on(t).dial()
	c.upgrade("")
	r.on(t).dial()
	until(t, "all accepted", func() bool { return r.Len() == 3 })
	r.loops.Stop()
	if get(t, p.gone) == nil || get(t, r.gone) == nil {
		t.Error("gone without an error")
	}
	until(t, "none left", func() bool { return r.Len() == 0 })
	d := r.on(t).dial()
	d.wantGone()
}
