package socketio

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/sockd/sockd/instance/engineio"
)

// waiting holds the connections that have not joined any namespace yet, oldest first.
type waiting struct {
	wake chan struct{} // holds one token when the clock should look again

	mu    sync.Mutex
	queue list.List // of arrival
}

type arrival struct {
	client *client
	at     time.Time
}

// add puts c at the end.
func (w *waiting) add(c *client) {
	w.mu.Lock()
	c.wait = w.queue.PushBack(arrival{client: c, at: time.Now()})
	first := w.queue.Len() == 1
	w.mu.Unlock()
	if first {
		w.signal()
	}
}

// remove takes c out, if it is there.
func (w *waiting) remove(c *client) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.wait != nil {
		w.queue.Remove(c.wait)
		c.wait = nil
	}
}

func (w *waiting) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take removes one connection that has waited for as long as timeout allows, or returns nil and how long it takes until the oldest
// has; 0 if there is none.
func (w *waiting) take(timeout time.Duration) (*client, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	front := w.queue.Front()
	if front == nil {
		return nil, 0
	}
	oldest := front.Value.(arrival)
	if left := timeout - time.Since(oldest.at); left > 0 {
		return nil, left
	}
	w.queue.Remove(front)
	oldest.client.wait = nil
	return oldest.client, 0
}

// Run closes the connections that have joined no namespace within Options.ConnectTimeout. It needs no other goroutine, runs until
// ctx ends and returns ctx's error.
func (s *Server) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		c, left := s.waiting.take(s.options.Load().ConnectTimeout)
		if c != nil {
			c.conn.Close(engineio.ForcedServerClose)
			continue
		}
		timer.Stop()
		if left > 0 {
			timer.Reset(left)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.waiting.wake:
		case <-timer.C:
		}
	}
}
