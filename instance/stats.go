package instance

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/ingest"
	"github.com/sockd/sockd/instance/journal"
	"github.com/sockd/sockd/instance/rule"
)

// Reasons that this package counts in [Stats].Refused, besides those of the packages below.
const (
	RefusedHost   = "host"              // 403: a Host name that a loopback instance does not go by
	RefusedOrigin = "origin"            // 403: a page of an origin that is not allowed
	RefusedRate   = "events_per_second" // an event over limits.events_per_second
	RefusedFiles  = "backlog"           // 503: a file, while too much waits for slow readers
	RefusedSpaces = "namespaces"        // CONNECT to a namespace that is not allowed, or one too many by pattern
	RefusedRooms  = "rooms_per_client"  // an event whose rule would have put its sender into too many rooms
	RefusedWork   = "work_queue"        // an event, while too many of its origin wait for slow rules
	RefusedArgs   = "arguments"         // an event whose rule made arguments that cannot be sent
	RefusedToken  = "unauthorized"      // CONNECT without a valid token, or that the worker did not accept
	RefusedWorker = "worker_queue"      // an event that the worker cannot take
	LostByWorker  = "worker_lost"       // an event that the worker took and did not answer
)

type refused uint8

const (
	badHost refused = iota
	badOrigin
	overRate
	backlogged
	badSpace
	overRooms
	overWork
	badArgs
	unauthorized
	overWorker
	lostByWorker
	refusals // how many there are
)

var refusedNames = [refusals]string{RefusedHost, RefusedOrigin, RefusedRate, RefusedFiles, RefusedSpaces, RefusedRooms, RefusedWork, RefusedArgs, RefusedToken, RefusedWorker, LostByWorker}

// counts are the instance's own.
type counts struct {
	refused [refusals]atomic.Uint64
	dropped [32]atomic.Uint64 // by rule.Reason
}

func (c *counts) refuse(r refused) { c.refused[r].Add(1) }

func (c *counts) drop(r rule.Reason) { c.dropped[int(r)%len(c.dropped)].Add(1) }

// Stats are totals since [New], by reason. Each refusal and loss is in exactly one of them, under the layer that decided it: transport
// (connections, requests, frames), engine (sessions), rule, event, recovery, and instance. Reasons that did not occur are missing.
type Stats struct {
	Refused  map[string]uint64 // "layer.reason": connections, requests, frames, events and recoveries that were not accepted
	Dropped  map[string]uint64 // "layer.reason": accepted events that did not reach one of their receivers, or that a rule dropped
	Ended    map[string]uint64 // sessions, by reason: "ping_timeout", "forced_close" (bytes that are no packet), …
	Delivery broadcast.Stats   // of all namespaces together; its Started and Seq are of no use
	Ingest   ingest.Stats
	Journal  *journal.Stats // nil without one
}

func newStats() Stats {
	return Stats{Refused: map[string]uint64{}, Dropped: map[string]uint64{}, Ended: map[string]uint64{}}
}

// Stats collects the counters of all layers. They are read one after the other, not at one moment.
func (in *Instance) Stats() Stats {
	s := newStats()
	for r, name := range refusedNames {
		note(s.Refused, "instance."+name, in.counts.refused[r].Load())
	}
	for _, r := range rule.Reasons() {
		note(s.Dropped, "rule."+r.String(), in.counts.dropped[r].Load())
	}
	for name, n := range in.http.Stats().Refused {
		note(s.Refused, "transport."+name, n)
	}
	engine := in.engine.Stats()
	for text, n := range engine.Refused {
		note(s.Refused, "engine."+key(text), n)
	}
	for reason, n := range engine.Ended {
		note(s.Ended, key(string(reason)), n)
	}
	note(s.Dropped, "engine.queue_full", engine.Dropped)
	note(s.Dropped, "engine.slow", engine.Slow)
	note(s.Dropped, "engine.discarded", engine.Discarded)
	note(s.Refused, "engine.upgrade_unfinished", engine.Unfinished)
	s.Ingest = in.posts.Stats()
	if l := in.ledger.Load(); l != nil {
		st := l.log.Stats()
		s.Journal = &st
	}
	in.spaces.collect(&s)
	return s
}

// add puts in what a namespace's broadcaster counted.
func (s *Stats) add(b broadcast.Stats) {
	note(s.Refused, "event.outbox_full", b.Refused.Full)
	note(s.Refused, "event.not_running", b.Refused.NotRunning)
	note(s.Refused, "event.invalid", b.Refused.Invalid)
	note(s.Refused, "event.degraded", b.Refused.Degraded)
	note(s.Dropped, "recovery.lost", b.Recovery.Lost)
	note(s.Dropped, "recovery.expired", b.Recovery.Expired)
	note(s.Dropped, "recovery.evicted", b.Recovery.Evicted)
	for reason, n := range b.Dropped {
		note(s.Dropped, "event."+reason, n)
	}
	for reason, n := range b.Recovery.Refused {
		note(s.Refused, "recovery."+reason, n)
	}
	s.Delivery.Merge(b)
}

// merge puts in what was collected before.
func (s *Stats) merge(old *Stats) {
	for reason, n := range old.Refused {
		note(s.Refused, reason, n)
	}
	for reason, n := range old.Dropped {
		note(s.Dropped, reason, n)
	}
	s.Delivery.Merge(old.Delivery)
}

func note(m map[string]uint64, reason string, n uint64) {
	if n > 0 {
		m[reason] += n
	}
}

// key makes a counter's name of a text of the protocol.
func key(text string) string { return strings.ReplaceAll(strings.ToLower(text), " ", "_") }

// collect adds what the broadcasters of all namespaces counted, also of those that were removed.
func (sp *spaces) collect(s *Stats) {
	sp.mu.Lock()
	live := slices.Collect(maps.Values(sp.live))
	s.merge(&sp.past)
	sp.mu.Unlock()
	for _, one := range live {
		s.add(one.b.Stats())
	}
}
