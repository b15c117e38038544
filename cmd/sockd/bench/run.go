package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// phase is where a run is. It only grows.
type phase int32

const (
	dialing   phase = iota // clients connect
	warming                // load, not counted
	measuring              // load, counted
	draining               // no new load; what is under way may arrive
	over
)

// run is what the loops of one run share.
type run struct {
	o      Options
	target target
	begun  time.Time
	loops  []*loop
	board  *board
	wanted int64 // members

	phase     atomic.Int32
	joined    atomic.Int64 // members that have ever connected
	failed    atomic.Int64 // members that never did
	receivers atomic.Int64 // that are connected now
	open      atomic.Int64 // mode ack: unanswered
	worked    atomic.Int64 // when something arrived last, to a tenth of a second
	stopped   atomic.Bool
	fault     atomic.Pointer[error] // the first one of a connection
	fatal     atomic.Pointer[error] // what ended the run

	// Of loop 0 alone.
	entered  time.Duration // when the phase began
	measured time.Duration // how long the measurement took
	server   *process
	progress progress
}

// ErrNoClient wraps the reason when nobody could connect.
var ErrNoClient = errors.New("no client connected")

// Run does one run and blocks until it is over; a context that ends makes it end soon, with a report and no error. An error means that nothing
// was measured: wrong options, a target that is refused, nobody connected.
func Run(ctx context.Context, o Options) (*Report, error) {
	r, err := newRun(ctx, o)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, r.finish)()
	var loops sync.WaitGroup
	for _, lp := range r.loops {
		loops.Go(lp.serve)
	}
	loops.Wait()
	r.progress.end()
	if err := r.fatal.Load(); err != nil {
		return nil, *err
	}
	if r.joined.Load() == 0 && ctx.Err() == nil {
		return nil, r.nobody()
	}
	return r.report(ctx.Err() != nil), nil
}

func newRun(ctx context.Context, o Options) (*run, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &run{o: o, begun: time.Now(), board: newBoard()}
	if r.target, err = findTarget(ctx, &o); err != nil {
		return nil, err
	}
	if o.PID != 0 {
		if r.server, err = observe(o.PID); err != nil {
			return nil, err
		}
	}
	if err := raiseFiles(r.descriptors()); err != nil {
		return nil, err
	}
	r.progress = progress{to: o.Progress}
	shared := newMark()
	for i := range o.Threads {
		lp, err := newLoop(r, i, shared)
		if err != nil {
			for _, made := range r.loops {
				made.poll.close()
			}
			return nil, err
		}
		r.loops = append(r.loops, lp)
	}
	r.populate()
	return r, nil
}

// descriptors is how many connections the run may have at once.
func (r *run) descriptors() int {
	clients := r.o.Clients + r.o.Receivers + 1
	if r.o.Transport == polling {
		clients *= 2
	}
	if r.o.Mode == Fanout && r.o.Ingest != "" {
		clients += r.o.Window
	}
	return clients + 3*r.o.Threads
}

// populate gives each loop its driver and its members.
func (r *run) populate() {
	receivers := r.o.Clients
	if r.o.Mode == Ingest {
		receivers = r.o.Receivers
	}
	for _, lp := range r.loops {
		lp.driver = r.newDriver(lp)
	}
	for i := range receivers {
		r.loops[i%len(r.loops)].add(new(client))
	}
	first := r.loops[0]
	if d, ok := first.driver.(*fanout); ok {
		d.staff(&r.o)
	}
	for _, lp := range r.loops {
		r.wanted += int64(len(lp.members))
	}
	if r.o.Mode == Connect || r.o.Mode == Churn {
		r.phase.Store(int32(measuring))
		r.sampleBegin()
	}
	if r.o.Mode == Idle {
		r.sampleBegin()
	}
}

func (r *run) newDriver(lp *loop) driver {
	switch r.o.Mode {
	case Ack:
		window := r.o.Window
		if r.o.Rate > 0 {
			window = openWindow
		}
		return &ackDriver{loop: lp, window: window}
	case Churn:
		return &churn{loop: lp}
	case Fanout, Ingest:
		return &fanout{loop: lp, board: r.board, complete: r.o.Mode == Fanout}
	}
	return hold{}
}

