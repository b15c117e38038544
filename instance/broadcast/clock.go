package broadcast

import (
	"context"
	"errors"
	"time"
)

const (
	clockGap = 100 * time.Millisecond // the clock forgets no more often; what is overdue is never given out, however late it is
	retryGap = 10 * time.Millisecond  // and retries no more often
)

// clock forgets what is over its time and sends again what was not acknowledged, until ctx ends.
func (b *Broadcaster) clock(ctx context.Context) {
	var alarm <-chan time.Time // of the last timer; nil while nothing is kept
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		case <-alarm:
		}
		alarm = nil
		if next := b.tick(); next > 0 {
			alarm = time.After(next)
		}
	}
}

// now is the time since New, which a change of the clock does not move.
func (b *Broadcaster) now() time.Duration { return time.Since(b.made) }

// signal makes the clock look again.
func (b *Broadcaster) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// tick does what is due and returns how long the clock may sleep; 0 = until it is woken.
func (b *Broadcaster) tick() time.Duration {
	now := b.now()
	var next time.Duration
	soonest := func(left, gap time.Duration) {
		if left = max(left, gap); next == 0 || left < next {
			next = left
		}
	}
	if left := b.retry(now); left > 0 {
		soonest(left, retryGap)
	}
	gone, left := b.sessions.expire(now)
	b.stats.expired.Add(uint64(len(gone)))
	for _, id := range gone {
		b.forget(id)
	}
	if left > 0 {
		soonest(left, clockGap)
	}
	if left := b.absent(now); left > 0 {
		soonest(left, clockGap)
	}
	if left := b.prune(now); left > 0 {
		soonest(left, clockGap)
	}
	if b.refresh(now) {
		soonest(clockGap, clockGap)
	}
	if b.kickLanes() || b.kickWatchers() {
		soonest(clockGap, clockGap)
	}
	return next
}

// prune drops the events that are too old and returns how long the next one has, 0 if there is none.
func (b *Broadcaster) prune(now time.Duration) time.Duration {
	o := &b.opts.Load().History
	b.mu.Lock()
	defer b.mu.Unlock()
	b.history.prune(now, o)
	if o.TTL <= 0 || b.history.n == 0 {
		return 0
	}
	return max(b.history.record(0).at+o.TTL-now, 1)
}

// kickLanes asks the lanes again that were full when something was written. It reports whether some still are.
func (b *Broadcaster) kickLanes() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.lanes[0].queue) > 0 && errors.Is(b.offer(), ErrFull)
}

// signalEmpty ends the wait of Run once every outbox is empty and no lane is at work; b.mu is held.
func (b *Broadcaster) signalEmpty() {
	if b.emptied == nil || len(b.writing) > 0 {
		return
	}
	for i := range b.lanes {
		if b.lanes[i].queued {
			return
		}
	}
	close(b.emptied)
	b.emptied = nil
}

// refresh brings the positions of clients with an id of their own up to date when the history has dropped a part of what it holds: one that is in no
// room that events go to has missed none of them, and must not be told of a gap when it returns. It reports whether to call it again: a lane has to
// catch up first, or it is too soon.
func (b *Broadcaster) refresh(now time.Duration) (again bool) {
	b.mu.Lock()
	h := &b.history
	due, floor := h.floor >= b.stale && b.desk.names.Load() > 0, h.floor
	if due && b.refreshed > 0 && now < b.refreshed+clockGap {
		b.mu.Unlock()
		return true
	}
	if due {
		b.stale, b.asked, b.refreshed = floor+uint64(max(h.n/4, 1)), false, now
	}
	for k := range b.lanes {
		again = again || due && b.lanes[k].done.Load() < floor
	}
	if again {
		b.stale = floor
	}
	b.mu.Unlock()
	if !due {
		return false
	}
	b.desk.mu.Lock()
	defer b.desk.mu.Unlock()
	for _, c := range b.desk.named {
		for i := range c.sockets {
			a := c.sockets[i]
			done := b.lanes[a.socket.Shard()].done.Load()
			if b.ns.Lookup(a.socket.ID()) == a.socket { // so it was there when that was delivered
				a.raise(done)
			}
		}
	}
	return again
}
