package broadcast

import (
	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// stretch is how many events of the history are looked at under b.mu in one go.
const stretch = 256

var _ socketio.Recoverer = (*Broadcaster)(nil)

// Emit publishes e to one socket that is in the namespace; e.To is not used. With recovery on, and if it is to be acknowledged, it is an event like
// any other, for the room of the socket's id, with a number and a place in the history. Otherwise it is sent at once, beside the order, and its
// number is 0.
func (b *Broadcaster) Emit(s *socketio.Socket, e Event, done func(seq uint64, err error)) {
	if b.opts.Load().Window > 0 || e.Acked {
		e.To = socketio.Selector{Rooms: []string{s.ID()}}
		b.Publish(e, done)
		return
	}
	packet, err := b.encode(&e, "", nil)
	if err != nil {
		b.stats.refuse(err)
	} else {
		b.send(s, packet, 0, 1, e.Volatile)
	}
	if done != nil {
		done(0, err)
	}
}

// Begin implements [socketio.Recoverer].
func (b *Broadcaster) Begin(s *socketio.Socket, pid string) socketio.Recovery {
	x, known := s.Kept().(*session)
	if !known {
		x = &session{b: b, id: s.ID(), own: s}
	}
	x.socket, x.from = s, b.last.Load()
	if !b.sessions.begin(x, pid) && !known && b.opts.Load().Replay <= 0 {
		return nil
	}
	return x
}

// Claim implements [socketio.Recoverer].
func (b *Broadcaster) Claim(pid, offset string, seen bool, adopt func(string, socketio.Recovery) *socketio.Socket) *socketio.Socket {
	if b.opts.Load().Window == 0 {
		return nil
	}
	holder, r := b.claim(pid, offset, seen, adopt)
	if r != none {
		b.stats.refusals[r].Add(1)
	}
	return holder
}

func (b *Broadcaster) claim(pid, offset string, seen bool, adopt func(string, socketio.Recovery) *socketio.Socket) (*socketio.Socket, Refusal) {
	var after uint64
	if seen {
		var r Refusal
		var ok bool
		if after, r, ok = b.marks.parse(offset); !ok {
			return nil, r
		}
	}
	if b.crowded() {
		return nil, TooMuch
	}
	now := b.now()
	o := b.opts.Load()
	b.mu.Lock()
	b.history.prune(now, &o.History)
	floor, seq := b.history.floor, b.last.Load()
	b.mu.Unlock()
	if o.Replay == None {
		floor = seq
	}
	return b.sessions.claim(pid, after, floor, seq, now, adopt)
}

func (b *Broadcaster) crowded() bool {
	f := b.opts.Load().Crowded
	return f != nil && f()
}

// Resume implements [socketio.Recovery]. The rest runs on the lane of the socket's shard: there, all events up to some number have been
// delivered and none after it.
func (x *session) Resume(s *socketio.Socket, back func([]string, *socketio.Packet, bool)) error {
	if s.Recovered() {
		return x.queue(s, func() { x.resume(s, back) })
	}
	pay := func() { x.pay(s, back) }
	j, waits := x.settles()
	if !waits {
		return x.queue(s, pay)
	}
	j.Settled(func() {
		if x.queue(s, pay) != nil {
			s.Conn().Close(engineio.ForcedClose) // its client may try again
		}
	})
	return nil
}

// queue runs job on the lane of the socket.
func (x *session) queue(s *socketio.Socket, job func()) error {
	err := x.b.pool.Do(s.Shard(), job)
	if err != nil {
		x.b.stats.refusals[Busy].Add(1)
	}
	return err
}

func (x *session) resume(s *socketio.Socket, back func([]string, *socketio.Packet, bool)) {
	b := x.b
	rooms, after, ok := b.sessions.holds(x, s)
	if !ok {
		back(nil, nil, false)
		return
	}
	missed, upto, floor := b.missed(s.Shard(), after, newReceiver(x.id, rooms))
	if floor > after || len(missed) > 0 && b.crowded() { // others may have come since the claim
		b.stats.lost.Add(1)
		back(nil, nil, false)
		return
	}
	c := b.clientOf(s)
	b.stats.restored.Add(1)
	back(rooms, b.replay(nil, missed, b.owed(c, upto)), true)
	if c != nil {
		x.arrive(c, s, upto)
	}
}

// missed returns the events after one number, up to what lane k has delivered, that the receiver was to get, and that number. It runs on that lane.
// If there may be more, those up to floor are gone.
func (b *Broadcaster) missed(k int, after uint64, to *receiver) (all []piece, upto, floor uint64) {
	for {
		b.mu.Lock()
		upto = b.passed(k)
		switch {
		case after >= upto:
			b.mu.Unlock()
			return all, upto, 0
		case after < b.history.floor:
			floor = b.history.floor
			b.mu.Unlock()
			return all, upto, min(floor, upto)
		}
		after, all = b.history.collect(after, upto, stretch, to, all)
		b.mu.Unlock()
	}
}

// passed returns the number up to which lane k has delivered everything; b.mu is held, on that lane.
func (b *Broadcaster) passed(k int) uint64 {
	if q := b.lanes[k].queue; len(q) > 0 {
		return q[0].seq - 1
	}
	return b.last.Load()
}

// Save implements [socketio.Recovery].
func (x *session) Save(s *socketio.Socket, rooms []string, r engineio.Reason) {
	x.save(s, rooms, false, r)
}

// Release implements [socketio.Recovery].
func (x *session) Release(s *socketio.Socket, r engineio.Reason) { x.save(s, nil, true, r) }

func (x *session) save(s *socketio.Socket, rooms []string, release bool, r engineio.Reason) {
	b := x.b
	kept, evicted, first := b.sessions.save(x, s, rooms, release, r, b.now())
	b.leave(x, s, rooms, kept)
	if !kept {
		b.unclaimable(x)
	}
	if evicted != "" {
		b.stats.evicted.Add(1)
		b.forget(evicted)
	}
	if first {
		b.signal()
	}
}

// unclaimable gives up what is owed to a client that was known by its session alone.
func (b *Broadcaster) unclaimable(x *session) {
	b.desk.mu.Lock()
	if c := b.desk.byID[x.id]; c != nil && c.away {
		b.desk.forget(c, Left, b)
	}
	b.desk.mu.Unlock()
	b.settleAll()
}
