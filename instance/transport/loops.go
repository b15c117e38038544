package transport

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lesismal/nbio"
)

// ErrStopped is returned for loops that were stopped.
var ErrStopped = errors.New("event loops are stopped")

const (
	readBuffer  = 64 << 10 // bytes read at once
	probeBuffer = 512

	// Of one connection a turn reads at most 2 MiB, and the kernel holds at most half of that for it: see the package comment on tails.
	maxReads      = 32
	receiveBuffer = 512 << 10 // SO_RCVBUF, which Linux doubles
	stopWait      = 2 * time.Second
)

// Loops are the pollers that any number of [Server]s share: per poller one goroutine, one thread and one probe. Make them with [NewLoops].
type Loops struct {
	n, maxFiles int
	clock       *clock
	stop        sync.Once
	started     chan struct{} // closed by Start
	yields      atomic.Bool   // a yield is on some poller's agenda

	mu      sync.RWMutex // held while a connection is added, so that none comes after Stop
	running bool
	stopped bool
	engine  *nbio.Engine
	probes  []*probe
}

// NewLoops returns loops with n pollers (0 = one per CPU) for a process that may have maxFiles open files (0 = what the system allows). A
// poller's table has one pointer per possible file. Nothing runs before [Loops.Start].
func NewLoops(n, maxFiles int) *Loops {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	if maxFiles <= 0 {
		maxFiles = fileLimit()
	}
	return &Loops{n: n, maxFiles: maxFiles, clock: newClock(), started: make(chan struct{})}
}

// fileLimit is the limit of open files of this process.
func fileLimit() int {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil || r.Cur > 1<<20 {
		return 1 << 20
	}
	return int(r.Cur)
}

// Start starts the pollers, a probe for each, and the clock. That they dispatch is proven by [Loops.Ready] alone. Loops that run already are
// left as they are; loops that were stopped cannot be started again.
func (l *Loops) Start() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.stopped:
		return ErrStopped
	case l.running:
		return nil
	}
	engine, err := startEngine(l.n, l.maxFiles)
	if err != nil {
		return fmt.Errorf("start %d pollers: %w", l.n, err)
	}
	probes, err := addProbes(engine, l.n, l.maxFiles)
	if err != nil {
		go stopEngine(engine, probes)
		return err
	}
	l.engine, l.probes, l.running = engine, probes, true
	l.clock.watch = l.ping
	go l.clock.run()
	close(l.started)
	return nil
}

// add hands a connection to its poller. From here on only the poller closes it.
func (l *Loops) add(c *conn) error {
	nc := c.nc
	l.mu.RLock()
	defer l.mu.RUnlock()
	switch {
	case !l.running:
		return errors.New("event loops are not running")
	case nc.Hash() >= l.maxFiles:
		return errTableFull
	}
	c.mu.Lock()
	c.probe = l.probes[nc.Hash()%l.n]
	c.mu.Unlock()
	_, err := l.engine.AddConn(nc)
	return err
}

// Stop closes every connection and ends the pollers. It is meant for the end of the process (or of the one instance that owns the loops), may
// be called at any time and more than once, and returns within a bounded time even if a poller is stuck.
func (l *Loops) Stop() {
	l.stop.Do(func() {
		l.mu.Lock()
		wasRunning := l.running
		l.running, l.stopped = false, true
		engine, probes := l.engine, l.probes
		l.mu.Unlock()
		if !wasRunning {
			return
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			stopEngine(engine, probes)
		}()
		limit := time.NewTimer(stopWait)
		defer limit.Stop()
		select {
		case <-done:
		case <-limit.C:
		}
		l.clock.stop()
	})
}

// stopEngine stops engine once every poller has answered its probe: a stop that comes before a poller's first turn is lost, and the poller
// would spin for ever (nbio v1.6.8, poller_epoll.go: the loop resets the flag when it begins). It waits for a stuck poller.
func stopEngine(engine *nbio.Engine, probes []*probe) {
	for _, p := range probes {
		p.ping()
		<-p.proven
	}
	engine.Stop()
	for _, p := range probes {
		p.end()
		syscall.Close(p.out)
	}
}

// Proof says that every poller of some [Loops] has dispatched a nonce. Only [Loops.Ready] makes one.
type Proof struct {
	at   time.Time
	took time.Duration
}

// ProvenAt is when the last poller answered.
func (p *Proof) ProvenAt() time.Time { return p.at }

// Took is how long that needed, from the call of Ready.
func (p *Proof) Took() time.Duration { return p.took }

// Ready sends a fresh nonce through every poller and returns when all have come back, or with ctx's error and the poller that did not
// answer. Loops that are not started yet are waited for. It may be called at any time, by many.
func (l *Loops) Ready(ctx context.Context) (*Proof, error) {
	begun := time.Now()
	select {
	case <-l.started:
	case <-ctx.Done():
		return nil, fmt.Errorf("event loops are not started: %w", ctx.Err())
	}
	probes := l.live()
	if probes == nil {
		return nil, ErrStopped
	}
	answers := make([]<-chan struct{}, len(probes))
	for i, p := range probes {
		answers[i] = p.ask()
	}
	for i, a := range answers {
		select {
		case <-a:
		case <-ctx.Done():
			probes[i].forget(a)
			return nil, fmt.Errorf("poller %d does not answer: %w", i, ctx.Err())
		}
	}
	now := time.Now()
	return &Proof{at: now, took: now.Sub(begun)}, nil
}

func (l *Loops) live() []*probe {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if !l.running {
		return nil
	}
	return l.probes
}

// Yield lets other goroutines run before a poller waits for events again, once it has read what is there now. It is of use only where there is one
// processor: a poller keeps that while it waits, until the runtime's monitor takes it away some 50 µs later. It does not block, may be called from
// anywhere, and at most one is under way.
func (l *Loops) Yield() {
	if !l.yields.CompareAndSwap(false, true) {
		return
	}
	probes := l.live()
	if len(probes) == 0 {
		l.yields.Store(false)
		return
	}
	probes[0].plan(task{f: l.yield})
}

func (l *Loops) yield() {
	l.yields.Store(false)
	runtime.Gosched()
}

// Lag returns for each poller how long its last nonce took, or how long it has already been waiting for one. It does not block. The clock
// sends a nonce every two seconds; Lag sends another if none is on its way.
func (l *Loops) Lag() []time.Duration {
	probes := l.live()
	lags := make([]time.Duration, len(probes))
	for i, p := range probes {
		lags[i] = p.lag()
		p.ping()
	}
	return lags
}

// ping is the watchdog's round.
func (l *Loops) ping() {
	for _, p := range l.live() {
		p.ping()
	}
}
