package worker

import (
	"context"
	"math/rand/v2"
	"time"
)

// failed rests until somebody asks, or a file changes that may mend it. Events are refused meanwhile; those to be kept stay.
func (l *loop) failed(ctx context.Context) {
	l.lose(l.queue.refuse(true), "the worker has failed")
	l.show(func(s *Status) { s.State, s.PID = Failed, 0 })
	l.o.Log.Error("worker failed", "reason", l.Status().Note)
	if l.rest(ctx, nil) {
		l.hopeless, l.attempts = false, 0
	}
}

// backoff rests for the delay.
func (l *loop) backoff(ctx context.Context) {
	l.show(func(s *Status) { s.State, s.PID = Backoff, 0 })
	l.o.Log.Warn("worker ended", "reason", l.Status().Note, "attempt", l.attempts, "took", l.delay)
	over := time.NewTimer(l.delay)
	defer over.Stop()
	if l.rest(ctx, over.C) {
		l.delay = 0
	}
}

// rest waits until over, or somebody asks for a start, or a watched file changes. It returns false when ctx ends.
func (l *loop) rest(ctx context.Context, over <-chan time.Time) bool {
	look := time.NewTimer(lookInterval)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-over:
			return true
		case <-l.poke:
			if restart, changed := l.news(); restart || changed {
				l.wanted = restart
				return true
			}
		case <-look.C:
			yes, soon := l.watch.changed()
			other, sooner := l.marks.changed()
			if yes || other {
				l.queue.accept(l.o.Queue)
				return true
			}
			look.Reset(min(soon, sooner))
		}
	}
}

// idle rests until an event comes. No timer runs.
func (l *loop) idle(ctx context.Context) {
	l.show(func(s *Status) { s.State, s.PID = Idle, 0 })
	for l.queue.empty() {
		select {
		case <-ctx.Done():
			return
		case <-l.queue.wake:
		case <-l.poke:
			restart, _ := l.news()
			if l.wanted = restart; restart || !l.o.OnDemand {
				return
			}
		}
	}
}

// pause is the time before the start that follows n ends in a row.
func (r Restart) pause(n int) time.Duration {
	d := r.Initial
	for range n - 1 {
		if d = min(2*d, r.Max); d == r.Max {
			break
		}
	}
	d = min(d, r.Max)
	return time.Duration(float64(d) * (0.75 + rand.Float64()/2))
}
