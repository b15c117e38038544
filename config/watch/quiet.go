package watch

import "time"

// longest is how long a burst without a pause is waited for.
const longest = time.Second

// burst turns events into one tick after a pause. It belongs to one goroutine.
type burst struct {
	quiet time.Duration
	timer *time.Timer // stopped between bursts
	open  bool
	first time.Time // of the burst
}

func newBurst(quiet time.Duration) *burst {
	b := &burst{quiet: quiet, timer: time.NewTimer(longest)}
	b.timer.Stop()
	return b
}

// touch opens a burst or prolongs it, up to [longest] after its begin.
func (b *burst) touch() {
	now := time.Now()
	if !b.open {
		b.open, b.first = true, now
	}
	b.timer.Reset(max(0, min(b.quiet, b.first.Add(longest).Sub(now))))
}

// prolongs reports whether the burst may still be prolonged.
func (b *burst) prolongs() bool { return b.open && time.Since(b.first) < longest }

// over delivers once at the end of a burst; call end then.
func (b *burst) over() <-chan time.Time { return b.timer.C }

func (b *burst) end() { b.open = false }
