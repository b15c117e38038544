package lane

import (
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

var (
	// ErrFull is returned by [Pool.Do] when the lane has no room left.
	ErrFull = errors.New("lane: queue full")
	// ErrClosed is returned by [Pool.Do] once the pool is ending.
	ErrClosed = errors.New("lane: closed")
)

// DefaultDepth is how many jobs may wait in one lane when [New] is given none.
const DefaultDepth = 4096

// Pool is a fixed number of ordered lanes. Make one with [New].
type Pool struct {
	depth   int
	log     *slog.Logger
	panics  atomic.Uint64
	woken   func() // nil = nobody is told
	workers sync.WaitGroup
	lanes   []lane
}

type lane struct {
	mu      sync.Mutex
	queue   []func()
	spare   []func() // the slice that the worker has emptied; the two take turns
	started bool
	closed  bool
	working bool // a worker goroutine owns the lane
}

// New returns a pool of n lanes (at least one). At most depth jobs wait in each (0 = [DefaultDepth]). A panic of a job is reported to
// log, which may be nil.
func New(n, depth int, log *slog.Logger) *Pool {
	if depth <= 0 {
		depth = DefaultDepth
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Pool{depth: depth, log: log, lanes: make([]lane, max(n, 1))}
}

// Start begins to run jobs. It may be called once.
func (p *Pool) Start() {
	for i := range p.lanes {
		p.start(&p.lanes[i])
	}
}

// Stop refuses further jobs and returns when those that are queued have run. It does nothing more when called again.
func (p *Pool) Stop() {
	for i := range p.lanes {
		l := &p.lanes[i]
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
	}
	p.workers.Wait()
}

func (p *Pool) start(l *lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started = true
	if len(l.queue) > 0 {
		p.wake(l)
	}
}

// Do queues job in lane k, taken modulo the number of lanes. It never blocks and may be called from any goroutine, a job's included.
// Jobs that are queued before Start wait for it.
func (p *Pool) Do(k int, job func()) error {
	woke, err := p.put(&p.lanes[uint(k)%uint(len(p.lanes))], job)
	if woke && p.woken != nil {
		p.woken()
	}
	return err
}

// put queues job in l and reports whether that had to be woken.
func (p *Pool) put(l *lane, job func()) (woke bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return false, ErrClosed
	case len(l.queue) >= p.depth:
		return false, ErrFull
	}
	l.queue = append(l.queue, job)
	if woke = l.started && !l.working; woke {
		p.wake(l)
	}
	return woke, nil
}

// OnWake has f called whenever Do has given work to a lane that had none, on Do's goroutine: a hint that somebody may want to make way for it. It is to
// be set before Start.
func (p *Pool) OnWake(f func()) { p.woken = f }

// wake gives the lane a worker; l.mu is held.
func (p *Pool) wake(l *lane) {
	l.working = true
	p.workers.Add(1)
	go p.work(l)
}

// work runs the lane's jobs in order until none is left.
func (p *Pool) work(l *lane) {
	defer p.workers.Done()
	for {
		l.mu.Lock()
		jobs := l.queue
		if len(jobs) == 0 {
			l.working = false
			l.mu.Unlock()
			return
		}
		l.queue, l.spare = l.spare[:0], nil
		l.mu.Unlock()

		for i, job := range jobs {
			p.do(job)
			jobs[i] = nil
		}
		l.mu.Lock()
		l.spare = jobs
		l.mu.Unlock()
	}
}

func (p *Pool) do(job func()) {
	defer func() {
		if r := recover(); r != nil {
			p.panics.Add(1)
			p.log.Error("job panicked", "err", r, "reason", string(debug.Stack()))
		}
	}()
	job()
}

// Lanes returns the number of lanes.
func (p *Pool) Lanes() int { return len(p.lanes) }

// Panics returns how many jobs have ended in a panic. Each was logged with its stack; the lane went on.
func (p *Pool) Panics() uint64 { return p.panics.Load() }
