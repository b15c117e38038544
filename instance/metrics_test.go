package instance_test

import (
	"sync"
	"testing"
	"time"

	"github.com/sockd/sockd/instance"
)

func TestHistogramCountsEverySpanOnce(t *testing.T) {
	var h instance.Histogram
	for _, c := range []struct {
		name string
		d    time.Duration
		at   func(bounds []time.Duration) int
	}{
		{"below zero", -time.Second, func([]time.Duration) int { return 0 }},
		{"on the first bound", 50 * time.Microsecond, func([]time.Duration) int { return 0 }},
		{"just over it", 50*time.Microsecond + 1, func([]time.Duration) int { return 1 }},
		{"over all bounds", time.Hour, func(b []time.Duration) int { return len(b) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := h.Read()
			h.Observe(c.d)
			after := h.Read()
			for i := range after.Counts {
				want := before.Counts[i]
				if i == c.at(after.Bounds) {
					want++
				}
				if after.Counts[i] != want {
					t.Errorf("bucket %d: got %d, want %d", i, after.Counts[i], want)
				}
			}
			if got, want := after.Sum-before.Sum, max(c.d, 0); got != want {
				t.Errorf("sum: got %v more, want %v", got, want)
			}
		})
	}
}

func TestHistogramIsOfManyGoroutines(t *testing.T) {
	var (
		h    instance.Histogram
		many sync.WaitGroup
	)
	for range 8 {
		many.Go(func() {
			for range 1000 {
				h.Observe(time.Millisecond)
			}
		})
	}
	many.Wait()
	total, l := uint64(0), h.Read()
	for _, n := range l.Counts {
		total += n
	}
	if total != 8000 || l.Sum != 8*time.Second {
		t.Errorf("got %d and %v, want 8000 and 8s", total, l.Sum)
	}
}
