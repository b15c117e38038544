package broadcast

import (
	"container/heap"
	"container/list"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// desk knows the clients that are owed something: those that have an id of their own, those that may come back, and those that have not
// acknowledged an event. Its lock comes after Broadcaster.mu and before those of the namespace's shards.
type desk struct {
	b       *Broadcaster
	mu      sync.Mutex
	named   map[string]*client   // by client_id
	byID    map[string]*client   // the others, by the id of their socket
	away    map[*client]struct{} // those that have no socket but may come back
	gone    list.List            // the named ones of them, as they left
	names   atomic.Int64         // of named
	open    list.List            // receipts that wait for an answer, as they were published
	due     deadlines            // the same, by time
	waiting []*mail              // with somebody who waits for the answers
	settled []*mail              // the same, when there is nothing more to wait for
	letters letters
}

// client is who events are owed to, however often it connects. desk.mu guards it.
type client struct {
	id      string // client_id, or that of its socket
	named   bool   // it is the former
	since   uint64 // the last event before it was known
	sockets []*attached
	coming  int                 // sockets that are about to be let in
	pending map[uint64]*receipt // by number; closed ones stay until all lanes have had the event

	// While it is away.
	away  bool
	to    *receiver // with the rooms that it had
	after uint64    // the last event that was handed to it
	until time.Duration
	place *list.Element    // in desk.gone
	taker *socketio.Socket // is being sent what the client has missed
}

// attached is a socket of a client.
type attached struct {
	socket *socketio.Socket
	handed atomic.Uint64 // the last event that was handed to it
}

func attach(s *socketio.Socket, handed uint64) *attached {
	a := &attached{socket: s}
	a.handed.Store(handed)
	return a
}

// raise notes that all events up to a number were handed to it.
func (a *attached) raise(seq uint64) {
	for was := a.handed.Load(); was < seq && !a.handed.CompareAndSwap(was, seq); {
		was = a.handed.Load()
	}
}

func (c *client) index(s *socketio.Socket) int {
	return slices.IndexFunc(c.sockets, func(a *attached) bool { return a.socket == s })
}

// at returns the client of a socket, or nil if there is none yet; mu is held.
func (d *desk) at(s *socketio.Socket) *client {
	if x, ok := s.Kept().(*session); ok {
		if c := x.client.Load(); c != nil {
			return c
		}
	}
	return d.byID[s.ID()]
}

// of is at, but makes the client if there is none; mu is held.
func (d *desk) of(s *socketio.Socket) *client {
	if c := d.at(s); c != nil {
		return c
	}
	c := d.anonymous(s.ID())
	c.sockets = []*attached{attach(s, 0)}
	return c
}

func (d *desk) anonymous(id string) *client {
	if d.byID == nil {
		d.byID = map[string]*client{}
	}
	c := &client{id: id}
	d.byID[id] = c
	return c
}

// name returns the client with an id of its own; mu is held.
func (d *desk) name(id string) *client {
	if c := d.named[id]; c != nil {
		return c
	}
	if d.named == nil {
		d.named = map[string]*client{}
	}
	c := &client{id: id, named: true, since: d.b.last.Load()}
	d.named[id] = c
	d.names.Add(1)
	return c
}

// tidy forgets a client that nothing is owed to any more; mu is held.
func (d *desk) tidy(c *client) {
	switch {
	case len(c.pending) > 0 || c.away:
	case !c.named:
		delete(d.byID, c.id)
	case len(c.sockets) == 0 && c.coming == 0:
		if d.named[c.id] == c {
			delete(d.named, c.id)
			d.names.Add(-1)
			d.b.noteClient(c, true)
		}
	}
}

// came notes that a socket is let in, or will not be; mu is held.
func (d *desk) came(x *session) {
	if c := x.client.Load(); x.coming {
		x.coming = false
		c.coming--
	}
}

// stay keeps a client whose last socket has left as one who may come back; mu is held.
func (d *desk) stay(c *client, to *receiver, after uint64) {
	if d.away == nil {
		d.away = map[*client]struct{}{}
	}
	d.away[c] = struct{}{}
	c.away, c.to, c.after = true, to, after
}

// arrive makes s the socket of a client that was away, with the number up to which it has everything, unless s has left meanwhile.
func (x *session) arrive(c *client, s *socketio.Socket, upto uint64) {
	d := &x.b.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.taker == s {
		c.taker = nil
	}
	d.came(x)
	if x.b.ns.Lookup(s.ID()) != s {
		d.tidy(c)
		return
	}
	if c.index(s) < 0 {
		a := attach(s, upto)
		c.sockets = append(c.sockets, a)
		x.attached.Store(a)
	}
	d.back(c)
	d.b.noteClient(c, false)
	d.tidy(c)
}

// back ends the absence of a client; mu is held.
func (d *desk) back(c *client) {
	if c.place != nil {
		d.gone.Remove(c.place)
	}
	delete(d.away, c)
	c.away, c.to, c.place = false, nil, nil
}

// forget gives up what is owed to a client that cannot come back any more; mu is held.
func (d *desk) forget(c *client, r Reason, b *Broadcaster) {
	d.back(c)
	for _, x := range c.pending {
		b.giveUp(x, r)
	}
	d.tidy(c)
}

// absent forgets named clients that have been away for too long and returns how long the next one has, 0 if there is none.
func (b *Broadcaster) absent(now time.Duration) time.Duration {
	d := &b.desk
	defer b.settleAll()
	d.mu.Lock()
	defer d.mu.Unlock()
	for e := d.gone.Front(); e != nil; e = d.gone.Front() {
		c := e.Value.(*client)
		if left := c.until - now; left > 0 {
			return left
		}
		b.stats.clientsExpired.Add(1)
		d.forget(c, MaxAge, b)
	}
	return 0
}

func (d *desk) idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.away) == 0 && d.open.Len() == 0
}

