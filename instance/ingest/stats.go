package ingest

import "sync/atomic"

// Stats are counts since the start, and what is there now.
type Stats struct {
	Requests map[string]uint64 // that were answered: accepted, replayed, listed, watched, or the code of the error; none that is zero
	Events   uint64            // that were accepted, those that a rule dropped included
	Refused  uint64            // events of well-formed requests that were not
	Watchers int               // readers now
	Slow     uint64            // readers that were cut because they did not read
	Gaps     uint64            // readers that could not be given all they had missed
	Parked   int               // requests that wait for their answer now
	Answers  int               // kept for Idempotency-Key now, those under way included
}

type counters struct {
	requests                    [outcomes]atomic.Uint64
	events, refused, slow, gaps atomic.Uint64
}

func (c *counters) count(what outcome) { c.requests[what].Add(1) }

// Stats may be called from anywhere.
func (h *Handler) Stats() Stats {
	s := Stats{Requests: make(map[string]uint64), Events: h.counters.events.Load(), Refused: h.counters.refused.Load(),
		Watchers: h.watchers.len(), Slow: h.counters.slow.Load(), Gaps: h.counters.gaps.Load(), Parked: h.clock.len()}
	s.Answers, _ = h.ledger.len()
	for i, name := range outcomeNames {
		if n := h.counters.requests[i].Load(); n > 0 {
			s.Requests[name] = n
		}
	}
	return s
}