// add makes the client one of the loop's.
func (lp *loop) add(c *client) *client {
	c.loop = lp
	lp.clients = append(lp.clients, c)
	lp.members = append(lp.members, c)
	return c
}

// staff gives loop 0 what sends.
func (d *fanout) staff(o *Options) {
	if o.Ingest == "" {
		d.sender = d.loop.add(&client{sender: true})
		return
	}
	n := o.Window
	if o.Mode == Ingest {
		n = o.Clients
	}
	d.posters = newPosters(d.loop, d.board)
	for range n {
		d.loop.members = append(d.loop.members, &poster{all: d.posters})
	}
}

func (r *run) clock() time.Duration { return time.Since(r.begun) }

// finish makes the run end soon. Any goroutine may call it.
func (r *run) finish() {
	r.stopped.Store(true)
	r.loops[0].poll.wake()
}

// abort ends the run without a report.
func (r *run) abort(err error) {
	r.fatal.CompareAndSwap(nil, &err)
	r.phase.Store(int32(over))
}

func (r *run) firstFault(err error) { r.fault.CompareAndSwap(nil, &err) }

// ending reports that nothing new is to be begun.
func (r *run) ending() bool { return phase(r.phase.Load()) >= draining || r.stopped.Load() }

// dialWidth is how many connections one loop may have under way.
func (r *run) dialWidth() int {
	const usual = 64
	width := usual
	if r.o.Mode == Idle || r.o.Mode == Connect || r.o.Mode == Churn {
		width = r.o.Window
	}
	return max(1, width/len(r.loops))
}

// dialDue is when the nth of so many members of a loop is to begin.
func (r *run) dialDue(nth, of int) time.Duration {
	return time.Duration(float64(r.o.Ramp) * float64(nth) / float64(of))
}

// advance moves the run on. It is called once a turn, by loop 0.
func (r *run) advance(now time.Duration) {
	in := now - r.entered
	switch phase(r.phase.Load()) {
	case dialing:
		r.advanceDialing(now)
	case warming:
		if in >= r.o.Warmup || r.stopped.Load() {
			r.next(measuring, now)
		}
	case measuring:
		if in >= r.o.Duration || r.stopped.Load() || r.o.Mode == Connect && r.settled() {
			r.measured = in
			r.next(draining, now)
		}
	case draining:
		if r.quiet() || in >= longest || in >= r.o.Patience+2*checkEvery && r.silent(now-2*checkEvery) {
			r.next(over, now)
		}
	}
}

func (r *run) advanceDialing(now time.Duration) {
	switch {
	case r.stopped.Load() && !r.settled():
		r.next(over, now)
	case !r.settled():
	case r.joined.Load() == 0 || r.o.Mode == Fanout && r.receivers.Load() == 0:
		r.abort(r.nobody())
	case r.o.Warmup > 0 && r.o.Mode != Idle:
		r.next(warming, now)
	default:
		r.next(measuring, now)
	}
}

func (r *run) nobody() error {
	if err := r.fault.Load(); err != nil {
		return fmt.Errorf("%s: %w: %s", r.target.addr, ErrNoClient, reason(*err))
	}
	return fmt.Errorf("%s: %w", r.target.addr, ErrNoClient)
}

// silent reports that nothing has arrived for a while.
func (r *run) silent(now time.Duration) bool {
	return now-time.Duration(r.worked.Load()) >= r.o.Patience
}

// settled reports that every member has connected or failed to.
func (r *run) settled() bool { return r.joined.Load()+r.failed.Load() >= r.wanted }

// quiet reports that nothing is under way.
func (r *run) quiet() bool {
	if d, ok := r.loops[0].driver.(*fanout); ok && d.posters != nil && d.posters.busy > 0 {
		return false
	}
	return r.board.open.Load() <= 0 && r.open.Load() <= 0
}

func (r *run) next(p phase, now time.Duration) {
	switch p {
	case measuring:
		r.sampleLoad()
	case draining:
		r.sampleEnd()
	}
	r.entered = now
	for was := r.phase.Load(); was < int32(p) && !r.phase.CompareAndSwap(was, int32(p)); { // an abort stays
		was = r.phase.Load()
	}
	for _, lp := range r.loops[1:] {
		lp.poll.wake()
	}
}
