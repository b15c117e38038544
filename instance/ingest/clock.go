package ingest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const tick = time.Second

// clock looks once a second at what has a time, and sleeps while there is nothing.
type clock struct {
	mu     sync.Mutex
	parked map[*call]struct{}
	asleep atomic.Bool
	wake   chan struct{}
}

// Run is the clock of the handler: it forgets old answers, keeps streams alive and answers what nobody else does. It returns when ctx ends, and
// ends all streams. Requests that are parked then are still answered when their events are.
func (h *Handler) Run(ctx context.Context) error {
	defer h.watchers.close()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-ticker.C:
			h.look(now)
		}
		if h.idle() {
			ticker.Stop()
			if err := h.sleep(ctx); err != nil {
				return err
			}
			ticker.Reset(tick)
		}
	}
}

// look does what is due.
func (h *Handler) look(now time.Time) {
	h.ledger.expire(now)
	for _, t := range h.watchers.list() {
		t.breathe(now)
	}
	for _, c := range h.clock.due(now) {
		c.expire()
	}
}

func (h *Handler) idle() bool {
	answers, _ := h.ledger.len()
	return answers == 0 && h.watchers.len() == 0 && h.clock.len() == 0
}

// sleep waits for poke. What has come before asleep was set is seen by idle.
func (h *Handler) sleep(ctx context.Context) error {
	h.clock.asleep.Store(true)
	defer h.clock.asleep.Store(false)
	if !h.idle() {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-h.clock.wake:
		return nil
	}
}

// poke wakes the clock, after there is something for it to look at.
func (c *clock) poke() {
	if c.asleep.Load() {
		select {
		case c.wake <- struct{}{}:
		default: // it is waking already
		}
	}
}

// remember watches over a call that is parked, until forget.
func (c *clock) remember(p *call) {
	c.mu.Lock()
	if c.parked == nil {
		c.parked = make(map[*call]struct{})
	}
	c.parked[p] = struct{}{}
	c.mu.Unlock()
	c.poke()
}

func (c *clock) forget(p *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.parked, p)
}

func (c *clock) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.parked)
}

func (c *clock) due(now time.Time) (late []*call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range c.parked {
		if !now.Before(p.deadline) {
			late = append(late, p)
		}
	}
	return late
}
