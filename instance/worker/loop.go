package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sockd/sockd/instance/worker/interpreter"
)

// loop is the goroutine of Run; it alone decides. Between two lives of the process it is in one of three rests.
type loop struct {
	*Worker
	o        Options
	key      string        // what the last life was started with
	plan     Plan          // of the last life
	attempts int           // ends in a row
	delay    time.Duration // before the next life
	hopeless bool          // no next life until somebody asks for it
	again    bool          // the next life is a restart
	wanted   bool          // a life is wanted although no event waits
	watch    watcher       // files whose change means a restart
	marks    watcher       // files whose change may mean another interpreter or environment
}

func (l *loop) run(ctx context.Context) {
	l.news()
	for ctx.Err() == nil {
		switch {
		case l.hopeless:
			l.failed(ctx)
		case l.delay > 0:
			l.backoff(ctx)
		case l.o.OnDemand && !l.wanted && l.queue.empty():
			l.idle(ctx)
		default:
			l.wanted = false
			l.life(ctx)
		}
	}
	l.lose(l.queue.refuse(false), "the worker was stopped")
	l.show(func(s *Status) { s.State, s.PID = Stopped, 0 })
}

// news takes over what was asked for since the last call, and reports whether anything was.
func (l *loop) news() (restart, changed bool) {
	l.mu.Lock()
	restart, changed = l.restart, l.changed
	l.restart, l.changed = false, false
	l.o = l.options
	l.mu.Unlock()
	l.queue.accept(l.o.Queue)
	return restart, changed
}

func (l *loop) show(change func(*Status)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.status)
}

// lose reports events; no lock is held.
func (l *loop) lose(ids []uint64, reason string) {
	for _, id := range ids {
		l.sink.Lost(id, reason)
	}
}

// life starts the process and stays with it to its end.
func (l *loop) life(ctx context.Context) {
	l.news() // what was asked for until now, this start fulfils
	l.queue.bar()
	l.watch.begin(l.o.Watch, nil, l.o.Project)
	l.marks.begin(nil, l.o.markers(), l.o.Project)
	l.key = l.o.key()
	l.show(func(s *Status) { s.State, s.PID = Starting, 0 })
	plan, err := l.host.resolve(ctx, l.o)
	var proc process
	if err == nil {
		proc, err = l.host.start(plan)
	}
	if err != nil {
		if ctx.Err() == nil {
			l.ended(reasonOf(err), errors.Is(err, interpreter.ErrExplicit))
		}
		return
	}
	l.begin(plan, proc)
	started := time.Now()
	s := startSession(proc, l.queue, l.sink, l.o.Log, &l.count, hello(l.o))
	why, readyAt := l.attend(ctx, s)
	l.finish(s, why)
	l.o.Log.Debug("worker process ended", "reason", proc.Reason(), "took", time.Since(started))
	if !readyAt.IsZero() && time.Since(readyAt) >= stableAfter {
		l.attempts = 0
	}
	l.conclude(s, why)
}

// reasonOf cuts the name of the error's class off the sentence.
func reasonOf(err error) string {
	text := err.Error()
	for _, class := range []error{interpreter.ErrExplicit, interpreter.ErrNone} {
		if tail := ": " + class.Error(); errors.Is(err, class) && len(text) > len(tail) && text[len(text)-len(tail):] == tail {
			return text[:len(text)-len(tail)]
		}
	}
	return text
}

func (l *loop) begin(plan Plan, proc process) {
	l.plan = plan
	c := plan.Choice
	l.show(func(s *Status) {
		if l.again {
			s.Restarts++
		}
		s.Interpreter, s.Version, s.Rule, s.PID = c.Path, c.Version, c.Rule, proc.PID()
	})
	l.again = false
	l.o.Log.Info("worker starting", "rule", c.Rule, "reason", c.Path, "n", proc.PID())
}

// cause is why a life ends.
type cause int

const (
	died     cause = iota // the process has exited
	unready               // it did not say in time that it is ready
	mute                  // it runs, but has closed its input or its output
	replaced              // a restart was asked for, or something has changed
	rested                // nothing to do
	over                  // ctx has ended
)

