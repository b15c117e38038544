package engineio

import (
	"sync"
	"time"
)

// clock is a heap of the sockets by the time at which each next needs attention. One goroutine sleeps until the first.
//
// A deadline that moves to later leaves the heap alone: when the old time comes the socket is looked at, and put back. So a
// pong costs nothing here.
type clock struct {
	epoch time.Time
	wake  chan struct{} // has a token when the first deadline has moved to earlier

	mu   sync.Mutex // taken after Socket.mu
	heap []alarm
}

type alarm struct {
	at int64
	s  *Socket
}

// now returns the nanoseconds since the clock was made, which is the unit of all times here. It is monotonic.
func (c *clock) now() int64 { return int64(time.Since(c.epoch)) }

// set makes the clock look at s at a time, or earlier. Times are rounded up to milliseconds, so that many sockets share a tick.
func (c *clock) set(s *Socket, at int64) {
	const tick = int64(time.Millisecond)
	at += (tick - at%tick) % tick
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.slot == 0:
		c.heap = append(c.heap, alarm{at, s})
		s.slot = int32(len(c.heap))
	case at < c.heap[s.slot-1].at:
		c.heap[s.slot-1].at = at
	default:
		return
	}
	if c.up(int(s.slot)-1) == 0 {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// remove forgets s.
func (c *clock) remove(s *Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.slot != 0 {
		c.drop(int(s.slot) - 1)
	}
}

// due moves sockets whose time has come from the heap to batch, as many as fit, and returns the time of the next one;
// 0 = none.
func (c *clock) due(now int64, batch []*Socket) ([]*Socket, int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.heap) > 0 && c.heap[0].at <= now && len(batch) < cap(batch) {
		batch = append(batch, c.heap[0].s)
		c.drop(0)
	}
	if len(c.heap) == 0 {
		return batch, 0
	}
	return batch, c.heap[0].at
}

// drop takes entry i out. Afterwards the entry that took its place is in order.
func (c *clock) drop(i int) {
	last := len(c.heap) - 1
	c.heap[i].s.slot = 0
	c.heap[i] = c.heap[last]
	c.heap[last] = alarm{}
	c.heap = c.heap[:last]
	if i < last {
		c.heap[i].s.slot = int32(i + 1)
		c.down(c.up(i))
	} else if last == 0 && cap(c.heap) > 1024 {
		c.heap = nil // a crowd that left need not be remembered
	}
}

func (c *clock) up(i int) int {
	e := c.heap[i]
	for i > 0 {
		parent := (i - 1) / 2
		if c.heap[parent].at <= e.at {
			break
		}
		c.put(i, c.heap[parent])
		i = parent
	}
	c.put(i, e)
	return i
}

func (c *clock) down(i int) {
	e := c.heap[i]
	for {
		child := 2*i + 1
		if child >= len(c.heap) {
			break
		}
		if right := child + 1; right < len(c.heap) && c.heap[right].at < c.heap[child].at {
			child = right
		}
		if e.at <= c.heap[child].at {
			break
		}
		c.put(i, c.heap[child])
		i = child
	}
	c.put(i, e)
}

func (c *clock) put(i int, e alarm) {
	c.heap[i] = e
	e.s.slot = int32(i + 1)
}
