package journal

import (
	"context"
	"io"
	"os"
	"time"
)

// writer is what the one goroutine that writes keeps for itself.
type writer struct {
	file   File   // of the last segment, for writing; nil: a new segment is begun before the next record
	next   uint64 // the position of the next record on disk
	spare  queue  // the queue that was written last; the two take turns
	clean  bool   // the log ends with the mark of a clean end
	fresh  bool   // nothing was written since Open
	rolled bool   // a segment was begun since retention last looked
	looked time.Time
	trouble
}

// Run writes what [Journal.Append] is given, until ctx is done or [Journal.Close] is called; then it writes what still waits, refuses what
// follows, and returns nil. It is called once.
func (j *Journal) Run(ctx context.Context) error {
	j.mu.Lock()
	if j.closed || j.running {
		j.mu.Unlock()
		return ErrClosed
	}
	j.running = true
	j.mu.Unlock()
	defer close(j.ended)

	timer := time.NewTimer(j.pause())
	defer timer.Stop()
	for {
		j.turn()
		timer.Reset(j.pause())
		select {
		case <-ctx.Done():
			j.end()
			return nil
		case <-j.stop:
			j.end()
			return nil
		case <-j.wake:
		case <-timer.C:
		}
	}
}

func (j *Journal) turn() {
	if j.degraded != nil {
		j.try()
	}
	if j.degraded == nil && j.flush() == nil {
		j.retain()
	}
}

// pause is how long the writer sleeps if nothing comes.
func (j *Journal) pause() time.Duration {
	switch {
	case j.degraded != nil:
		return time.Until(j.writer.due)
	case j.o.MaxAge > 0:
		return j.step()
	}
	return time.Hour
}

// end refuses further records and writes the last.
func (j *Journal) end() {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	if j.degraded == nil {
		_ = j.flush()
	}
}

// finish writes what waits and the mark of a clean end, unless nothing has changed since the last one.
func (j *Journal) finish() error {
	if j.degraded != nil {
		_ = j.heal()
		return j.degraded
	}
	if j.flush() != nil {
		return j.degraded
	}
	if j.writer.clean || len(j.segments) == 0 {
		return nil
	}
	j.mu.Lock()
	j.enqueue(&Record{Kind: kindClosed, At: time.Now()}, nil)
	j.mu.Unlock()
	if j.flush() != nil {
		return j.degraded
	}
	j.writer.clean = true
	return nil
}

// flush writes all that waits now. What comes meanwhile has woken the writer for the next turn, unless the flush fails: then nothing waits.
func (j *Journal) flush() error {
	w := &j.writer
	j.mu.Lock()
	q := j.queue
	j.queue, w.spare = w.spare, queue{}
	j.mu.Unlock()
	if err := j.commit(&q); err != nil {
		return err
	}
	q.reset()
	w.spare = q
	return nil
}

// commit writes q: all of it at once if it fits into the segment, else as much as fits at a time, and with [Always] record by record.
func (j *Journal) commit(q *queue) error {
	at, start := 0, 0
	for at < len(q.entries) {
		err := j.prepare(q.entries[at].end - start)
		to := at
		if err == nil {
			to = j.fitting(q, at, start)
			err = j.write(q.bytes[start:q.entries[to-1].end], q.entries[at:to])
		}
		if err != nil {
			j.fail(err, len(q.bytes)-start, q.entries[at:])
			return err
		}
		for _, e := range q.entries[at:to] {
			if e.done != nil {
				e.done(nil)
			}
		}
		at, start = to, q.entries[to-1].end
	}
	return nil
}

// fitting returns the end of those entries, from at on, that are written next. It is at least one.
func (j *Journal) fitting(q *queue, at, start int) int {
	room := j.o.SegmentBytes - j.last().size
	to := at + 1
	for j.o.Fsync != Always && to < len(q.entries) && int64(q.entries[to].end-start) <= room {
		to++
	}
	return to
}

func (j *Journal) last() *segment {
	if len(j.segments) == 0 {
		return nil
	}
	return j.segments[len(j.segments)-1]
}

// prepare leaves a file open that n bytes may be written to.
func (j *Journal) prepare(n int) error {
	if err := j.heal(); err != nil {
		return err
	}
	if j.writer.file != nil {
		s := j.last()
		full := s.size+int64(n) > j.o.SegmentBytes
		if s.empty() || !full && !j.old(s) {
			return nil
		}
	}
	return j.roll()
}

// roll begins a new segment.
func (j *Journal) roll() error {
	w := &j.writer
	if w.file != nil {
		_ = w.file.Close() // all in it was synced, or is not meant to be
		w.file = nil
	}
	s := &segment{name: fileName(w.next), first: w.next, next: w.next, size: headerSize, created: time.Now(), boot: j.o.Boot, seqs: map[string]uint64{}}
	f, err := j.create(s)
	if err != nil {
		return err
	}
	w.file, w.rolled = f, true
	j.mu.Lock()
	defer j.mu.Unlock()
	keep := j.segments
	if last := j.last(); last != nil && last.first == s.first { // it was empty, and its file has just been replaced
		keep = keep[:len(keep)-1]
	}
	j.segments = append(keep[:len(keep):len(keep)], s)
	return nil
}

func (j *Journal) create(s *segment) (File, error) {
	f, err := j.fs.Open(j.path(s.name), os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	if err = writeAt(f, s.header(), 0); err == nil {
		err = j.fs.SyncDir(j.o.Dir)
	}
	if err != nil {
		_ = f.Close()
		_ = j.fs.Remove(j.path(s.name))
		return nil, err
	}
	return f, nil
}

func writeAt(f File, b []byte, off int64) error {
	n, err := f.WriteAt(b, off)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// write makes the records in b durable. After an error none of them is in the log.
func (j *Journal) write(b []byte, entries []entry) error {
	w, s := &j.writer, j.last()
	err := writeAt(w.file, b, s.size)
	w.torn = err != nil
	var took time.Duration
	if err == nil {
		took, err = j.sync()
	}
	if err != nil {
		_ = j.heal() // at the latest before the next write
		return err
	}
	w.next += uint64(len(entries))
	w.clean, w.fresh, w.backoff = false, false, 0

	j.mu.Lock()
	defer j.mu.Unlock()
	s.size += int64(len(b))
	s.next = w.next
	for i := range entries {
		s.saw(entries[i].space, entries[i].seq)
	}
	j.counts.committed(len(entries), took)
	return nil
}

// sync makes the file durable. The first time after Open it does so even with [Off]: should the machine fail, the log must not end with the mark
// of the last clean end while records that others have seen are lost.
func (j *Journal) sync() (time.Duration, error) {
	w := &j.writer
	if j.o.Fsync == Off && !w.fresh {
		return 0, nil
	}
	start := time.Now()
	if err := w.file.Sync(); err != nil {
		w.torn, w.burnt = true, true
		return 0, err
	}
	return time.Since(start), nil
}
