package instance

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/socketio"
	"github.com/sockd/sockd/instance/transport"
)

// maxPatternSpaces bounds the namespaces that clients can bring to life through a pattern such as "/room-*". When it is reached, those without a
// client are given up first.
const maxPatternSpaces = 1024

// Of the namespaces by pattern only the first keep a history of history.max_bytes; each further one has a share of it, so that one client cannot fill
// the memory by naming many.
const (
	wideSpaces  = 32
	narrowShare = 32
	leastBytes  = 64 << 10
)

// spaces are the namespaces of one instance, each with its broadcaster.
type spaces struct {
	in *Instance

	mu     sync.Mutex
	proof  *transport.Proof // nil until the pollers are proven
	group  *group
	closed bool
	full   bool // a client was refused for maxPatternSpaces, and that is logged
	live   map[string]*space
	gone   uint64 // events sent by namespaces that were removed
	past   Stats  // what their broadcasters counted
}

type space struct {
	ns     *socketio.Namespace
	b      *broadcast.Broadcaster
	route  *route
	cancel context.CancelFunc
	named  bool // in full, by the file
	narrow bool // see wideSpaces
}

// options of the namespace's broadcaster.
func (sp *spaces) options(path string, narrow bool, s *settings) broadcast.Options {
	o := s.broadcast(path, sp.in.crowded)
	o.FanOut, o.Answered = sp.in.fanOut.Observe, sp.in.answered.Observe
	if narrow && o.History.Bytes > 0 {
		o.History.Bytes = min(o.History.Bytes, max(o.History.Bytes/narrowShare, leastBytes))
	}
	return o
}

// start makes the namespaces that the file names in full. Others are made when a client asks for one that a pattern allows.
func (sp *spaces) start(g *group, proof *transport.Proof) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	sp.group, sp.proof, sp.live = g, proof, map[string]*space{}
	for _, path := range sp.in.settings.Load().named { // under sp.mu: apply comes before or after
		sp.add(sp.in.io.Of(path), true)
	}
}

// open decides about a namespace that a client asked for and that does not exist yet.
func (sp *spaces) open(ns *socketio.Namespace) bool {
	if sp.in.settings.Load().allows(ns.Path()) {
		sp.evict()
	}
	sp.mu.Lock()
	defer sp.mu.Unlock()
	s := sp.in.settings.Load() // under sp.mu: an edit that forbids it comes before or takes it out again
	switch {
	case sp.proof == nil || sp.closed:
		return false
	case !s.allows(ns.Path()):
		sp.in.counts.refuse(badSpace)
		return false
	case sp.live[ns.Path()] != nil: // an edit named it while the question waited
		return true
	}
	named := slices.Contains(s.named, ns.Path())
	if full := !named && len(sp.live) >= maxPatternSpaces; full {
		sp.in.counts.refuse(badSpace)
		if !sp.full {
			sp.in.env.Log.Warn("namespaces by pattern refused", "ns", ns.Path(), "n", len(sp.live))
		}
		sp.full = true
		return false
	}
	sp.full = false
	sp.add(ns, named)
	return true
}

// route returns the route of a namespace, which is made if a pattern allows it; nil if there is none.
func (sp *spaces) route(path string) *route {
	if s := sp.find(path); s != nil {
		return s.route
	}
	if !sp.in.settings.Load().allows(path) || !sp.in.io.Open(path) {
		return nil
	}
	if s := sp.find(path); s != nil {
		return s.route
	}
	return nil
}

func (sp *spaces) find(path string) *space {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	return sp.live[path]
}

// evict gives up the namespaces by pattern in which nobody is, if there are as many as may be.
func (sp *spaces) evict() {
	var empty []string
	sp.mu.Lock()
	if len(sp.live) >= maxPatternSpaces {
		for path, s := range sp.live {
			if !s.named && s.b.Idle() {
				empty = append(empty, path)
			}
		}
	}
	sp.mu.Unlock()
	for _, path := range empty {
		sp.remove(path)
	}
}

// add gives ns its handler and a running broadcaster; sp.mu is held.
func (sp *spaces) add(ns *socketio.Namespace, named bool) {
	narrow := !named && len(sp.live) >= wideSpaces
	b, run := sp.in.journaled(ns, sp.proof, sp.options(ns.Path(), narrow, sp.in.settings.Load()))
	r := &route{in: sp.in, ns: ns, b: b}
	ns.Handle(r)
	cancel := sp.group.startAlone("broadcaster "+ns.Path(), run)
	sp.live[ns.Path()] = &space{ns: ns, b: b, route: r, cancel: cancel, named: named, narrow: narrow}
	sp.in.taps.follow(sp.live)
}

// apply removes the namespaces that s no longer allows, with their sockets, and makes those that it names in full.
func (sp *spaces) apply(s *settings) {
	sp.mu.Lock()
	if sp.proof == nil || sp.closed {
		sp.mu.Unlock()
		return
	}
	var removed []string
	for path, live := range sp.live {
		live.named = slices.Contains(s.named, path)
		if !s.allows(path) {
			removed = append(removed, path)
		}
	}
	for _, path := range s.named {
		if sp.live[path] == nil {
			sp.add(sp.in.io.Of(path), true)
		}
	}
	for _, one := range sp.live {
		one.b.Configure(sp.options(one.ns.Path(), one.narrow && !one.named, s))
	}
	sp.mu.Unlock()
	for _, path := range removed {
		sp.remove(path)
	}
}

func (sp *spaces) remove(path string) {
	sp.mu.Lock()
	s := sp.live[path]
	delete(sp.live, path)
	if s != nil {
		sp.gone += s.b.Sent()
		sp.past.add(s.b.Stats())
	}
	sp.mu.Unlock()
	if s == nil {
		return
	}
	sp.in.io.Remove(path)
	s.cancel()
}

// close stops the making of namespaces.
func (sp *spaces) close() {
	sp.mu.Lock()
	sp.closed = true
	sp.mu.Unlock()
}

// totals returns the rooms that exist, the events that were sent, and those that wait for their acknowledgement.
func (sp *spaces) totals() (rooms int, sent, pending uint64) {
	sp.mu.Lock()
	live, sent := slices.Collect(maps.Values(sp.live)), sp.gone
	sp.mu.Unlock()
	for _, s := range live {
		rooms += s.ns.Rooms()
		sent += s.b.Sent()
		pending += s.b.Pending()
	}
	return rooms, sent, pending
}
