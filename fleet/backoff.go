package fleet

import (
	"math"
	"slices"
	"time"

	"github.com/sockd/sockd/config"
)

// Limits of the wait for an address that somebody else holds.
const (
	busyFirst = 250 * time.Millisecond
	busyMost  = 5 * time.Second
)

// budget counts the attempts to start an instance again. The zero value has spent nothing.
type budget struct {
	attempts []time.Time
}

// next spends one attempt and returns how long to wait before it, or false if the window holds no more. dice is uniform
// in [0, 1).
func (b *budget) next(now time.Time, r config.Backoff, dice float64) (time.Duration, bool) {
	b.attempts = slices.DeleteFunc(b.attempts, func(t time.Time) bool { return now.Sub(t) > r.Window.Std() })
	n := len(b.attempts)
	if n >= r.Attempts {
		return 0, false
	}
	b.attempts = append(b.attempts, now)
	return spread(grow(r.Initial.Std(), r.Max.Std(), r.Factor, n), r.Jitter, dice), true
}

// spent is the number of attempts within the window at the last call of next.
func (b *budget) spent() int { return len(b.attempts) }

// grow is initial·factorⁿ, most at the most.
func grow(initial, most time.Duration, factor float64, n int) time.Duration {
	d := float64(initial) * math.Pow(max(factor, 1), float64(n))
	if d >= float64(most) {
		return most
	}
	return time.Duration(d)
}

// spread moves d by up to the fraction jitter in either direction.
func spread(d time.Duration, jitter, dice float64) time.Duration {
	return time.Duration(float64(d) * (1 + jitter*(2*dice-1)))
}

// busyWait is how long to wait before an address is tried again for the nth time, n from 0. It has no end and is never
// over five seconds, so that an instance is there soon after its port is free.
func busyWait(n int, dice float64) time.Duration {
	return min(spread(grow(busyFirst, busyMost, 2, n), 0.25, dice), busyMost)
}
