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

// maxPatternSpaces bounds the namespaces that clients can bring to life through a pattern such as "/room-*". It does not count those that the
// file names in full.
const maxPatternSpaces = 1024

// spaces are the namespaces of one instance, each with its broadcaster.
type spaces struct {
	in *Instance

	mu     sync.Mutex
	proof  *transport.Proof // nil until the pollers are proven
	group  *group
	closed bool
	live   map[string]*space
	gone   uint64 // events sent by namespaces that were removed
}

type space struct {
	ns     *socketio.Namespace
	b      *broadcast.Broadcaster
	cancel context.CancelFunc
	named  bool // in full, by the file
}

// start makes the namespaces that the file names in full. Others are made when a client asks for one that a pattern allows.
func (sp *spaces) start(g *group, proof *transport.Proof, s *settings) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	sp.group, sp.proof, sp.live = g, proof, map[string]*space{}
	for _, path := range s.named {
		sp.add(sp.in.io.Of(path), true)
	}
}

// open decides about a namespace that a client asked for and that does not exist yet.
func (sp *spaces) open(ns *socketio.Namespace) bool {
	s := sp.in.settings.Load()
	sp.mu.Lock()
	defer sp.mu.Unlock()
	switch {
	case sp.proof == nil || sp.closed || !s.allows(ns.Path()):
		return false
	case sp.live[ns.Path()] != nil: // an edit named it while the question waited
		return true
	}
	named := slices.Contains(s.named, ns.Path())
	if !named && len(sp.live) >= len(s.named)+maxPatternSpaces {
		return false
	}
	sp.add(ns, named)
	return true
}

// add gives ns its handler and a running broadcaster; sp.mu is held.
func (sp *spaces) add(ns *socketio.Namespace, named bool) {
	b := broadcast.New(sp.proof, ns, sp.in.pool, broadcast.Options{})
	ns.Handle(&route{in: sp.in, b: b})
	cancel := sp.group.startAlone("broadcaster "+ns.Path(), b.Run)
	sp.live[ns.Path()] = &space{ns: ns, b: b, cancel: cancel, named: named}
}

// apply removes the namespaces that s no longer allows, with their sockets, and makes those that it names in full.
func (sp *spaces) apply(s *settings) {
	sp.mu.Lock()
	if sp.proof == nil || sp.closed {
		sp.mu.Unlock()
		return
	}
	var removed []string
	for path := range sp.live {
		if !s.allows(path) {
			removed = append(removed, path)
		}
	}
	for _, path := range s.named {
		if sp.live[path] == nil {
			sp.add(sp.in.io.Of(path), true)
		}
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

// totals returns the rooms that exist and the events that were sent.
func (sp *spaces) totals() (rooms int, sent uint64) {
	sp.mu.Lock()
	live, sent := slices.Collect(maps.Values(sp.live)), sp.gone
	sp.mu.Unlock()
	for _, s := range live {
		rooms += s.ns.Rooms()
		sent += s.b.Sent()
	}
	return rooms, sent
}
