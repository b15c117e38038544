package instance

import "sync"

// tally waits for the outcomes of several emits of one event.
type tally struct {
	then func(outcome)

	mu   sync.Mutex
	left int // outcomes, and one for the end of the list
	all  outcome
}

// one takes an outcome. The first number counts, and the first fault.
func (t *tally) one(o outcome) {
	t.mu.Lock()
	if t.all.seq == 0 {
		t.all.seq = o.seq
	}
	t.all.recipients += o.recipients
	t.all.acked, t.all.awaited = t.all.acked+o.acked, t.all.awaited+o.awaited
	if t.all.err == nil {
		t.all.err = o.err
	}
	t.left--
	last := t.left == 0
	t.mu.Unlock()
	if last {
		t.then(t.all)
	}
}
