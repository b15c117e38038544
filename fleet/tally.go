package fleet

import (
	"maps"
	"sync"
	"time"

	"github.com/sockd/sockd/fleet/control"
)

// tally counts what became of reloads.
type tally struct {
	mu        sync.Mutex
	outcomes  map[control.Outcome]int64
	last, sum time.Duration
}

// add notes one reload that was more than a question.
func (t *tally) add(o control.Outcome, took time.Duration) {
	if o == control.Planned {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.outcomes == nil {
		t.outcomes = make(map[control.Outcome]int64)
	}
	t.outcomes[o]++
	t.last = took
	t.sum += took
}

func (t *tally) fill(m *control.Metrics) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m.Reloads, m.LastTook, m.SumTook = maps.Clone(t.outcomes), t.last, t.sum
}
