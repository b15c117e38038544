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
	Attempts                // not acknowledged after [Retry].Attempts sends
	MaxAge                  // not acknowledged before it was too old
	Capacity                // not acknowledged when there were too many of that kind
	Left                    // not acknowledged by a client that cannot come back
	Discarded               // not acknowledged when [Broadcaster.Discard] was called
	reasons
)

func (r Reason) String() string {
	return [...]string{"gone", "slow", "queue_full", "volatile", "panic", "attempts", "max_age", "capacity", "left", "discarded"}[r]
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
	Busy                      // its lane was full; the client is disconnected and may try again, as one that was owed something and has no pid
	refusals
	none = Refusal(-1)
)

func (r Refusal) String() string {
	return [...]string{"unknown_pid", "bad_offset", "other_epoch", "pruned", "backlog", "busy"}[r]
}

// RecoveryStats are about connection state recovery.
type RecoveryStats struct {
	Saved    int               // sessions of clients that may come back
	Restored uint64            // sessions that were given back
	Expired  uint64            // sessions whose time was over
	Evicted  uint64            // sessions that had to go because there were too many
	Lost     uint64            // sessions that could not be given back after the claim, as events were pruned or too much waited; those clients are cut
	Refused  map[string]uint64 // by [Refusal]
}

// ClientStats are about clients with an id of their own; see [Broadcaster.Identify].
type ClientStats struct {
	Known    int    // now
	Away     int    // of them
	Returned uint64 // clients that came back and were sent what they had missed
	Gaps     uint64 // of them, those that were told that events are gone
	Expired  uint64 // clients that were away for too long
	Evicted  uint64 // clients that had to go because there were too many
}

// AckStats are about events that ask for an acknowledgement.
type AckStats struct {
	Retried uint64 // sends that were not the first
	Dead    int    // dead letters that are kept
	Lost    uint64 // dead letters that had to go because there were too many
}

// Stats are totals since New. A pair is one event and one of its recipients: a socket, or for acked events a client. When nothing is on its way,
//
//	Targeted = Sent + the sum of Dropped + Pending
type Stats struct {
	Started  time.Time // when Run began; zero before
	Seq      uint64    // the number of the last event
	Accepted uint64    // events that got a number
	Refused  struct{ Full, NotRunning, Invalid, Degraded uint64 }
	Targeted uint64            // pairs
	Sent     uint64            // pairs that were handed to a connection, or acknowledged if that was asked for
	Dropped  map[string]uint64 // pairs that were not, by [Reason]
	Pending  uint64            // pairs that wait for their acknowledgement
	Replayed uint64            // sends of earlier events to clients that connected; but for those that are to be acknowledged they are part of Targeted
	Waiting  int               // events in the fullest outbox
	History  struct{ Events, Bytes int }
	Watchers struct {
		Open int
		Lost uint64 // events that they were too slow for
	}
	Acks     AckStats
	Clients  ClientStats
	Recovery RecoveryStats
}

// Merge adds the totals of another broadcaster. Started and Seq stay.
func (s *Stats) Merge(o Stats) {
	for _, x := range []struct {
		n *uint64
		m uint64
	}{
		{&s.Accepted, o.Accepted}, {&s.Refused.Full, o.Refused.Full}, {&s.Refused.NotRunning, o.Refused.NotRunning},
		{&s.Refused.Invalid, o.Refused.Invalid},
		{&s.Refused.Degraded, o.Refused.Degraded},
		{&s.Targeted, o.Targeted}, {&s.Sent, o.Sent}, {&s.Pending, o.Pending}, {&s.Replayed, o.Replayed}, {&s.Watchers.Lost, o.Watchers.Lost},
		{&s.Acks.Retried, o.Acks.Retried}, {&s.Acks.Lost, o.Acks.Lost}, {&s.Clients.Returned, o.Clients.Returned}, {&s.Clients.Gaps, o.Clients.Gaps},
		{&s.Clients.Expired, o.Clients.Expired}, {&s.Clients.Evicted, o.Clients.Evicted}, {&s.Recovery.Restored, o.Recovery.Restored},
		{&s.Recovery.Expired, o.Recovery.Expired}, {&s.Recovery.Evicted, o.Recovery.Evicted}, {&s.Recovery.Lost, o.Recovery.Lost},
	} {
		*x.n += x.m
	}
	s.Waiting = max(s.Waiting, o.Waiting)
	s.History.Events, s.History.Bytes = s.History.Events+o.History.Events, s.History.Bytes+o.History.Bytes
	s.Watchers.Open, s.Acks.Dead = s.Watchers.Open+o.Watchers.Open, s.Acks.Dead+o.Acks.Dead
	s.Clients.Known, s.Clients.Away = s.Clients.Known+o.Clients.Known, s.Clients.Away+o.Clients.Away
	s.Recovery.Saved += o.Recovery.Saved
	s.Dropped, s.Recovery.Refused = sum(s.Dropped, o.Dropped), sum(s.Recovery.Refused, o.Recovery.Refused)
}

