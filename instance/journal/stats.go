package journal

import "time"

// Stats are figures of a Journal, since Open.
type Stats struct {
	Segments    int
	Bytes       int64  // on disk
	First       uint64 // position of the first record that is kept
	Last        uint64 // position of the last; below First if there is none
	Waiting     int    // bytes that are not written yet
	Appended    uint64 // records that are durable as Options.Fsync says; with those of snapshots and the mark of the end
	Refused     uint64 // records that Append has refused
	Lost        uint64 // records that Append took and done got an error for
	Commits     uint64 // writes that succeeded
	Failures    uint64 // times that the disk began to refuse
	Synced      uint64 // fsyncs that succeeded
	TookSync    time.Duration
	SlowestSync time.Duration
	Degraded    string // what the disk said, while it refuses; "" otherwise
}

// counts are the figures that only grow.
type counts struct {
	appended, refused, lost, commits, failures, synced uint64
	took, slowest                                      time.Duration
}

func (c *counts) committed(records int, took time.Duration) {
	c.appended += uint64(records)
	c.commits++
	if took > 0 {
		c.synced++
		c.took += took
		c.slowest = max(c.slowest, took)
	}
}

// Stats returns the figures as they are now. It may be called from any goroutine.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	c := j.counts
	st := Stats{
		Segments: len(j.segments), Waiting: len(j.queue.bytes), First: j.next, Last: j.next - 1,
		Appended: c.appended, Refused: c.refused, Lost: c.lost, Commits: c.commits, Failures: c.failures,
		Synced: c.synced, TookSync: c.took, SlowestSync: c.slowest,
	}
	for _, s := range j.segments {
		st.Bytes += s.size
	}
	if len(j.segments) > 0 {
		st.First, st.Last = j.segments[0].first, j.last().next-1
	}
	if j.degraded != nil {
		st.Degraded = j.degraded.Error()
	}
	return st
}
