package bench

import (
	"math/bits"
	"time"
)

// Each power of two is cut into 64 buckets of the same width, so that a value is known to 1.6 %.
const (
	fineBits = 6
	fine     = 1 << fineBits
	buckets  = (64 - fineBits) * fine
)

// histogram counts durations. The zero value is empty; it has a fixed size of 29 KiB.
type histogram struct {
	counts [buckets]uint64
	total  uint64
	sum    time.Duration
	least  time.Duration
	most   time.Duration
}

func (h *histogram) record(d time.Duration) {
	d = max(d, 0)
	h.counts[bucketOf(uint64(d))]++
	h.sum += d
	if h.total == 0 || d < h.least {
		h.least = d
	}
	h.most = max(h.most, d)
	h.total++
}

// bucketOf is the identity below 64.
func bucketOf(v uint64) int {
	if v < fine {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - fineBits
	return (shift+1)<<fineBits | int(v>>shift)&(fine-1)
}

// middle is the middle of the values that bucketOf maps to i.
func middle(i int) uint64 {
	if i < fine {
		return uint64(i)
	}
	shift := i>>fineBits - 1
	first := uint64(fine|i&(fine-1)) << shift
	return first + (uint64(1)<<shift)/2
}

func (h *histogram) merge(other *histogram) {
	if other.total == 0 {
		return
	}
	if h.total == 0 || other.least < h.least {
		h.least = other.least
	}
	h.most = max(h.most, other.most)
	h.total += other.total
	h.sum += other.sum
	for i, n := range other.counts {
		h.counts[i] += n
	}
}

// quantile is the smallest value that at least the fraction q of all values do not exceed, to 1.6 %; 0 when there are none.
func (h *histogram) quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := uint64(q * float64(h.total))
	if float64(rank) < q*float64(h.total) || rank == 0 {
		rank++
	}
	var below uint64
	for i, n := range h.counts {
		if below += n; below >= rank {
			return min(max(time.Duration(middle(i)), h.least), h.most)
		}
	}
	return h.most
}

func (h *histogram) mean() time.Duration {
	if h.total == 0 {
		return 0
	}
	return h.sum / time.Duration(h.total)
}
