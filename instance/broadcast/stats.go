package broadcast

import (
	"errors"
	"sync/atomic"
	"time"
)

// Reason says why one event did not reach one connection.
type Reason int

// The reasons for which a send is dropped.
const (
	Gone      Reason = iota // the client left between the selection and the send
	Slow                    // the client's queue was full and the client is being disconnected
	QueueFull               // the client's queue was full and limits.on_full is drop
	Volatile                // the event is volatile and the client could not take it at once
	Panicked                // a handler panicked while the event was on its way
	reasons
)

func (r Reason) String() string {
	return [...]string{"gone", "slow", "queue_full", "volatile", "panic"}[r]
}

// Refusal says why a client that came back with a pid got a new socket instead of its old one.
type Refusal int

// The reasons for which a session is not recovered.
const (
	UnknownPID Refusal = iota // never given out, consumed, ended, evicted or over its time
	BadOffset                 // not an offset; or of an event that is yet to come
	OtherEpoch                // the offset is of an earlier start
	Pruned                    // an event that the client may have missed is no longer in the history
	TooMuch                   // so much waits for slow clients already that no replay is begun
	refusals
	none = Refusal(-1)
)

func (r Refusal) String() string {
	return [...]string{"unknown_pid", "bad_offset", "other_epoch", "pruned", "backlog"}[r]
}

// RecoveryStats are about connection state recovery.
type RecoveryStats struct {
	Saved    int               // sessions of clients that may come back
	Events   int               // in the history
	Bytes    int               // of them
	Restored uint64            // sessions that were given back
	Replayed uint64            // events that they had missed; they are part of Sent
	Expired  uint64            // sessions whose time was over
	Evicted  uint64            // sessions that had to go because there were too many
	Lost     uint64            // sessions that were claimed, but events were pruned, or too much waited for slow clients, before they could be sent; those clients are disconnected
	Refused  map[string]uint64 // by [Refusal]
}

// Stats are totals since New.
type Stats struct {
	Started  time.Time // when Run began; zero before
	Seq      uint64    // the number of the last event
	Accepted uint64    // events that got a number
	Refused  struct{ Full, NotRunning, Invalid uint64 }
	Sent     uint64            // events handed to connections, one per recipient
	Dropped  map[string]uint64 // sends that were not, by [Reason]
	Waiting  int               // events in the fullest outbox
	Recovery RecoveryStats
}

type counters struct {
	started                   atomic.Int64 // Unix nanoseconds
	accepted, sent            atomic.Uint64
	full, notRunning, invalid atomic.Uint64
	dropped                   [reasons]atomic.Uint64

	restored, replayed, expired, evicted, lost atomic.Uint64
	refusals                                   [refusals]atomic.Uint64
}

func (c *counters) drop(r Reason, n int) { c.dropped[r].Add(uint64(n)) }

func (c *counters) refuse(err error) {
	switch {
	case errors.Is(err, ErrFull):
		c.full.Add(1)
	case errors.Is(err, ErrNotRunning):
		c.notRunning.Add(1)
	default:
		c.invalid.Add(1)
	}
}

// Sent returns how many events were handed to connections, one per recipient. It is cheaper than Stats.
func (b *Broadcaster) Sent() uint64 { return b.stats.sent.Load() }

// Stats returns the totals of this moment. The counters are read one after the other.
func (b *Broadcaster) Stats() Stats {
	c := &b.stats
	s := Stats{Accepted: c.accepted.Load(), Sent: c.sent.Load(), Dropped: make(map[string]uint64, reasons)}
	if at := c.started.Load(); at != 0 {
		s.Started = time.Unix(0, at)
	}
	s.Refused.Full, s.Refused.NotRunning, s.Refused.Invalid = c.full.Load(), c.notRunning.Load(), c.invalid.Load()
	for r := range reasons {
		s.Dropped[r.String()] = c.dropped[r].Load()
	}
	s.Recovery = RecoveryStats{
		Saved: b.sessions.len(), Restored: c.restored.Load(), Replayed: c.replayed.Load(), Expired: c.expired.Load(), Evicted: c.evicted.Load(),
		Lost: c.lost.Load(), Refused: make(map[string]uint64, refusals),
	}
	for r := range refusals {
		s.Recovery.Refused[r.String()] = c.refusals[r].Load()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.Recovery.Events, s.Recovery.Bytes = b.history.n, b.history.bytes
	s.Seq = b.seq
	for k := range b.lanes {
		s.Waiting = max(s.Waiting, len(b.lanes[k].queue))
	}
	return s
}
