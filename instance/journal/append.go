package journal

// keepBuffer is how large a buffer may be that is kept for the next batch.
const keepBuffer = 1 << 20

// queue is what waits for the disk: the records as they will be there, and where each ends. It has at most Options.Queue bytes, besides those that
// are just being written; what is beyond is refused with [ErrFull].
type queue struct {
	bytes   []byte
	entries []entry
}

type entry struct {
	end   int // in queue.bytes
	space string
	seq   uint64
	done  func(error) // may be nil
}

func (q *queue) reset() {
	clear(q.entries)
	q.bytes, q.entries = q.bytes[:0], q.entries[:0]
	if cap(q.bytes) > keepBuffer {
		q.bytes, q.entries = nil, nil
	}
}

// Append puts r into the log. It never blocks and may be called from any goroutine, also before Run; the order of the calls is the order on
// disk. r.Data is copied.
//
// When Append returns nil, done (which may be nil) is called once, on the journal's goroutine and in the order of the calls, with no lock held:
// with nil when the record is durable as Options.Fsync says, with [ErrDegraded] if it is not in the log. (What waits when Run ends is written by
// Run; what waits without a Run, by Close.) It must not block: all other records wait. When Append returns an error, the record is not in the log and done is not called.
func (j *Journal) Append(r Record, done func(error)) error {
	if !r.allowed() {
		return ErrRecord
	}
	j.mu.Lock()
	err := j.refuse(headSize + len(r.Space) + len(r.Data))
	if err == nil {
		j.enqueue(&r, done)
	} else {
		j.counts.refused++
	}
	wake := j.degraded != nil || len(j.queue.entries) == 1
	j.mu.Unlock()
	if wake {
		j.poke()
	}
	return err
}

// refuse says why n more bytes cannot be taken; j.mu is held.
func (j *Journal) refuse(n int) error {
	waiting := len(j.queue.bytes)
	switch {
	case j.closed:
		return ErrClosed
	case j.degraded != nil:
		return j.degraded
	case waiting > 0 && waiting+n > j.o.Queue:
		return ErrFull
	}
	return nil
}

// enqueue gives r its position; j.mu is held.
func (j *Journal) enqueue(r *Record, done func(error)) {
	r.Pos = j.next
	j.next++
	j.queue.bytes = appendRecord(j.queue.bytes, r)
	j.queue.entries = append(j.queue.entries, entry{end: len(j.queue.bytes), space: r.Space, seq: r.Seq, done: done})
}

// poke wakes the writer. One that is awake looks again before it sleeps.
func (j *Journal) poke() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}
