package broadcast

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// session is what is kept of a socket, and of those that follow it under the same id, until none can follow any more.
type session struct {
	b    *Broadcaster
	id   string
	pid  string // "" = its client cannot claim it
	name string // client_id in an earlier run

	own      *socketio.Socket         // the first that has it, until it is let in
	client   atomic.Pointer[client]   // with an id of its own; nil = none
	attached atomic.Pointer[attached] // to that, by its last socket
	fresh    bool                     // own is the first socket of that. Guarded by desk.mu, as the next
	coming   bool                     // a socket of that is about to be let in

	// Guarded by sessions.mu.
	from   uint64           // a client that has seen no event has missed those after this one
	socket *socketio.Socket // has it; nil = saved
	after  uint64           // the last event that the client had seen when it claimed the session
	rooms  []string         // as they were saved last
	until  time.Duration    // since New; when a saved one expires
	slot   int              // in sessions.saved
}

var _ socketio.Recovery = (*session)(nil)

// PID implements [socketio.Recovery].
func (x *session) PID() string { return x.pid }

// sessions are those of all sockets that can be recovered, and those that are saved.
type sessions struct {
	b      *Broadcaster
	mu     sync.Mutex
	window time.Duration // 0 = off
	limit  int           // of saved ones
	byPID  map[string]*session
	saved  expiry
}

// configure sets the window for those that will be saved. Without one, all are dropped; the ids of those that were saved are returned.
func (ss *sessions) configure(o *Options) (dropped []string) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.window, ss.limit = o.Window, o.Sessions
	if o.Window == 0 {
		for _, x := range ss.saved {
			dropped = append(dropped, x.id)
		}
		for _, x := range ss.byPID {
			ss.b.noteSession(x, nil, 0, true)
		}
		ss.byPID, ss.saved = nil, nil
	}
	return dropped
}

// begin takes in a session, which belongs to its pid from then on. It is false if recovery is off.
func (ss *sessions) begin(x *session, pid string) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.window == 0 {
		return false
	}
	x.pid = pid
	if ss.byPID == nil {
		ss.byPID = map[string]*session{}
	}
	ss.byPID[x.pid] = x
	ss.b.noteSession(x, others(x.own), 0, false)
	return true
}

// claim hands the session to a new socket, unless another has it: then it returns that.
func (ss *sessions) claim(
	pid string, after, floor, seq uint64, now time.Duration, adopt func(string, socketio.Recovery) *socketio.Socket,
) (*socketio.Socket, Refusal) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	x := ss.byPID[pid]
	if x == nil || x.socket == nil && x.until <= now {
		return nil, UnknownPID
	}
	after = max(after, x.from)
	switch {
	case after < floor:
		return nil, Pruned
	case after > seq:
		return nil, BadOffset
	case x.socket != nil:
		return x.socket, none
	}
	heap.Remove(&ss.saved, x.slot)
	x.socket, x.after = adopt(x.id, x), after
	ss.b.noteSession(x, x.rooms, 0, false)
	return nil, none
}

// holds returns the rooms and the position of a session that s has claimed; not ok if it has lost it since.
func (ss *sessions) holds(x *session, s *socketio.Socket) (rooms []string, after uint64, ok bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return x.rooms, x.after, x.socket == s && ss.byPID[x.pid] == x
}

// save takes a session back from s, or drops it. A released one goes back as it was. kept is false if nobody can claim it any more; evicted is the id
// of another one that had to go for it; first is whether the clock has to look.
func (ss *sessions) save(
	x *session, s *socketio.Socket, rooms []string, release bool, r engineio.Reason, now time.Duration,
) (kept bool, evicted string, first bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if x.pid == "" || ss.byPID[x.pid] != x {
		return false, "", false // dropped
	}
	if x.socket != s {
		return true, "", false // saved before
	}
	x.socket = nil
	if !lost(r) || release && !s.Recovered() {
		ss.drop(x)
		return false, "", false
	}
	if !release {
		x.rooms, x.until, x.from = rooms, now+ss.window, max(x.from, s.Since())
	}
	if len(ss.saved) >= ss.limit {
		other := heap.Pop(&ss.saved).(*session)
		ss.drop(other)
		evicted = other.id
	}
	heap.Push(&ss.saved, x)
	ss.b.noteSession(x, x.rooms, x.until, false)
	return true, evicted, x.slot == 0
}

// drop forgets a session; mu is held.
func (ss *sessions) drop(x *session) {
	delete(ss.byPID, x.pid)
	ss.b.noteSession(x, nil, 0, true)
}

// lost reports whether a socket that left for this reason may come back. What the client or the server's own logic ended stays ended.
func lost(r engineio.Reason) bool {
	switch r {
	case engineio.TransportError, engineio.TransportClose, engineio.ForcedClose, engineio.PingTimeout,
		engineio.ServerShuttingDown, engineio.ForcedServerClose, engineio.Slow:
		return true
	}
	return false
}

// expire drops the saved sessions whose time is over. It returns their ids, and how long the next one has, 0 if there is none.
func (ss *sessions) expire(now time.Duration) (gone []string, next time.Duration) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for len(ss.saved) > 0 {
		if left := ss.saved[0].until - now; left > 0 {
			return gone, left
		}
		x := heap.Pop(&ss.saved).(*session)
		ss.drop(x)
		gone = append(gone, x.id)
	}
	ss.saved = nil
	return gone, 0
}

func (ss *sessions) len() (saved int) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return len(ss.saved)
}

// expiry is a heap of saved sessions; the one that expires first is on top.
type expiry []*session

func (e expiry) Len() int           { return len(e) }
func (e expiry) Less(i, j int) bool { return e[i].until < e[j].until }

func (e expiry) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].slot, e[j].slot = i, j
}

// Push implements [heap.Interface].
func (e *expiry) Push(x any) {
	s := x.(*session)
	s.slot = len(*e)
	*e = append(*e, s)
}

// Pop implements [heap.Interface].
func (e *expiry) Pop() any {
	last := len(*e) - 1
	s := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return s
}
