package broadcast

import (
	"errors"
	"slices"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// maxJoined bounds the bytes that are joined into one write. At 64 KiB the cost of a write(2) is spread as thin as it gets.
const maxJoined = 64 << 10

// flush runs on lane k. It carries what waits in the lane's outbox until nothing does. If a handler that a send has called panics, the lane's
// pool reports it; the rest of the batch is dropped, and the lane goes on with the next.
func (b *Broadcaster) flush(k int) {
	var rest []delivery
	defer func() {
		if len(rest) > 0 {
			b.panicked(rest)
			b.again(k)
		}
	}()
	for {
		batch := b.take(k)
		if batch == nil {
			return
		}
		for rest = batch; len(rest) > 0; {
			n := run(rest)
			b.deliver(k, rest[:n])
			b.timed(rest[:n])
			rest = rest[n:]
		}
		b.lanes[k].done.Store(batch[len(batch)-1].seq)
		clear(batch)
		b.give(k, batch)
	}
}

// timed tells how long events took.
func (b *Broadcaster) timed(ds []delivery) {
	f := b.opts.Load().FanOut
	if f == nil {
		return
	}
	now := b.now()
	for i := range ds {
		f(now - ds[i].at)
	}
}

// panicked counts events that were given up; those that are to be acknowledged will be tried again.
func (b *Broadcaster) panicked(rest []delivery) {
	for _, d := range rest {
		if d.mail != nil {
			b.delivered(d.mail)
			continue
		}
		b.stats.targeted.Add(1)
		b.stats.drop(Panicked, 1)
	}
}

// again has the lane look at its outbox once more.
func (b *Broadcaster) again(k int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := &b.lanes[k]
	if b.pool.Do(k, o.job) != nil { // what waits goes with the next event
		o.queued = false
		b.signalEmpty()
	}
}

// take empties the outbox. When there is nothing, the lane is done and nil is returned.
func (b *Broadcaster) take(k int) []delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := &b.lanes[k]
	if len(o.queue) == 0 {
		o.queued = false
		b.signalEmpty()
		return nil
	}
	batch := o.queue
	o.queue, o.spare, o.bytes = o.spare[:0], nil, 0
	return batch
}

func (b *Broadcaster) give(k int, spare []delivery) {
	b.mu.Lock()
	b.lanes[k].spare = spare
	b.mu.Unlock()
}

// run returns how many deliveries at the front go to the same rooms and so can be joined. They may differ in the one socket that is left out.
func run(q []delivery) int {
	n, size := 1, q[0].packet.Len()
	for n < len(q) {
		size += q[n].packet.Len()
		if q[0].mail != nil || q[n].mail != nil || size > maxJoined || q[n].volatile != q[0].volatile ||
			!slices.Equal(q[n].to.Rooms, q[0].to.Rooms) || !slices.Equal(q[n].to.Except, q[0].to.Except) {
			break
		}
		n++
	}
	return n
}

// deliver sends the packets of ds, which share their rooms, to every matching socket of shard k, joined into one write for each. A socket that
// joined after some of them were published gets only the others.
func (b *Broadcaster) deliver(k int, ds []delivery) {
	if len(ds) == 1 {
		d := ds[0]
		if d.mail != nil {
			b.deliverAcked(k, d)
			return
		}
		b.ns.Each(k, d.to, func(s *socketio.Socket) {
			if d.seq > s.Since() {
				b.send(s, d.packet, d.seq, 1, d.volatile)
			}
		})
		return
	}
	all := make([]*socketio.Packet, len(ds))
	skips := make([]string, 0, 8)
	for i, d := range ds {
		all[i] = d.packet
		if d.to.Skip != "" {
			skips = append(skips, d.to.Skip)
		}
	}
	slices.Sort(skips)
	joined, last := socketio.Join(all...), ds[len(ds)-1].seq
	to := socketio.Selector{Rooms: ds[0].to.Rooms, Except: ds[0].to.Except}
	b.ns.Each(k, to, func(s *socketio.Socket) {
		if _, sender := slices.BinarySearch(skips, s.ID()); !sender && ds[0].seq > s.Since() {
			b.send(s, joined, last, len(ds), ds[0].volatile)
			return
		}
		if own, n := ownOf(ds, s); n > 0 {
			b.send(s, own, last, n, ds[0].volatile)
		}
	})
}

// ownOf joins the packets of ds that are for s: those that it did not send and that were published after it joined. It counts them.
func ownOf(ds []delivery, s *socketio.Socket) (*socketio.Packet, int) {
	var own []*socketio.Packet
	for _, d := range ds {
		if d.to.Skip != s.ID() && d.seq > s.Since() {
			own = append(own, d.packet)
		}
	}
	if len(own) == 0 {
		return nil, 0
	}
	return socketio.Join(own...), len(own)
}

// send hands n events in one packet, the last of which has the number seq (0 = none), to s and counts what became of them.
func (b *Broadcaster) send(s *socketio.Socket, p *socketio.Packet, seq uint64, n int, volatile bool) {
	b.stats.targeted.Add(uint64(n))
	a := attachedBy(s)
	var before uint64
	if a != nil && seq > 0 {
		before = a.handed.Swap(seq)
	}
	var err error
	if volatile {
		err = s.SendVolatile(p)
	} else {
		err = s.Send(p)
	}
	switch {
	case err == nil:
		b.stats.sent.Add(uint64(n))
		return
	case errors.Is(err, engineio.ErrSlow):
		b.stats.drop(Slow, n)
	case errors.Is(err, engineio.ErrFull) && volatile:
		b.stats.drop(Volatile, n)
	case errors.Is(err, engineio.ErrFull):
		b.stats.drop(QueueFull, n)
	default:
		b.stats.drop(Gone, n)
	}
	if a != nil && seq > 0 {
		b.notHanded(a, seq, before)
	}
}

// attachedBy returns what ties a socket to a client with an id of its own, or nil.
func attachedBy(s *socketio.Socket) *attached {
	x, ok := s.Kept().(*session)
	if !ok {
		return nil
	}
	if a := x.attached.Load(); a != nil && a.socket == s {
		return a
	}
	return nil
}

// notHanded takes back that an event was handed to a socket, which may have left meanwhile.
func (b *Broadcaster) notHanded(a *attached, seq, before uint64) {
	b.desk.mu.Lock()
	defer b.desk.mu.Unlock()
	a.handed.CompareAndSwap(seq, before)
	if c := b.desk.at(a.socket); c != nil && c.away && c.to.id == a.socket.ID() && c.after == seq {
		c.after = before
		b.noteClient(c, false)
	}
}