func sum(a, b map[string]uint64) map[string]uint64 {
	all := make(map[string]uint64, max(len(a), len(b)))
	for _, m := range []map[string]uint64{a, b} {
		for reason, n := range m {
			all[reason] += n
		}
	}
	return all
}

type counters struct {
	started                   atomic.Int64 // Unix nanoseconds
	accepted                  atomic.Uint64
	targeted, sent, pending   atomic.Uint64
	full, notRunning, invalid atomic.Uint64
	degraded                  atomic.Uint64
	dropped                   [reasons]atomic.Uint64

	restored, expired, evicted, lost               atomic.Uint64
	refusals                                       [refusals]atomic.Uint64
	replayed, retried, deadLost, watchLost         atomic.Uint64
	returned, gaps, clientsExpired, clientsEvicted atomic.Uint64
}

func (c *counters) drop(r Reason, n int) { c.dropped[r].Add(uint64(n)) }

func (c *counters) refuse(err error) {
	switch {
	case errors.Is(err, ErrFull):
		c.full.Add(1)
	case errors.Is(err, ErrNotRunning):
		c.notRunning.Add(1)
	case errors.Is(err, ErrDegraded):
		c.degraded.Add(1)
	default:
		c.invalid.Add(1)
	}
}

// Sent returns how many events were handed to connections, one per recipient. It is cheaper than Stats.
func (b *Broadcaster) Sent() uint64 { return b.stats.sent.Load() }

// Stats returns the totals of this moment. The counters are read one after the other.
func (b *Broadcaster) Stats() Stats {
	c := &b.stats
	s := Stats{Accepted: c.accepted.Load(), Dropped: make(map[string]uint64, reasons), Replayed: c.replayed.Load()}
	if at := c.started.Load(); at != 0 {
		s.Started = time.Unix(0, at)
	}
	s.Refused.Full, s.Refused.NotRunning, s.Refused.Invalid = c.full.Load(), c.notRunning.Load(), c.invalid.Load()
	s.Refused.Degraded = c.degraded.Load()
	s.Recovery = RecoveryStats{
		Saved: b.sessions.len(), Restored: c.restored.Load(), Expired: c.expired.Load(), Evicted: c.evicted.Load(),
		Lost: c.lost.Load(), Refused: make(map[string]uint64, refusals),
	}
	for r := range refusals {
		s.Recovery.Refused[r.String()] = c.refusals[r].Load()
	}
	s.Clients = ClientStats{Returned: c.returned.Load(), Gaps: c.gaps.Load(), Expired: c.clientsExpired.Load(), Evicted: c.clientsEvicted.Load()}
	s.Acks = AckStats{Retried: c.retried.Load(), Lost: c.deadLost.Load()}
	s.Watchers.Lost = c.watchLost.Load()
	b.census(&s)
	return s
}

// census reads what the locks guard.
func (b *Broadcaster) census(s *Stats) {
	c := &b.stats
	b.mu.Lock()
	defer b.mu.Unlock()
	s.History.Events, s.History.Bytes = b.history.n, b.history.bytes
	s.Seq, s.Watchers.Open = b.last.Load(), len(b.watchers)
	for k := range b.lanes {
		s.Waiting = max(s.Waiting, len(b.lanes[k].queue))
	}
	b.desk.mu.Lock()
	defer b.desk.mu.Unlock()
	s.Clients.Known, s.Clients.Away, s.Acks.Dead = len(b.desk.named), b.desk.gone.Len(), len(b.desk.letters.all())
	s.Targeted, s.Sent, s.Pending = c.targeted.Load(), c.sent.Load(), c.pending.Load()
	for r := range reasons {
		s.Dropped[r.String()] = c.dropped[r].Load()
	}
}
