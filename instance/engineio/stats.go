package engineio

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Stats are counts of a server since it was made. Every request and message that was refused or lost is in one of them.
type Stats struct {
	Open       int               // sessions now, with those that linger
	Polling    int               // those that use polling
	Opened     uint64            // sessions
	Closed     uint64            // sessions
	Ended      map[Reason]uint64 // Closed, by reason
	Refused    map[string]uint64 // requests, by the text of their Code, or "full" or "draining"
	Upgraded   uint64            // sessions that moved to a websocket
	Unfinished uint64            // upgrades that were begun and given up
	Slow       uint64            // sessions ended because too many bytes waited
	Dropped    uint64            // messages not queued because too many bytes waited
	Discarded  uint64            // messages that waited when their session ended
}

type counts struct {
	opened, upgraded, unfinished, slow, dropped, discarded, full, draining atomic.Uint64
	refused                                                                [len(codeTexts)]atomic.Uint64

	mu    sync.Mutex // taken after Socket.mu
	ended map[Reason]uint64
}

func (c *counts) close(r Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended == nil {
		c.ended = make(map[Reason]uint64)
	}
	c.ended[r]++
}

// Stats returns the counts. They are read one after the other, not at one moment.
func (s *Server) Stats() Stats {
	c := &s.counts
	st := Stats{
		Open: int(s.live.Load()), Polling: int(s.polling.Load()), Opened: c.opened.Load(), Upgraded: c.upgraded.Load(),
		Unfinished: c.unfinished.Load(), Slow: c.slow.Load(), Dropped: c.dropped.Load(), Discarded: c.discarded.Load(),
		Refused: map[string]uint64{"full": c.full.Load(), "draining": c.draining.Load()},
	}
	for code := range c.refused {
		st.Refused[Code(code).String()] = c.refused[code].Load()
	}
	c.mu.Lock()
	st.Ended = maps.Clone(c.ended)
	c.mu.Unlock()
	for _, n := range st.Ended {
		st.Closed += n
	}
	return st
}
