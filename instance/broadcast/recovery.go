package broadcast

import (
	"time"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

const (
	stretch  = 256                    // events of the history that are looked at under b.mu in one go
	clockGap = 100 * time.Millisecond // the clock looks no more often; what is overdue is never given out, however late it is
)

var _ socketio.Recoverer = (*Broadcaster)(nil)

// Emit publishes e to one socket that is in the namespace; e.To is not used. With recovery on it is an event like any other, for the room of the socket's id,
// with a number, an offset and a place in the history. Otherwise it is sent at once, beside the order, and its number is 0.
func (b *Broadcaster) Emit(s *socketio.Socket, e Event, done func(seq uint64, err error)) {
	if b.opts.Load().Window > 0 {
		e.To = socketio.Selector{Rooms: []string{s.ID()}}
		b.Publish(e, done)
		return
	}
	packet, err := b.encode(e, "")
	if err != nil {
		b.stats.refuse(err)
	} else {
		b.send(s, packet, 1, e.Volatile)
	}
	if done != nil {
		done(0, err)
	}
}

// Begin implements [socketio.Recoverer].
func (b *Broadcaster) Begin(s *socketio.Socket, pid string) socketio.Recovery {
	x := &session{b: b, id: s.ID(), pid: pid, socket: s, from: b.last.Load()}
	if !b.sessions.begin(x) {
		return nil
	}
	return x
}

// Claim implements [socketio.Recoverer].
func (b *Broadcaster) Claim(pid, offset string, seen bool, adopt func(string, socketio.Recovery) *socketio.Socket) *socketio.Socket {
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
	now := b.now()
	if b.crowded() {
		return nil, TooMuch
	}
	b.mu.Lock()
	b.history.prune(now, &b.opts.Load().History)
	floor, seq := b.history.floor, b.seq
	b.mu.Unlock()
	return b.sessions.claim(pid, after, floor, seq, now, adopt)
}

func (b *Broadcaster) crowded() bool {
	f := b.opts.Load().Crowded
	return f != nil && f()
}

// Resume implements [socketio.Recovery]. The rest runs on the lane of the socket's shard: there, all events up to some number have been
// delivered and none after it.
func (x *session) Resume(s *socketio.Socket, back func([]string, *socketio.Packet, bool)) error {
	return x.b.pool.Do(s.Shard(), func() { x.resume(s, back) })
}

func (x *session) resume(s *socketio.Socket, back func([]string, *socketio.Packet, bool)) {
	b := x.b
	rooms, after, ok := b.sessions.holds(x, s)
	if !ok {
		back(nil, nil, false)
		return
	}
	missed, ok := b.missed(s.Shard(), after, newReceiver(x.id, rooms))
	if !ok || len(missed) > 0 && b.crowded() { // others may have come since the claim
		b.stats.lost.Add(1)
		back(nil, nil, false)
		return
	}
	b.stats.restored.Add(1)
	if len(missed) == 0 {
		back(rooms, nil, true)
		return
	}
	b.stats.replayed.Add(uint64(len(missed)))
	b.stats.sent.Add(uint64(len(missed)))
	back(rooms, socketio.Join(missed...), true)
}

// missed returns the events after one number, up to what lane k has delivered, that the receiver was to get. It runs on that lane. Not ok if one
// of them may be gone.
func (b *Broadcaster) missed(k int, after uint64, to *receiver) (all []*socketio.Packet, ok bool) {
	for {
		b.mu.Lock()
		upto := b.seq - uint64(len(b.lanes[k].queue))
		switch {
		case after >= upto:
			b.mu.Unlock()
			return all, true
		case after < b.history.floor:
			b.mu.Unlock()
			return nil, false
		}
		after, all = b.history.collect(after, upto, stretch, to, all)
		b.mu.Unlock()
	}
}

// Save implements [socketio.Recovery].
func (x *session) Save(s *socketio.Socket, rooms []string, r engineio.Reason) {
	x.b.noteSave(x.b.sessions.save(x, s, rooms, false, r, x.b.now()))
}

// Release implements [socketio.Recovery].
func (x *session) Release(s *socketio.Socket, r engineio.Reason) {
	x.b.noteSave(x.b.sessions.save(x, s, nil, true, r, x.b.now()))
}

func (b *Broadcaster) noteSave(evicted, first bool) {
	if evicted {
		b.stats.evicted.Add(1)
	}
	if first {
		b.signal()
	}
}

// now is the time since New, which a change of the clock does not move.
func (b *Broadcaster) now() time.Duration { return time.Since(b.made) }

// signal makes the clock look again.
func (b *Broadcaster) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// tick drops what is over its time and returns how long the clock may sleep; 0 = until it is woken.
func (b *Broadcaster) tick() time.Duration {
	now := b.now()
	n, next := b.sessions.expire(now)
	b.stats.expired.Add(uint64(n))
	o := &b.opts.Load().History
	b.mu.Lock()
	b.history.prune(now, o)
	if o.TTL > 0 && b.history.n > 0 {
		left := b.history.record(0).at + o.TTL - now
		if next == 0 || left < next {
			next = left
		}
	}
	b.mu.Unlock()
	if next == 0 {
		return 0
	}
	return max(next, clockGap)
}
