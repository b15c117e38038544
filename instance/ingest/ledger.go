package ingest

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

// ledger keeps the answers to requests with an Idempotency-Key. When it is full, the oldest answer goes: a repetition of that request is then a
// new one.
type ledger struct {
	mu      sync.Mutex
	entries map[ledgerKey]*entry
	order   list.List // of *entry: in the order of their answers, those without one where they began
	size    int
}

// ledgerKey is a key of one producer.
type ledgerKey struct {
	token [sha256.Size]byte
	key   string
}

type entry struct {
	key     ledgerKey
	body    [sha256.Size]byte
	answer  *answer // nil while the request is under way
	at      time.Time
	waiters []*call
	place   *list.Element // nil once the ledger has forgotten it
	size    int
}

const entrySize = 512 // bytes besides key and body, roughly

// begin looks for an earlier request with the key of c. Without one, c owns the key and completes it. Otherwise the answer is that of the
// first request; it is nil, and c gets it later, while that is under way.
func (l *ledger) begin(c *call, body [sha256.Size]byte) (first bool, a *answer, f *fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[c.key]
	if e != nil && e.expired(time.Now()) {
		l.remove(e)
		e = nil
	}
	switch {
	case e == nil:
		l.add(c, body)
		return true, nil, nil
	case e.body != body:
		return false, nil, newFault(mismatch, "this Idempotency-Key was used for another body")
	case e.answer == nil:
		e.waiters = append(e.waiters, c)
		return false, nil, nil
	}
	return false, e.answer.repeated(), nil
}

func (l *ledger) add(c *call, body [sha256.Size]byte) {
	e := &entry{key: c.key, body: body, size: entrySize + len(c.key.key)}
	if l.entries == nil {
		l.entries = make(map[ledgerKey]*entry)
	}
	l.entries[e.key] = e
	e.place = l.order.PushBack(e)
	l.size += e.size
	c.entry = e // nobody else has the call yet
	l.shrink()
}

// complete gives the answer to the entry and to all that wait for it. keep is for those that published something: a request that did not may be tried
// again.
func (l *ledger) complete(e *entry, a *answer, keep bool) {
	l.mu.Lock()
	waiters := e.waiters
	e.waiters = nil
	switch {
	case e.place == nil:
	case !keep:
		l.remove(e)
	default:
		e.answer, e.at = a, time.Now()
		l.order.MoveToBack(e.place)
		e.size += len(a.body)
		l.size += len(a.body)
		l.shrink()
	}
	l.mu.Unlock()
	for _, c := range waiters {
		c.conclude(a.repeated())
	}
}

// shrink keeps the bounds; l.mu is held.
func (l *ledger) shrink() {
	for l.order.Len() > maxAnswers || l.size > maxAnswerBytes {
		l.remove(l.order.Front().Value.(*entry))
	}
}

func (l *ledger) remove(e *entry) {
	delete(l.entries, e.key)
	l.order.Remove(e.place)
	e.place = nil
	l.size -= e.size
}

func (e *entry) expired(now time.Time) bool { return e.answer != nil && now.Sub(e.at) >= keepAnswers }

// expire forgets old answers.
func (l *ledger) expire(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := l.order.Front(); p != nil; {
		e := p.Value.(*entry)
		p = p.Next()
		switch {
		case e.expired(now):
			l.remove(e)
		case e.answer != nil:
			return // those behind it are younger
		}
	}
}

func (l *ledger) len() (answers, size int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.order.Len(), l.size
}
