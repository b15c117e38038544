package transport

import (
	"sync"
	"time"
)

// clock calls due for each sleeper at its time: one goroutine and one timer for all deadlines of some loops. It has at most one entry per
// sleeper, in a heap by time.
//
// A deadline that moves further away costs nothing: the entry stays, and the sleeper, when called too early, asks to be called again.
type clock struct {
	wake  chan struct{}
	end   chan struct{}
	watch func() // the watchdog's round, every watchEvery
	base  time.Time

	mu   sync.Mutex
	heap []entry
}

// sleeper is a thing with a deadline. due is called on the clock's goroutine with no lock held and must not block.
type sleeper interface {
	due(now int64)
	alarm() *alarm
}

// alarm is a sleeper's place in the heap: its index plus one, 0 = none. Guarded by clock.mu.
type alarm struct{ slot int32 }

type entry struct {
	at int64 // nanoseconds since the clock was made, monotonic
	s  sleeper
}

func newClock() *clock {
	return &clock{wake: make(chan struct{}, 1), end: make(chan struct{}), base: time.Now()}
}

// now is the clock's time: nanoseconds since it was made, never 0.
func (k *clock) now() int64 { return int64(time.Since(k.base)) + 1 }

// set makes due be called at the given time or earlier.
func (k *clock) set(s sleeper, at int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := s.alarm()
	switch {
	case a.slot == 0:
		k.heap = append(k.heap, entry{at, s})
		a.slot = int32(len(k.heap))
		k.up(len(k.heap) - 1)
	case at < k.heap[a.slot-1].at:
		k.heap[a.slot-1].at = at
		k.up(int(a.slot) - 1)
	default:
		return
	}
	if a.slot == 1 {
		k.nudge()
	}
}

// clear forgets s.
func (k *clock) clear(s sleeper) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a := s.alarm(); a.slot != 0 {
		k.remove(int(a.slot) - 1)
	}
}

func (k *clock) len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.heap)
}

func (k *clock) nudge() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *clock) stop() { close(k.end) }

// run is the clock's goroutine; it ends with stop.
func (k *clock) run() {
	watch := time.NewTicker(watchEvery)
	defer watch.Stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(k.fire())
		select {
		case <-timer.C:
		case <-k.wake:
		case <-watch.C:
			if k.watch != nil {
				k.watch()
			}
		case <-k.end:
			return
		}
	}
}

// fire calls everyone whose time has come and returns how long the next has.
func (k *clock) fire() time.Duration {
	now := k.now()
	for {
		k.mu.Lock()
		if len(k.heap) == 0 {
			k.mu.Unlock()
			return time.Hour
		}
		first := k.heap[0]
		if first.at > now {
			k.mu.Unlock()
			return time.Duration(first.at - now)
		}
		k.remove(0)
		k.mu.Unlock()
		first.s.due(now)
	}
}

// remove takes the entry at i out of the heap; k.mu is held.
func (k *clock) remove(i int) {
	last := len(k.heap) - 1
	k.heap[i].s.alarm().slot = 0
	if i != last {
		k.place(i, k.heap[last])
	}
	k.heap[last] = entry{}
	k.heap = k.heap[:last]
	if i != last {
		k.down(k.up(i))
	}
	if cap(k.heap) > 1024 && len(k.heap) < cap(k.heap)/4 {
		k.heap = append(make([]entry, 0, cap(k.heap)/2), k.heap...)
	}
}

func (k *clock) place(i int, e entry) {
	k.heap[i] = e
	e.s.alarm().slot = int32(i + 1)
}

// up moves the entry at i towards the root and returns where it ends.
func (k *clock) up(i int) int {
	e := k.heap[i]
	for i > 0 {
		parent := (i - 1) / 2
		if k.heap[parent].at <= e.at {
			break
		}
		k.place(i, k.heap[parent])
		i = parent
	}
	k.place(i, e)
	return i
}

// down moves the entry at i towards the leaves.
func (k *clock) down(i int) {
	e := k.heap[i]
	for {
		child := 2*i + 1
		if child >= len(k.heap) {
			break
		}
		if child+1 < len(k.heap) && k.heap[child+1].at < k.heap[child].at {
			child++
		}
		if e.at <= k.heap[child].at {
			break
		}
		k.place(i, k.heap[child])
		i = child
	}
	k.place(i, e)
}
