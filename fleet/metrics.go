package fleet

import (
	"slices"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/sockd/sockd/instance"
)

// What a [Member] may tell beside its status. None of it blocks.
type (
	tallied interface{ Stats() instance.Stats }
	lagging interface{ Lag() []time.Duration } // of the loops that are its own
	timed   interface {
		Latencies() (fanOut, ack instance.Latency)
	}
)

var (
	_ control.Meter = (*Fleet)(nil)
	_ tallied       = (*instance.Instance)(nil)
	_ lagging       = (*instance.Instance)(nil)
)

// Metrics implements [control.Meter]. It asks for the status once, and every figure stands beside the instance of that name in it.
func (f *Fleet) Metrics() control.Metrics {
	views := f.snapshot.Load().views
	m := control.Metrics{Status: f.Status()}
	f.reloads.fill(&m)
	if loops := f.snapshot.Load().loops; loops != nil {
		m.Loops = loops.Lag()
	}
	m.Instances = make([]control.InstanceMetrics, len(m.Status.Instances))
	for i, in := range m.Status.Instances {
		m.Instances[i].Name = in.Name
		if at := slices.IndexFunc(views, func(v view) bool { return v.name == in.Name }); at >= 0 { // else an edit came in between
			m.Instances[i] = views[at].metrics()
		}
	}
	return m
}

// PollersAnswer reports whether the event loops of every instance that serves have answered lately. It never blocks. A start for which they do not
// answer is that instance's own matter.
func (f *Fleet) PollersAnswer() bool {
	return !slices.ContainsFunc(f.snapshot.Load().views, func(v view) bool { return v.ask().Cause == instance.CausePollers })
}

func (v *view) metrics() control.InstanceMetrics {
	m := control.InstanceMetrics{Name: v.name}
	if v.member == nil {
		return m
	}
	m.Polling = v.member.Status().Polling
	if c, ok := v.member.(tallied); ok {
		count(&m, c.Stats())
	}
	if l, ok := v.member.(lagging); ok {
		m.Loops = l.Lag()
	}
	if t, ok := v.member.(timed); ok {
		fanOut, ack := t.Latencies()
		m.FanOut, m.Ack = latency(fanOut), latency(ack)
	}
	return m
}

// latency gives a histogram the type of the wire.
func latency(l instance.Latency) *control.Latency {
	return &control.Latency{Bounds: l.Bounds, Counts: l.Counts, Sum: l.Sum}
}

// count gives an instance's totals the types of the wire.
func count(m *control.InstanceMetrics, s instance.Stats) {
	m.Refused, m.Dropped, m.Ended = s.Refused, s.Dropped, s.Ended
	d := &s.Delivery
	m.Delivery = &control.Delivery{
		Accepted: d.Accepted, Targeted: d.Targeted, Sent: d.Sent, Dropped: d.Dropped, Pending: d.Pending, Replayed: d.Replayed,
		Retried: d.Acks.Retried, Outbox: d.Waiting, HistoryEvents: d.History.Events, HistoryBytes: d.History.Bytes,
		DeadLetters: d.Acks.Dead, DeadLettersLost: d.Acks.Lost, Watchers: d.Watchers.Open, WatchersLost: d.Watchers.Lost,
		Known: d.Clients.Known, Away: d.Clients.Away, Returned: d.Clients.Returned, Gaps: d.Clients.Gaps,
		Recovery: control.RecoveryTotals{
			Saved: d.Recovery.Saved, Restored: d.Recovery.Restored, Expired: d.Recovery.Expired, Evicted: d.Recovery.Evicted,
			Lost: d.Recovery.Lost, Refused: d.Recovery.Refused,
		},
	}
	in := s.Ingest
	m.Ingest = &control.IngestTotals{
		Requests: in.Requests, Events: in.Events, Refused: in.Refused, Readers: in.Watchers, Slow: in.Slow, Gaps: in.Gaps, Parked: in.Parked,
	}
	if j := s.Journal; j != nil {
		m.Journal = &control.JournalTotals{
			Segments: j.Segments, Bytes: j.Bytes, Waiting: j.Waiting, Appended: j.Appended, Refused: j.Refused, Lost: j.Lost,
			Failures: j.Failures, Synced: j.Synced, TookSync: j.TookSync, Degraded: j.Degraded != "",
		}
	}
}
