package fleet

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance"
)

// entry is one instance of the running configuration, whether it runs or not.
type entry struct {
	name  string
	cfg   *config.Instance
	bound *binding // the address it holds; nil without one

	stopped bool // by an operator; reloads do not change that

	run   *process // nil while nothing runs
	drain *process // the one before, while it drains
	state instance.State
	note  string // why the last attempt failed

	budget   budget
	busy     int // times in a row that the address was in use
	restarts int
	retryAt  time.Time // zero: nothing is to be tried
	tried    bool      // ready or failed once since it was last started by a plan
	meter    meter
}

// process is one run of a member.
type process struct {
	entry   *entry
	member  Member
	cancel  context.CancelFunc
	ended   chan struct{} // Run has returned
	ready   bool
	readyAt time.Time
	leftAt  time.Time // when it was told to go
}

// settled reports whether nothing more is to be waited for after a start.
func (e *entry) settled() bool { return e.tried || !e.wanted() }

// wanted reports whether the instance is to run.
func (e *entry) wanted() bool { return e.cfg.Enabled && !e.stopped }

// The kinds of an event.
type eventKind int

const (
	memberReady eventKind = iota
	memberEnded
	addressBusy
)

// event is what happened outside the fleet's goroutine.
type event struct {
	kind  eventKind
	run   *process // memberReady, memberEnded
	err   error    // memberEnded: what Run returned
	entry *entry   // addressBusy
	addr  string   // addressBusy: the address that was looked up, as it stands in the file
	note  string   // addressBusy: who holds it
}

// tell hands ev to the fleet's goroutine, or drops it when that has ended.
func (f *Fleet) tell(ev event) {
	select {
	case f.events <- ev:
	case <-f.ended:
	}
}

// launch lends m the listener of e and runs it.
func (l *loop) launch(e *entry, m Member) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{entry: e, member: m, cancel: cancel, ended: make(chan struct{})}
	e.run, e.state, e.retryAt, e.meter = p, instance.Starting, time.Time{}, meter{}
	m.Serve(e.bound.ln)
	f := l.f
	f.members.Go(func() {
		err := f.runMember(ctx, p)
		close(p.ended)
		f.tell(event{kind: memberEnded, run: p, err: err})
	})
	f.members.Go(func() {
		select {
		case <-m.Ready():
			f.tell(event{kind: memberReady, run: p})
		case <-p.ended:
		}
	})
}

// runMember runs a member to its end. A panic is its error: it takes down one instance, not the fleet.
func (f *Fleet) runMember(ctx context.Context, p *process) (err error) {
	defer p.cancel()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
			f.o.Log.Error("instance panicked", "instance", p.entry.name, "err", fmt.Sprintf("%v\n%s", r, debug.Stack()))
		}
	}()
	return p.member.Run(ctx)
}

func (l *loop) handle(ev event) {
	switch ev.kind {
	case memberReady:
		l.becameReady(ev.run)
	case memberEnded:
		l.hasEnded(ev.run, ev.err)
	case addressBusy:
		if ev.addr == ev.entry.cfg.Addr() { // not one that an edit has replaced
			l.isBusy(ev.entry, ev.note)
		}
	}
}

func (l *loop) becameReady(p *process) {
	p.ready, p.readyAt = true, time.Now()
	if e := p.entry; e.run == p {
		e.tried, e.busy = true, 0
		if e.bound != nil {
			e.note = ""
		}
	}
}

func (l *loop) hasEnded(p *process, err error) {
	e := p.entry
	if _, asked := l.leaving[p]; asked {
		delete(l.leaving, p)
		if e.drain == p {
			e.drain = nil
		}
		if err != nil {
			l.f.o.Log.Warn("instance ended with a fault", "instance", e.name, "err", err)
			return
		}
		l.f.o.Log.Info("instance stopped", "instance", e.name, "took", time.Since(p.leftAt))
		return
	}
	if e.run != p {
		return
	}
	e.run = nil
	p.member.Serve(nil) // a panic may have left its accept loop behind
	if err == nil {
		err = errors.New("ended without being asked to")
	}
	if p.ready && time.Since(p.readyAt) >= l.policy().ResetAfter.Std() {
		e.budget = budget{}
	}
	l.failed(e, err)
}

func (l *loop) policy() config.Backoff { return l.f.policy.Load().Restart }

// failed plans the next attempt, or none if the budget is spent: then the address is given back, so that clients are
// refused instead of waiting.
func (l *loop) failed(e *entry, err error) {
	e.tried, e.note, e.busy = true, err.Error(), 0
	wait, more := e.budget.next(time.Now(), l.policy(), dice())
	if !more {
		e.state, e.retryAt = instance.Failed, time.Time{}
		l.release(e)
		l.f.o.Log.Error("instance failed for good", "instance", e.name, "err", err, "attempt", e.budget.spent())
		return
	}
	e.state, e.retryAt = instance.Backoff, time.Now().Add(wait)
	l.f.o.Log.Warn("instance failed", "instance", e.name, "err", err, "attempt", e.budget.spent())
}

// unbound deals with an address that could not be bound. Who holds it is looked up elsewhere, since that may take a while;
// until then e counts as starting.
func (l *loop) unbound(e *entry, err error) {
	if !errors.Is(err, syscall.EADDRINUSE) {
		l.failed(e, err)
		return
	}
	e.retryAt = time.Time{}
	if e.run == nil && e.state != instance.Backoff {
		e.state = instance.Starting
	}
	f, cfg := l.f, e.cfg
	if _, own := errors.AsType[*ownError](err); own || !cfg.Port.Fixed() {
		l.isBusy(e, f.busyNote(cfg, err)) // nothing to look up
		return
	}
	f.members.Go(func() {
		f.tell(event{kind: addressBusy, entry: e, addr: cfg.Addr(), note: f.busyNote(cfg, err)})
	})
}

// isBusy plans the next attempt to bind. There is always one.
func (l *loop) isBusy(e *entry, note string) {
	if l.entries[e.name] != e || e.bound != nil || !e.wanted() || l.ending {
		return
	}
	if e.note != note {
		l.f.o.Log.Warn("address in use", "instance", e.name, "listen", e.cfg.Addr(), "reason", note)
	}
	e.tried, e.note = true, note
	e.retryAt = time.Now().Add(busyWait(e.busy, dice()))
	e.busy++
	if e.run == nil {
		e.state = instance.Backoff
	}
}

// retry tries e again.
func (l *loop) retry(e *entry) {
	if e.run == nil {
		e.restarts++
	}
	l.try(e)
}

// try finds e its address if it has none, then makes a new member, unless one runs that has only lost its listener.
func (l *loop) try(e *entry) {
	e.retryAt = time.Time{}
	if e.bound == nil {
		b, err := l.bind(e)
		if err != nil {
			l.unbound(e, err)
			return
		}
		e.bound = b
	}
	if e.run != nil {
		e.note = ""
		e.run.member.Serve(e.bound.ln)
		return
	}
	m, err := l.f.o.Start(e.name, e.cfg, l.env(e.name))
	if err != nil {
		l.failed(e, err)
		return
	}
	l.launch(e, m)
}

// release closes the listener of e.
func (l *loop) release(e *entry) {
	if e.bound != nil {
		e.bound.ln.Close()
		e.bound = nil
	}
}
