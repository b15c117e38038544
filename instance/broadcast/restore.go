package broadcast

import (
	"container/heap"
	"slices"
	"time"

	"github.com/sockd/sockd/instance/socketio"
)

// Restored is what a journal has kept of an earlier run.
type Restored struct {
	Epoch    string // of the numbers; "" = a new one
	Seq      uint64 // the highest number that was given out
	Floor    uint64 // the highest number of a kept event that is no longer among Events; 0 = none was dropped
	Events   []Stored
	Sessions []SessionState
	Clients  []ClientState
	Answered map[uint64][]string // by event: the clients that nothing is awaited from any more
}

// Stored is an event of an earlier run.
type Stored struct {
	Seq   uint64
	At    time.Time
	Event socketio.Event // name, payload and attachments
	To    socketio.Selector
	Acked bool
}

// restore takes over what an earlier run has left, and tells the journal what has become of it. It is called by New, after the options are set.
func (b *Broadcaster) restore(r *Restored) {
	if r.Epoch != "" {
		b.marks = newMarks(r.Epoch)
	}
	b.seq = r.Seq
	b.last.Store(r.Seq)
	b.width.Store(int32(b.marks.width(r.Seq + 1)))
	b.history.floor, b.stale = r.Floor, r.Seq
	for k := range b.lanes {
		b.lanes[k].done.Store(r.Seq)
	}
	o := b.opts.Load()
	b.restoreSessions(r.Sessions, o)
	b.restoreClients(r.Clients, o)
	b.restoreEvents(r, o)
}

func (b *Broadcaster) restoreSessions(all []SessionState, o *Options) {
	for _, s := range all {
		until := b.now() + o.Window
		if !s.Until.IsZero() {
			until = s.Until.Sub(b.made)
		}
		x := &session{b: b, pid: s.PID, id: s.ID, name: s.Client, from: s.From, rooms: s.Rooms, until: until}
		if s.Gone || until <= b.now() || len(b.sessions.saved) >= o.Sessions || !b.sessions.begin(x, s.PID) {
			b.noteSession(x, nil, 0, true)
			continue
		}
		heap.Push(&b.sessions.saved, x)
		b.noteSession(x, x.rooms, until, false)
		if s.Client == "" { // else that is who is owed something
			c := b.desk.anonymous(s.ID)
			c.since = s.From
			b.desk.stay(c, newReceiver(s.ID, s.Rooms), s.From)
		}
	}
}

// restoreClients keeps those that were there when the run ended as if they had left at that moment, with everything handed to them.
func (b *Broadcaster) restoreClients(all []ClientState, o *Options) {
	slices.SortStableFunc(all, func(x, y ClientState) int { return x.Until.Compare(y.Until) })
	for _, s := range all {
		until, after := s.Until.Sub(b.made), s.After
		if s.Until.IsZero() {
			until, after = b.now()+o.Away, b.seq
		}
		if s.Gone || until <= b.now() {
			b.noteClient(&client{id: s.ID, named: true}, true)
			continue
		}
		c := b.desk.name(s.ID)
		c.since = s.Since
		b.desk.stay(c, newReceiver(s.Socket, s.Rooms), after)
		b.remember(c, o)
		c.until = until
		b.noteClient(c, false)
	}
}

// restoreEvents fills the history, and has those clients be sent again what they have not acknowledged.
func (b *Broadcaster) restoreEvents(r *Restored, o *Options) {
	now := b.now()
	for i := range r.Events {
		e := &r.Events[i]
		d := delivery{seq: e.Seq, to: e.To}
		mark := ""
		if o.Window > 0 && !e.Acked {
			mark = b.marks.all[b.marks.width(e.Seq)]
		}
		if e.Acked {
			d.mail = &mail{seq: e.Seq, at: e.At.Sub(b.made)}
		}
		var err error
		if d.packet, err = b.encode(&Event{Relay: &e.Event}, mark, d.mail); err != nil {
			continue
		}
		if mark != "" {
			d.packet.Stamp(b.marks.appendOffset(nil, e.Seq))
		}
		if d.mail != nil {
			d.mail.packet = d.packet
			b.owe(d, r.Answered[e.Seq], o)
		}
		b.history.add(record{seq: d.seq, at: e.At.Sub(b.made), packet: d.packet, to: d.to, mail: d.mail}, &o.History)
	}
	b.history.prune(now, &o.History)
}

// owe finds the clients of a restored event that have not acknowledged it.
func (b *Broadcaster) owe(d delivery, answered []string, o *Options) {
	for c := range b.desk.away {
		if c.to.gets(&d.to) && !slices.Contains(answered, c.id) && d.seq > c.since {
			b.expect(d.mail, c, &o.Retry)
		}
	}
	d.mail.awaited = len(d.mail.receipts)
	d.mail.receipts = nil
}
