package journal

import (
	"errors"
	"io/fs"
	"time"
)

// step is how often ages are looked at, and how much of MaxAge one segment may span.
func (j *Journal) step() time.Duration { return max(j.o.MaxAge/8, 10*time.Millisecond) }

// old says that s is to get no more records, because the first of them would keep the last on disk for too long.
func (j *Journal) old(s *segment) bool { return j.o.MaxAge > 0 && time.Since(s.created) >= j.step() }

// retain removes the oldest segments if there is too much, or if they are too old, once what is still needed of them is written anew.
func (j *Journal) retain() {
	w := &j.writer
	tick := j.o.MaxAge > 0 && time.Since(w.looked) >= j.step()
	if !tick && !w.rolled {
		return
	}
	w.rolled, w.looked = false, time.Now()
	if s := j.last(); tick && s != nil && !s.empty() && j.old(s) {
		if err := j.roll(); err != nil {
			j.fail(err, 0, nil)
			return
		}
	}
	n := j.victims()
	if n == 0 || !j.snapshot() {
		return
	}
	j.drop(n)
}

// victims returns how many segments are to go. The one that is written stays, whatever it holds.
func (j *Journal) victims() int {
	var total int64
	for _, s := range j.segments {
		total += s.size
	}
	limit := j.o.MaxBytes - j.o.SegmentBytes // room for the segment that is being filled
	if total > limit && j.o.Snapshot != nil {
		limit -= j.o.MaxBytes / 8 // several at once, so that a snapshot is not written for each
	}
	n := 0
	for ; n+1 < len(j.segments); n++ {
		large := j.o.MaxBytes > 0 && total > limit
		aged := j.o.MaxAge > 0 && time.Since(j.segments[n+1].created) > j.o.MaxAge
		if !large && !aged {
			break
		}
		total -= j.segments[n].size
	}
	return n
}

// snapshot writes the caller's state into the log and reports whether it is there. It passes the limit of the queue: the caller has it all in
// memory as it is.
func (j *Journal) snapshot() bool {
	if j.o.Snapshot == nil {
		return true
	}
	j.o.Snapshot(func(r Record) {
		if !r.allowed() {
			j.o.Log.Error("journal snapshot not allowed", "ns", r.Space, "n", len(r.Data))
			return
		}
		j.mu.Lock()
		j.enqueue(&r, nil)
		j.mu.Unlock()
	})
	return j.flush() == nil
}

// drop removes the first n segments.
func (j *Journal) drop(n int) {
	gone := 0
	for ; gone < n; gone++ {
		if err := j.fs.Remove(j.path(j.segments[gone].name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			j.o.Log.Warn("journal segment stays", "err", err)
			break
		}
	}
	j.mu.Lock()
	j.segments = append([]*segment(nil), j.segments[gone:]...)
	j.mu.Unlock()
	if err := j.fs.SyncDir(j.o.Dir); err != nil {
		j.o.Log.Warn("journal folder not synced", "err", err)
	}
	j.o.Log.Debug("journal segments removed", "n", gone)
}
