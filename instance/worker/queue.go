package worker

import (
	"slices"
	"sync"
	"time"
)

// item is an event on its way to the worker.
type item struct {
	id    uint64
	line  []byte // nil once nobody needs it any more
	size  int    // of the line when it was last handed over
	done  bool   // answered or given up
	ack   bool   // an answer is wanted
	keep  bool
	auth  bool // the answer is accept or refuse
	taken time.Time
}

// queue holds the events that wait for the worker, and those that it has not answered or confirmed. It is bounded by number and by bytes; when it
// is full, the next event is refused.
type queue struct {
	wake chan struct{} // of length 1: something waits, for who is idle or writes

	mu       sync.Mutex
	limit    int
	last     uint64
	waiting  []*item
	open     []*item // handed over, with an answer or confirmation outstanding; in order of id
	bytes    int     // of all lines above
	down     bool    // refuses events
	barred   bool    // hands nothing over
	activity time.Time
}

func newQueue(limit int) *queue {
	return &queue{wake: make(chan struct{}, 1), limit: limit, activity: time.Now(), barred: true}
}

func (q *queue) push(e Event) (uint64, error) {
	line, err := encode(e) // outside the lock: it may be long
	if err != nil {
		return 0, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.down:
		return 0, ErrDown
	case len(q.waiting)+len(q.open) >= q.limit || q.bytes+len(line)+len(`"id":`)+20 > maxBytes:
		return 0, ErrFull
	}
	q.last++
	it := &item{id: q.last, line: numbered(line, q.last), ack: e.Ack, keep: e.Keep, auth: e.Type == "connect" && e.Ack}
	q.waiting = append(q.waiting, it)
	q.bytes += len(it.line)
	q.activity = time.Now()
	signal(q.wake)
	return it.id, nil
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// maxBatch bounds what is written to the worker at once.
const maxBatch = 64 << 10

// take moves what fits into one write from the waiting to the open ones and appends their lines to buf; nothing while the queue is barred.
func (q *queue) take(buf []byte) ([]*item, []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.barred {
		return nil, buf
	}
	n, size := 0, 0
	for n < len(q.waiting) && (n == 0 || size+len(q.waiting[n].line) <= maxBatch) {
		size += len(q.waiting[n].line)
		n++
	}
	batch := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	now := time.Now()
	for _, it := range batch {
		it.taken, it.size = now, len(it.line)
		buf = append(buf, it.line...)
		if it.ack || it.keep {
			q.open = append(q.open, it)
		}
	}
	return batch, buf
}

// wrote is told how much of a batch went out: full lines, then perhaps one that was cut short. What the worker cannot have read waits again. A
// line that was cut is lost unless settle will find it among the open ones.
func (q *queue) wrote(batch []*item, full int, cut bool) (lost []uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	again := batch[full:]
	if cut {
		if it := batch[full]; !it.ack && !it.keep {
			lost = append(lost, it.id)
			q.drop(it)
		}
		again = batch[full+1:]
	}
	again = slices.DeleteFunc(slices.Clone(again), func(it *item) bool { return it.done })
	for _, it := range batch[:full] {
		if !it.keep {
			q.drop(it)
		}
	}
	if len(again) > 0 {
		q.open = slices.DeleteFunc(q.open, func(it *item) bool { return slices.Contains(again, it) })
		q.waiting = append(again, q.waiting...)
	}
	return lost
}

// release marks an event as done with, and drop frees a line; q.mu is held for both.
func (q *queue) release(it *item) {
	it.done = true
	q.drop(it)
}

func (q *queue) drop(it *item) {
	q.bytes -= len(it.line)
	it.line = nil
}

// answered takes an event off the open ones and tells whether it wanted this kind of answer. Unknown ids are false, false.
func (q *queue) answered(id uint64, auth bool) (known, wanted bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.IndexFunc(q.open, func(it *item) bool { return it.id == id }) // mostly the first
	if i < 0 || q.open[i].auth != auth {
		return false, false
	}
	it := q.open[i]
	q.open = slices.Delete(q.open, i, i+1)
	q.release(it)
	q.activity = time.Now()
	return true, it.ack
}

// expire takes out those that have waited too long for an answer. What is to be kept stays.
func (q *queue) expire(before time.Time) (lost []uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open = slices.DeleteFunc(q.open, func(it *item) bool {
		if it.keep || it.taken.After(before) {
			return false
		}
		q.release(it)
		lost = append(lost, it.id)
		return true
	})
	return lost
}

// settle is called when the process has gone: what is to be kept waits again, marked, before the rest; the others are lost.
func (q *queue) settle() (lost []uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var again []*item
	for _, it := range q.open {
		if !it.keep {
			q.drop(it)
			lost = append(lost, it.id)
			continue
		}
		if !it.again() {
			q.bytes -= len(it.line)
			it.line = marked(it.line)
			q.bytes += len(it.line)
		}
		again = append(again, it)
	}
	q.open = nil
	q.waiting = append(again, q.waiting...)
	return lost
}

func (it *item) again() bool { return len(it.line) > 2 && it.line[2] == 'a' }

// refuse makes the queue answer [ErrDown] and empties it; with keep, events to be kept stay for a later start.
func (q *queue) refuse(keep bool) (lost []uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.down = true
	q.waiting = slices.DeleteFunc(q.waiting, func(it *item) bool {
		if keep && it.keep {
			return false
		}
		q.drop(it)
		lost = append(lost, it.id)
		return true
	})
	return lost
}

// accept is the opposite of refuse.
func (q *queue) accept(limit int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.down, q.limit = false, limit
}

// bar stops handing over, from now on until admit.
func (q *queue) bar() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.barred = true
}

func (q *queue) admit() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.barred = false
	q.activity = time.Now()
	signal(q.wake)
}

// barIdle bars the queue if nothing waits or is open and nothing happened for d; else it tells how long that may take.
func (q *queue) barIdle(d time.Duration) (time.Duration, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting)+len(q.open) > 0 {
		return d, false
	}
	if left := d - time.Since(q.activity); left > 0 {
		return left, false
	}
	q.barred = true
	return 0, true
}

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)+len(q.open) == 0
}
