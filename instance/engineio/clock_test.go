package engineio_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
)

// TestClock compares the heap with a map.
func TestClock(t *testing.T) {
	t.Parallel()
	const sockets = 60
	random := rand.New(rand.NewPCG(1, 2))
	clock, model := engineio.NewClock(sockets), map[int]int64{}
	now := int64(0)
	for range 20_000 {
		switch i := random.IntN(sockets); random.IntN(4) {
		case 0, 1:
			at := now + 1 + random.Int64N(int64(100*ms))
			clock.Set(i, at)
			at = (at + int64(ms) - 1) / int64(ms) * int64(ms)
			if old, ok := model[i]; !ok || at < old {
				model[i] = at
			}
		case 2:
			clock.Remove(i)
			delete(model, i)
		case 3:
			now += random.Int64N(int64(3 * ms))
			checkDue(t, clock, model, now)
		}
	}
}

func checkDue(t *testing.T, clock *engineio.Clock, model map[int]int64, now int64) {
	t.Helper()
	got, next := clock.Due(now)
	slices.Sort(got)
	var want []int
	for i, at := range model {
		if at <= now {
			want = append(want, i)
			delete(model, i)
		}
	}
	slices.Sort(want)
	first := int64(0)
	if len(model) > 0 {
		first = slices.Min(slices.Collect(maps.Values(model)))
	}
	if !slices.Equal(got, want) || next != first {
		t.Fatalf("at %d: due %v and next %d, want %v and %d", now, got, next, want, first)
	}
}
