package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
	"github.com/sockd/sockd/instance"
	"github.com/sockd/sockd/instance/transport"
)

// afterDrain is how long the fleet waits, beyond the drain itself, for a member to end. An instance may take three seconds after its drain: one
// for clients that were closed to fetch it, one for their connections to end, one for those that are cut then. The fourth is ours.
const afterDrain = 4 * time.Second

// loop is the state that only the fleet's goroutine touches.
type loop struct {
	f       *Fleet
	loops   *transport.Loops // nil in tests without instances
	boot    *config.Config   // what the process was started with
	running *config.Config   // the last applied one
	ports   *portStore

	entries map[string]*entry
	leaving map[*process]struct{} // draining in the background

	revision  int
	appliedAt time.Time
	verdict   verdict
	pending   []string // keys of the running configuration that wait for a new process
	starting  bool     // not every instance has been ready or failed once since the start
	ending    bool

	alarm *time.Timer  // the next retry
	tick  *time.Ticker // of the rates
}

// verdict is what became of the file on disk.
type verdict struct {
	state  control.ConfigState
	fault  *control.Fault
	faults []control.Fault // all that were found, fault is the first
	at     time.Time
}

// boot loads the first configuration, makes every instance of it, and only then opens anything.
func (f *Fleet) boot() (*loop, error) {
	want, err := f.first()
	if err != nil {
		return nil, err
	}
	ports, err := openPorts(f.o.StateDir, f.o.Log)
	if err != nil {
		return nil, err
	}
	l := &loop{f: f, boot: want, running: &config.Config{Path: want.Path, Fleet: want.Fleet, Admin: want.Admin, Log: want.Log}, ports: ports}
	l.entries, l.leaving = make(map[string]*entry), make(map[*process]struct{})
	l.starting = true
	plan, err := MakePlan(nil, want)
	if err != nil {
		return nil, err
	}
	f.policy.Store(&want.Fleet)
	if l.loops, err = f.o.Loops(want.Fleet.Pollers, f.o.MaxFiles); err != nil {
		return nil, fmt.Errorf("start the event loops: %w", err)
	}
	begun := time.Now()
	t := l.begin(plan, want)
	if faults := t.compile(); len(faults) > 0 {
		l.stopLoops()
		return nil, errors.Join(faults...)
	}
	f.o.Log.Info("fleet started", "digest", want.Digest, "n", len(want.Instances), "reason", f.whereabouts(want))
	t.prepare() // finds no fault: every instance is new, and a new one waits for its address alone
	l.alarm, l.tick = time.NewTimer(time.Hour), time.NewTicker(meterEvery)
	t.commit()
	l.logApplied(plan.Steps, begun)
	l.publish()
	l.checkSettled()
	return l, nil
}

// first is the configuration that the fleet starts with.
func (f *Fleet) first() (*config.Config, error) {
	if f.o.Boot != nil {
		return f.o.Boot, nil
	}
	return f.o.Load()
}

// whereabouts is what an operator looks for in the log of a daemon that somebody else has started.
func (f *Fleet) whereabouts(c *config.Config) string {
	s := fmt.Sprintf("pid %d, file %s", os.Getpid(), c.Path)
	if f.o.StateDir != "" {
		s += ", state in " + f.o.StateDir
	}
	return s
}

func (l *loop) stopLoops() {
	if l.loops != nil {
		l.loops.Stop()
	}
}

// turn waits for the next thing that happens and deals with it. With requests nil none is taken; limit, if not nil, ends
// the wait too. It reports whether ctx or limit has ended.
func (l *loop) turn(ctx context.Context, requests <-chan request, limit <-chan time.Time) (over bool) {
	l.alarm.Reset(l.untilRetry())
	select {
	case <-ctx.Done():
		return true
	case <-limit:
		return true
	case r := <-requests:
		l.answer(ctx, r)
	case ev := <-l.f.events:
		l.handle(ev)
		l.handleWaiting()
	case <-l.alarm.C:
		l.retryDue()
	case <-l.tick.C:
		l.measure()
	}
	l.publish()
	l.checkSettled()
	return false
}

// handleWaiting deals with the events that are already there, so that many at once cost one snapshot.
func (l *loop) handleWaiting() {
	for {
		select {
		case ev := <-l.f.events:
			l.handle(ev)
		default:
			return
		}
	}
}

