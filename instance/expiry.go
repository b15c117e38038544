package instance

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// expiries end the connections of clients whose token's time is over. A connection is ended without a farewell, so that its client comes back with a
// new token, or is told that the old one is over.
type expiries struct {
	mu   sync.Mutex
	list deadlines
	wake chan struct{} // holds a token when the first one may have changed
}

// watch notes when s is to be put out.
func (x *expiries) watch(s *socketio.Socket) {
	m := memberOf(s)
	if m == nil || m.expires.IsZero() {
		return
	}
	x.mu.Lock()
	heap.Push(&x.list, expiring{s, m})
	first := m.slot == 0
	x.mu.Unlock()
	if first {
		select {
		case x.wake <- struct{}{}:
		default:
		}
	}
}

// forget takes out a socket that has left.
func (x *expiries) forget(s *socketio.Socket) {
	m := memberOf(s)
	if m == nil || m.expires.IsZero() {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if m.slot >= 0 {
		heap.Remove(&x.list, m.slot)
	}
}

// run puts clients out, until ctx ends.
func (x *expiries) run(ctx context.Context) error {
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-x.wake:
		case <-alarm.C:
		}
		due, next := x.due(time.Now())
		for _, s := range due {
			s.Conn().Close(engineio.ForcedServerClose)
		}
		alarm.Reset(next)
	}
}

// due takes out those whose time is over, and says how long it is to the next. Tokens tell the time of the day, which may be set, so it looks
// again within the minute.
func (x *expiries) due(now time.Time) (over []*socketio.Socket, next time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.list) > 0 && !now.Before(x.list[0].m.expires) {
		over = append(over, heap.Pop(&x.list).(expiring).s)
	}
	if len(x.list) == 0 {
		return over, time.Hour
	}
	return over, min(x.list[0].m.expires.Sub(now), time.Minute)
}

type expiring struct {
	s *socketio.Socket
	m *member
}

// deadlines is a heap by time.
type deadlines []expiring

func (h deadlines) Len() int           { return len(h) }
func (h deadlines) Less(i, j int) bool { return h[i].m.expires.Before(h[j].m.expires) }
func (h deadlines) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].m.slot, h[j].m.slot = i, j
}

// Push is for heap.Push.
func (h *deadlines) Push(v any) {
	e := v.(expiring)
	e.m.slot = len(*h)
	*h = append(*h, e)
}

// Pop is for heap.Pop.
func (h *deadlines) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = expiring{}
	*h = old[:len(old)-1]
	e.m.slot = -1
	return e
}
