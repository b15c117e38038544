package bench_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sockd/sockd/cmd/sockd/bench"
)

func TestQuantilesAreExactToTwoPercent(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		name string
		next func() time.Duration
	}{
		{"small", func() time.Duration { return time.Duration(random.IntN(60)) }},
		{"even", func() time.Duration { return time.Duration(random.Int64N(int64(time.Second))) }},
		{"long tail", func() time.Duration { return time.Duration(random.ExpFloat64() * float64(time.Millisecond)) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var a, b, whole bench.Histogram
			var values []time.Duration
			for i := range 20000 {
				v := tt.next()
				values = append(values, v)
				whole.Record(v)
				if i%3 == 0 {
					a.Record(v)
				} else {
					b.Record(v)
				}
			}
			a.Merge(&b)
			if a != whole {
				t.Error("two halves merged are not the whole")
			}
			slices.Sort(values)
			for _, q := range []float64{0, .1, .5, .9, .99, .999, 1} {
				want := values[max(0, int(q*float64(len(values))+.9999)-1)]
				if got := whole.Quantile(q); got < want-want/60-1 || got > want+want/60+1 {
					t.Errorf("quantile %v: got %v, want %v", q, got, want)
				}
			}
			if least, most := whole.Bounds(); least != values[0] || most != values[len(values)-1] {
				t.Errorf("got %v to %v, want %v to %v", least, most, values[0], values[len(values)-1])
			}
		})
	}
}

func TestHistogramTakesAnyDuration(t *testing.T) {
	t.Parallel()
	var h bench.Histogram
	if got := h.Quantile(.5); got != 0 {
		t.Errorf("empty: got %v", got)
	}
	const longest = time.Duration(1<<63 - 1)
	h.Record(-time.Second)
	h.Record(longest)
	if got := h.Quantile(.25); got != 0 {
		t.Errorf("negative: got %v, want 0", got)
	}
	if got := h.Quantile(1); got < longest-longest/60 {
		t.Errorf("longest: got %v", got)
	}
}