func (l *loop) answer(ctx context.Context, r request) {
	select {
	case <-r.gone: // nobody would know of the outcome
		r.answer <- answer{}
		return
	default:
	}
	var a answer
	if r.order != nil {
		a.err = r.order(l)
		l.ports.save()
	} else {
		a = l.reload(ctx, r)
	}
	l.publish() // who asked sees the outcome in the status too
	r.answer <- a
}

// untilRetry is how long nothing is to be tried again.
func (l *loop) untilRetry() time.Duration {
	wait := time.Hour
	for _, e := range l.entries {
		if !e.retryAt.IsZero() {
			wait = min(wait, time.Until(e.retryAt))
		}
	}
	return max(wait, 0)
}

func (l *loop) retryDue() {
	now := time.Now()
	for _, e := range l.sorted() {
		if !e.retryAt.IsZero() && !now.Before(e.retryAt) {
			l.retry(e)
		}
	}
	l.ports.save()
}

func (l *loop) sorted() []*entry {
	list := slices.Collect(maps.Values(l.entries))
	slices.SortFunc(list, func(a, b *entry) int { return strings.Compare(a.name, b.name) })
	return list
}

// checkSettled closes Fleet.Settled when the start is over.
func (l *loop) checkSettled() {
	if !l.starting {
		return
	}
	for _, e := range l.entries {
		if !e.settled() {
			return
		}
	}
	l.starting = false
	close(l.f.settled)
}

// settle waits until each of entries is ready or has failed once, for start_timeout at most.
func (l *loop) settle(ctx context.Context, entries []*entry) {
	limit := time.NewTimer(l.f.startTimeout())
	defer limit.Stop()
	for slices.ContainsFunc(entries, func(e *entry) bool { return !e.settled() }) {
		if l.turn(ctx, nil, limit.C) {
			return
		}
	}
}

func (f *Fleet) startTimeout() time.Duration { return f.policy.Load().StartTimeout.Std() }

func (f *Fleet) drainTime() time.Duration { return f.policy.Load().Drain.Std() }

// env is what a member gets; its functions follow the running configuration.
func (l *loop) env(name string) instance.Env {
	return instance.Env{
		Loops:        l.loops,
		MaxFiles:     l.f.o.MaxFiles,
		StartTimeout: l.f.startTimeout,
		Drain:        l.f.drainTime,
		Log:          l.f.o.Log.With("instance", name),
		Version:      l.f.o.Version,
		StateDir:     l.f.o.StateDir,
	}
}

// stop drains everything at once: first nobody accepts and the addresses are free, then the clients go.
func (l *loop) stop() {
	l.ending = true
	l.alarm.Stop()
	l.tick.Stop()
	begun := time.Now()
	defer func() { l.f.o.Log.Info("fleet stopped", "took", time.Since(begun)) }()
	limit := time.NewTimer(l.f.drainTime() + afterDrain)
	defer limit.Stop()
	for _, e := range l.entries {
		l.end(e)
	}
	l.publish()
	for len(l.leaving) > 0 {
		select {
		case ev := <-l.f.events:
			l.handle(ev)
			l.publish()
		case <-limit.C:
			l.f.o.Log.Warn("instances did not end within the drain time", "n", len(l.leaving))
			close(l.f.ended)
			return // their loops must not be stopped under them; the process is about to end
		}
	}
	close(l.f.ended)
	l.f.members.Wait()
	l.stopLoops()
}

// end lets go of e for good. The member stops accepting on a goroutine of its own, so that one that is stuck does not keep
// the others; the listener is not the fleet goroutine's any more.
func (l *loop) end(e *entry) {
	e.note, e.retryAt = "", time.Time{}
	if e.cfg.Enabled {
		e.state = instance.Stopped
	}
	p, b := e.run, e.bound
	e.run, e.bound = nil, nil
	if p == nil {
		if b != nil {
			b.ln.Close()
		}
		return
	}
	l.leaving[p], e.drain = struct{}{}, p
	p.leftAt = time.Now()
	l.f.members.Go(func() {
		p.member.Serve(nil)
		if b != nil {
			b.ln.Close()
		}
		p.cancel()
	})
}

func dice() float64 { return rand.Float64() }