// attend watches over a process until it must end. The time is that of its readiness.
func (l *loop) attend(ctx context.Context, s *session) (cause, time.Time) {
	late, look, idle := time.NewTimer(l.o.ReadyTimeout), time.NewTimer(lookInterval), time.NewTimer(time.Hour)
	for _, t := range []*time.Timer{late, look, idle} {
		defer t.Stop()
	}
	idle.Stop()
	var readyAt time.Time
	ready, torn, cut := s.ready, s.torn, (<-chan time.Time)(nil)
	for {
		select {
		case <-ctx.Done():
			return over, readyAt
		case <-s.proc.Exited():
			return died, readyAt
		case <-ready:
			ready, readyAt = nil, time.Now()
			late.Stop()
			l.isReady()
			idle.Reset(max(l.o.IdleTimeout, time.Millisecond))
		case <-late.C:
			return unready, readyAt
		case <-torn: // most likely it is ending
			torn, cut = nil, time.After(drainTimeout)
		case <-cut:
			return mute, readyAt
		case <-l.poke:
			if l.mustRestart() {
				return replaced, readyAt
			}
			if ready == nil {
				idle.Reset(max(l.o.IdleTimeout, time.Millisecond))
			}
		case <-idle.C:
			if !l.o.OnDemand || l.o.IdleTimeout <= 0 {
				continue
			}
			left, barred := l.queue.barIdle(l.o.IdleTimeout)
			if barred {
				return rested, readyAt
			}
			idle.Reset(left)
		case <-look.C:
			next, changed := l.look(ctx)
			if changed {
				return replaced, readyAt
			}
			look.Reset(next)
		}
	}
}

func (l *loop) isReady() {
	c := l.plan.Choice
	l.show(func(s *Status) {
		s.State, s.Note, s.Broken = Ready, c.Note, c.Broken != ""
		if s.Broken {
			s.Note = c.Broken + "; now on " + c.Path
		}
	})
	l.o.Log.Info("worker ready", "rule", c.Rule)
	l.queue.admit()
}

// mustRestart reads the news and tells whether the process is to be replaced.
func (l *loop) mustRestart() bool {
	old := l.o.Watch
	restart, changed := l.news()
	if changed && !slices.Equal(old, l.o.Watch) {
		l.watch.begin(l.o.Watch, nil, l.o.Project)
	}
	return restart || changed && l.o.key() != l.key
}

// look is done once a second while the process runs.
func (l *loop) look(ctx context.Context) (next time.Duration, changed bool) {
	l.lose(l.queue.expire(time.Now().Add(-l.o.AnswerTimeout)), "the worker has not answered in time")
	changed, soon := l.watch.changed()
	if changed {
		l.o.Log.Info("worker files changed")
		return 0, true
	}
	other, sooner := l.marks.changed()
	if other {
		l.marks.begin(nil, l.o.markers(), l.o.Project)
		if plan, err := l.host.resolve(ctx, l.o); err == nil && !plan.same(l.plan) && !plan.lesser(l.plan) {
			l.o.Log.Info("worker environment changed", "rule", plan.Choice.Rule)
			return 0, true
		}
	}
	return min(soon, sooner), false
}

// finish ends the process if it has not ended, and the session with it.
func (l *loop) finish(s *session, why cause) {
	if why != died {
		l.stop(s, why)
	}
	s.end()
	l.lose(append(s.lost, l.queue.settle()...), "the worker ended before it answered")
}

// conclude decides what follows a life.
func (l *loop) conclude(s *session, why cause) {
	switch why {
	case died:
		if l.o.OnDemand && l.queue.empty() && s.proc.Reason() == exitedWell {
			return // it has found by itself that there is nothing to do
		}
		note := s.proc.Reason()
		if s.last != "" {
			note += ": " + brief(s.last)
		}
		if l.plan.Choice.Broken != "" {
			note += "; " + l.plan.Choice.Broken
		} else if l.plan.Choice.Note != "" {
			note += " (" + l.plan.Choice.Note + ")"
		}
		l.ended(note, false)
	case unready:
		l.ended(fmt.Sprintf("not ready within %v", l.o.ReadyTimeout), false)
	case mute:
		l.ended("it closed its input or its output", false)
	case replaced:
		l.attempts, l.again, l.wanted = 0, true, true
	case rested:
		l.o.Log.Info("worker idle")
	}
}

// ended counts an end that nobody asked for and sets the pause before the next start.
func (l *loop) ended(note string, fatal bool) {
	l.attempts++
	l.again = true
	l.show(func(s *Status) { s.Note, s.Broken, s.PID = note, false, 0 })
	if fatal || l.attempts >= l.o.Restart.Attempts {
		l.hopeless = true
		return
	}
	l.delay = l.o.Restart.pause(l.attempts)
}