// forget gives up what is owed to a client that is known by the id of its socket alone.
func (b *Broadcaster) forget(id string) {
	b.desk.mu.Lock()
	if c := b.desk.byID[id]; c != nil {
		b.desk.forget(c, Left, b)
	}
	b.desk.mu.Unlock()
	b.settleAll()
}

// Left tells that a socket has left its namespace. It is for the handler's Disconnect; without it, what a client that cannot come back has not
// acknowledged is given up only when it is due.
func (b *Broadcaster) Left(s *socketio.Socket) {
	if b.stats.pending.Load() == 0 || s.Kept() != nil {
		return
	}
	b.forget(s.ID())
}

var _ socketio.Leaver = (*session)(nil)

// Leaving implements [socketio.Leaver]: from here on the client is away, while it may still be found in its shard.
func (x *session) Leaving(s *socketio.Socket, r engineio.Reason) {
	rooms := s.Rooms()
	if len(rooms) > 0 {
		rooms = rooms[1:]
	}
	x.b.leave(x, s, rooms, lost(r) && x.pid != "" && x.b.opts.Load().Window > 0)
}

// leave takes a socket from its client. It may be called again.
func (b *Broadcaster) leave(x *session, s *socketio.Socket, rooms []string, recoverable bool) {
	d := &b.desk
	o := b.opts.Load()
	defer b.settleAll()
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.at(s)
	if c == nil {
		if !recoverable || b.ns.Lookup(s.ID()) != s {
			return
		}
		c = d.of(s)
	}
	if c.taker == s {
		c.taker = nil
	}
	d.came(x)
	i := c.index(s)
	if i < 0 {
		d.tidy(c)
		return
	}
	handed := c.sockets[i].handed.Load()
	c.sockets = slices.Delete(c.sockets, i, i+1)
	if len(c.sockets) > 0 {
		return
	}
	c.sockets = nil
	if !c.named && !recoverable {
		d.forget(c, Left, b)
		return
	}
	d.stay(c, newReceiver(s.ID(), rooms), handed)
	if c.named {
		b.remember(c, o)
	}
}

// remember bounds the named clients that are away; desk.mu is held.
func (b *Broadcaster) remember(c *client, o *Options) {
	d := &b.desk
	c.until = b.now() + o.Away
	c.place = d.gone.PushBack(c)
	for d.gone.Len() > o.Clients {
		b.stats.clientsEvicted.Add(1)
		d.forget(d.gone.Front().Value.(*client), Left, b)
	}
	if c.away {
		b.noteClient(c, false)
	}
	if d.gone.Len() == 1 {
		b.signal()
	}
}

// deadlines is a heap of receipts; the one that is due first is on top.
type deadlines []*receipt

func (h deadlines) Len() int           { return len(h) }
func (h deadlines) Less(i, j int) bool { return h[i].due < h[j].due }

func (h deadlines) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = i, j
}

// Push implements [heap.Interface].
func (h *deadlines) Push(x any) {
	r := x.(*receipt)
	r.slot = len(*h)
	*h = append(*h, r)
}

// Pop implements [heap.Interface].
func (h *deadlines) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return r
}

var _ heap.Interface = (*deadlines)(nil)
