package instance

import (
	"slices"
	"sync/atomic"
	"time"
)

// latencyBounds are the buckets of every histogram: from what a fan-out to one socket takes up to what a retry waits for.
var latencyBounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Histogram counts spans of time in fixed buckets. The zero value is ready; it takes no lock and may be used from any goroutine.
type Histogram struct {
	counts [len(latencyBounds) + 1]atomic.Uint64
	sum    atomic.Int64
}

// Observe counts d; one that is below zero counts as zero.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	i, _ := slices.BinarySearch(latencyBounds[:], d)
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// Latency is what a [Histogram] has counted. Counts[i] are those of at most Bounds[i]; the last of Counts are those over all bounds.
type Latency struct {
	Bounds []time.Duration
	Counts []uint64
	Sum    time.Duration
}

// Read returns what was counted so far. The buckets are read one after the other.
func (h *Histogram) Read() Latency {
	l := Latency{Bounds: slices.Clone(latencyBounds[:]), Counts: make([]uint64, len(h.counts)), Sum: time.Duration(h.sum.Load())}
	for i := range h.counts {
		l.Counts[i] = h.counts[i].Load()
	}
	return l
}

// Lag returns for each event loop of the instance's own how long its last nonce took, or how long it already waits for one; nil with the
// shared ones. It does not block.
func (in *Instance) Lag() []time.Duration {
	if !in.own {
		return nil
	}
	return in.loops.Lag()
}

// Latencies returns how long fan-outs took, and acknowledgements.
func (in *Instance) Latencies() (fanOut, ack Latency) { return in.fanOut.Read(), in.answered.Read() }
