package broadcast

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"

	"github.com/sockd/sockd/instance/socketio"
)

// GapEvent is the name of the event that tells a client with an id of its own which of the events since its position it cannot be given any more:
// {"from":n,"to":m}, both of them included. It comes before those that it is given, and has no number itself.
const GapEvent = "sockd:gap"

// Identify says which client a socket belongs to, for the handler's Connect, or before [socketio.Socket.Admit]. Clients are told apart by their id
// over all their connections: while one has no socket, it stays a recipient with the rooms that its last one had, for Options.Away, and its next
// socket is in those rooms and is sent first what the client has missed. Two sockets of one client get the same events, and one answer to an acked
// one is enough. For a socket that was recovered, its pid and offset decide about what it missed.
func (b *Broadcaster) Identify(s *socketio.Socket, id string) {
	x, ok := s.Kept().(*session)
	if !ok {
		x = &session{b: b, id: s.ID(), own: s}
	}
	b.desk.mu.Lock()
	_, known := b.desk.named[id]
	c := b.desk.name(id)
	x.client.Store(c)
	x.fresh = !known
	if !x.coming {
		x.coming = true
		c.coming++
	}
	b.desk.mu.Unlock()
	if !ok {
		s.Keep(x)
	}
}

var _ socketio.Debtor = (*session)(nil)

// Owes implements [socketio.Debtor]. A socket that nothing is owed to belongs to its client from here on.
func (x *session) Owes() bool {
	b := x.b
	b.desk.mu.Lock()
	defer b.desk.mu.Unlock()
	c, s := x.client.Load(), x.own
	x.own = nil
	_, waits := x.settles()
	owes := waits || b.opts.Load().Replay > 0 && (c == nil || x.fresh)
	if c == nil {
		return owes
	}
	if owes = owes || c.away || len(c.pending) > 0; !owes {
		a := attach(s, b.last.Load())
		c.sockets = append(c.sockets, a)
		x.attached.Store(a)
		b.desk.came(x)
		b.noteClient(c, false)
	}
	return owes
}

// debt is what a new socket is to be sent before anything else.
type debt struct {
	client   *client
	rooms    []string // that it gets back
	missed   []piece
	from, to uint64 // the gap; 0 = none
	upto     uint64
}

// pay lets a new socket in that something is owed to. It runs on the socket's lane.
func (x *session) pay(s *socketio.Socket, back func([]string, *socketio.Packet, bool)) {
	b := x.b
	d := x.debt(s)
	var gap *socketio.Packet
	if d.to > 0 {
		gap = b.gap(d.from, d.to)
	}
	back(d.rooms, b.replay(gap, d.missed, b.owed(d.client, d.upto)), true)
	if d.client != nil {
		x.arrive(d.client, s, d.upto)
	}
}

// debt looks up what is owed. Only one socket at a time is sent what its client has missed.
func (x *session) debt(s *socketio.Socket) debt {
	b := x.b
	o := b.opts.Load()
	b.desk.mu.Lock()
	c := x.client.Load()
	var to *receiver
	var after uint64
	if c != nil && c.away && c.taker == nil {
		c.taker, to, after = s, c.to, c.after
	}
	first := c == nil || x.fresh
	b.desk.mu.Unlock()

	d := debt{client: c, upto: b.here(s.Shard())}
	switch {
	case to != nil:
		b.returned(s, to, min(after, b.seen(s)), o, &d)
	case first && o.Replay > 0 && !b.crowded():
		d.missed = b.newest(d.upto, int(o.Replay), newReceiver(s.ID(), s.Rooms()))
	}
	return d
}

// seen returns the number of the last event that a client says it has seen, which may be less than what its last connection was handed. One that says
// nothing, or nothing of this order, counts as having seen everything.
func (b *Broadcaster) seen(s *socketio.Socket) uint64 {
	var said struct{ Offset string }
	if !bytes.Contains(s.Auth(), []byte(`"offset"`)) || json.Unmarshal(s.Auth(), &said) != nil {
		return math.MaxUint64
	}
	seq, _, ok := b.marks.parse(said.Offset)
	if !ok {
		return math.MaxUint64
	}
	return seq
}

// returned looks up what a client has missed.
func (b *Broadcaster) returned(s *socketio.Socket, to *receiver, after uint64, o *Options, d *debt) {
	b.stats.returned.Add(1)
	d.rooms = to.few
	if o.Replay == None {
		return
	}
	for {
		missed, upto, floor := b.missed(s.Shard(), after, to)
		d.upto = upto
		if floor == 0 {
			d.missed = missed
			break
		}
		if d.to == 0 {
			d.from = after + 1
		}
		d.to, after = floor, floor
	}
	if len(d.missed) > 0 && b.crowded() {
		if d.to == 0 {
			d.from = d.missed[0].seq
		}
		d.to, d.missed = d.upto, nil
	}
	if d.to > 0 {
		b.stats.gaps.Add(1)
	}
}

// here returns the number up to which a lane, on which it runs, has delivered everything.
func (b *Broadcaster) here(k int) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.passed(k)
}

// newest returns the last n events up to a number that the receiver may see, oldest first.
func (b *Broadcaster) newest(upto uint64, n int, to *receiver) (all []piece) {
	for before := upto + 1; before > 0 && len(all) < n; {
		b.mu.Lock()
		before, all = b.history.tail(before, stretch, n, to, all)
		b.mu.Unlock()
	}
	slices.Reverse(all)
	return all
}

// gap encodes what tells a client about events that are gone; nil if its protocol does not allow that.
func (b *Broadcaster) gap(from, to uint64) *socketio.Packet {
	p, err := b.ns.Prepare(GapEvent, nil, struct {
		From uint64 `json:"from"`
		To   uint64 `json:"to"`
	}{from, to})
	if err != nil {
		return nil
	}
	return p
}

// owed is overdue for a client that there may be.
func (b *Broadcaster) owed(c *client, upto uint64) []piece {
	if c == nil {
		return nil
	}
	return b.overdue(c, upto)
}

// clientOf returns the client of a socket, or nil.
func (b *Broadcaster) clientOf(s *socketio.Socket) *client {
	b.desk.mu.Lock()
	defer b.desk.mu.Unlock()
	return b.desk.at(s)
}

// replay joins what a client is sent before anything else, in order, and counts it; nil if that is nothing.
func (b *Broadcaster) replay(gap *socketio.Packet, missed, owed []piece) *socketio.Packet {
	var all []*socketio.Packet
	if gap != nil {
		all = append(all, gap)
	}
	b.stats.targeted.Add(uint64(len(missed)))
	b.stats.sent.Add(uint64(len(missed)))
	b.stats.replayed.Add(uint64(len(missed) + len(owed)))
	for len(missed) > 0 || len(owed) > 0 {
		from := &missed
		if len(missed) == 0 || len(owed) > 0 && owed[0].seq < missed[0].seq {
			from = &owed
		}
		all = append(all, (*from)[0].packet)
		*from = (*from)[1:]
	}
	if len(all) == 0 {
		return nil
	}
	return socketio.Join(all...)
}
