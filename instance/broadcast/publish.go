package broadcast

import (
	"errors"

	"github.com/sockd/sockd/instance/lane"
	"github.com/sockd/sockd/instance/socketio"
)

var (
	// errStale means that a packet was encoded for another length of its offset than it is to have.
	errStale = errors.New("broadcast: encoded too early")
	// errLater means that the journal has the event, and done will be called.
	errLater = errors.New("broadcast: being written")
)

// Publish encodes e, gives it the next sequence number and queues it for every lane, or for none. It never blocks. done, which may be nil, is called
// once, on any goroutine, with the number or the reason of the refusal: before Publish returns, unless there is a journal, which has to have written
// the event.
func (b *Broadcaster) Publish(e Event, done func(seq uint64, err error)) {
	seq, err := b.publish(&e, done)
	if err == errLater {
		return
	}
	if err != nil {
		b.stats.refuse(err)
	}
	if done != nil {
		done(seq, err)
	}
}

func (b *Broadcaster) publish(e *Event, done func(uint64, error)) (uint64, error) {
	if e.Recipients != nil {
		*e.Recipients = b.ns.Count(e.To)
	}
	kept := !e.Unkept && (!e.Volatile || e.Acked)
	for {
		mark := ""
		if kept && !e.Acked && b.opts.Load().Window > 0 {
			mark = b.marks.all[b.width.Load()]
		}
		d := delivery{to: e.To, volatile: e.Volatile && !e.Acked, unkept: !kept}
		if b.opts.Load().FanOut != nil {
			d.at = b.now()
		}
		if e.Acked {
			d.mail = &mail{wait: e.Wait, timeout: e.Timeout}
		}
		var err error
		if d.packet, err = b.encode(e, mark, d.mail); err != nil {
			return 0, err
		}
		if d.mail != nil {
			d.mail.packet = d.packet
		}
		seq, err := b.order(d, mark, done)
		if err == nil && d.mail != nil {
			b.settleAll() // what it has put out for lack of room
		}
		if err != errStale {
			return seq, err
		}
	}
}

// encode encodes e, with mark where its offset will be; "" = it gets none. One that asks for an acknowledgement never does: it may be sent again, and
// the client would take the older offset for its position. Nor does the reference server give it one.
func (b *Broadcaster) encode(e *Event, mark string, m *mail) (*socketio.Packet, error) {
	switch {
	case m != nil && e.Relay != nil:
		return b.ns.RelayAsking(b.answer(m), e.Relay, e.Name)
	case m != nil:
		return b.ns.Prepare(e.Name, b.answer(m), e.Args...)
	case e.Relay != nil && mark != "":
		return b.ns.RelayStamped(mark, e.Relay, e.Name)
	case e.Relay != nil:
		return b.ns.Relay(e.Relay, e.Name)
	case mark != "":
		return b.ns.PrepareStamped(mark, e.Name, e.Args...)
	}
	return b.ns.Prepare(e.Name, nil, e.Args...)
}

// order gives an encoded event its number and puts it into the history and every outbox, or nowhere. A packet whose place for the offset does
// not fit is stale: the number has got longer, or recovery was switched meanwhile.
func (b *Broadcaster) order(d delivery, mark string, done func(uint64, error)) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, ErrNotRunning
	}
	d.seq = b.seq + 1
	if marked := b.recover && !d.unkept && d.mail == nil; marked || mark != "" {
		width := b.marks.width(d.seq)
		b.width.Store(int32(width))
		if marked == (mark == "") || mark != "" && mark != b.marks.all[width] {
			return 0, errStale
		}
	}
	if !b.room(d.packet.Len()) {
		return 0, ErrFull
	}
	if mark != "" {
		var offset [40]byte
		d.packet.Stamp(b.marks.appendOffset(offset[:0], d.seq))
	}
	if b.journal != nil {
		if err := b.write(b.journal, d, done); err != nil {
			return 0, err
		}
		b.seq = d.seq
		return 0, errLater
	}
	if err := b.offer(); err != nil {
		return 0, err
	}
	b.seq = d.seq
	b.enqueue(d)
	b.release(d)
	return d.seq, nil
}

// release makes an event that is queued for the lanes known to everybody else; b.mu is held.
func (b *Broadcaster) release(d delivery) {
	b.last.Store(d.seq)
	b.stats.accepted.Add(1)
	if d.mail != nil {
		b.address(d)
	}
	if !d.unkept {
		b.keep(d)
	}
	if len(b.watchers) > 0 {
		b.tell(d)
	}
}

// offer makes sure that every lane will look at its outbox; b.mu is held. A lane that was asked in vain finds it empty.
func (b *Broadcaster) offer() error {
	for k := range b.lanes {
		o := &b.lanes[k]
		if o.queued {
			continue
		}
		switch err := b.pool.Do(k, o.job); {
		case errors.Is(err, lane.ErrFull):
			return ErrFull
		case err != nil:
			return ErrNotRunning
		}
		o.queued = true
	}
	return nil
}

// enqueue puts an event into every outbox; b.mu is held. After an offer that was refused the clock tries again.
func (b *Broadcaster) enqueue(d delivery) {
	for k := range b.lanes {
		o := &b.lanes[k]
		o.queue = append(o.queue, d)
		o.bytes += d.packet.Len()
	}
	if b.journal != nil && b.offer() != nil {
		b.signal()
	}
}

// keep puts an event into the history; b.mu is held.
func (b *Broadcaster) keep(d delivery) {
	o := &b.opts.Load().History
	first := b.history.n == 0
	b.history.add(record{seq: d.seq, at: b.now(), packet: d.packet, to: d.to, mail: d.mail}, o)
	if stale := b.history.floor >= b.stale && !b.asked && b.desk.names.Load() > 0; stale || first && o.TTL > 0 {
		b.asked = b.asked || stale
		b.signal()
	}
}

// room tells whether every outbox takes n more bytes; b.mu is held.
func (b *Broadcaster) room(n int) bool {
	o := b.opts.Load()
	for k := range b.lanes {
		l := &b.lanes[k]
		if waiting := l.bytes + b.unwritten; len(l.queue)+len(b.writing) >= o.Depth || waiting > 0 && waiting+n > o.Bytes {
			return false
		}
	}
	return true
}
