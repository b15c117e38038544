package broadcast

import (
	"container/heap"
	"sync"
	"time"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// session is what is kept of a socket, and of those that follow it under the same id, until none can follow any more.
type session struct {
	b   *Broadcaster
	id  string
	pid string

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
	mu     sync.Mutex
	window time.Duration // 0 = off
	limit  int           // of saved ones
	byPID  map[string]*session
	saved  expiry
}

// configure sets the window for those that will be saved. Without one, all are dropped.
func (ss *sessions) configure(o *Options) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.window, ss.limit = o.Window, o.Sessions
	if o.Window == 0 {
		ss.byPID, ss.saved = nil, nil
	}
}

// begin takes in a session. It is false if recovery is off.
func (ss *sessions) begin(x *session) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.window == 0 {
		return false
	}
	if ss.byPID == nil {
		ss.byPID = map[string]*session{}
	}
	ss.byPID[x.pid] = x
	return true
}

// claim hands the session to a new socket, unless another has it: then it returns that.
func (ss *sessions) claim(pid string, after, floor, seq uint64, now time.Duration, adopt func(string, socketio.Recovery) *socketio.Socket) (*socketio.Socket, Refusal) {
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
	return nil, none
}

// holds returns the rooms and the position of a session that s has claimed; not ok if it has lost it since.
func (ss *sessions) holds(x *session, s *socketio.Socket) (rooms []string, after uint64, ok bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return x.rooms, x.after, x.socket == s && ss.byPID[x.pid] == x
}

// save takes a session back from s, or drops it. A released one goes back as it was. It returns whether another one had to go for it, and
// whether the clock has to look.
func (ss *sessions) save(x *session, s *socketio.Socket, rooms []string, release bool, r engineio.Reason, now time.Duration) (evicted, first bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if x.socket != s || ss.byPID[x.pid] != x {
		return false, false // saved before, or dropped
	}
	x.socket = nil
	if !lost(r) || release && !s.Recovered() {
		delete(ss.byPID, x.pid)
		return false, false
	}
	if !release {
		x.rooms, x.until, x.from = rooms, now+ss.window, max(x.from, s.Since())
	}
	if len(ss.saved) >= ss.limit {
		delete(ss.byPID, heap.Pop(&ss.saved).(*session).pid)
		evicted = true
	}
	heap.Push(&ss.saved, x)
	return evicted, x.slot == 0
}

// lost reports whether a socket that left for this reason may come back. What the client or the server's own logic ended stays ended.
func lost(r engineio.Reason) bool {
	switch r {
	case engineio.TransportError, engineio.TransportClose, engineio.ForcedClose, engineio.PingTimeout, engineio.ServerShuttingDown, engineio.ForcedServerClose:
		return true
	}
	return false
}

// expire drops the saved sessions whose time is over. It returns how many, and how long the next one has, 0 if there is none.
func (ss *sessions) expire(now time.Duration) (n int, next time.Duration) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for len(ss.saved) > 0 {
		if left := ss.saved[0].until - now; left > 0 {
			return n, left
		}
		delete(ss.byPID, heap.Pop(&ss.saved).(*session).pid)
		n++
	}
	ss.saved = nil
	return n, 0
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
