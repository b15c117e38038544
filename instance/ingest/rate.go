package ingest

import (
	"math"
	"sync"
	"time"
)

// bucket limits the events of all producers together. Requests are admitted while it is not empty; what one request holds is taken even so, and
// the next one waits until that is made up for.
type bucket struct {
	mu     sync.Mutex
	spent  float64 // tokens that are missing
	filled time.Time
}

// allow reports in how many seconds a request may come; 0 = now.
func (b *bucket) allow(o *Options) int {
	if o.Rate <= 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(o)
	missing := b.spent + 1 - float64(o.Burst)
	if missing <= 1e-9 {
		return 0
	}
	return int(math.Ceil(min(missing/o.Rate, 3600)))
}

func (b *bucket) take(o *Options, n int) {
	if o.Rate <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(o)
	b.spent += float64(n)
}

// fill adds the tokens of the time that has passed; b.mu is held.
func (b *bucket) fill(o *Options) {
	now := time.Now()
	b.spent = max(0, b.spent-now.Sub(b.filled).Seconds()*o.Rate)
	b.filled = now
}
