package broadcast

import (
	"errors"
	"slices"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// maxJoined bounds the bytes that are joined into one write. At 64 KiB the cost of a write(2) is spread as thin as it gets.
const maxJoined = 64 << 10

// flush runs on lane k. It carries what waits in the lane's outbox until nothing does.
func (b *Broadcaster) flush(k int) {
	for {
		batch := b.take(k)
		if batch == nil {
			return
		}
		for rest := batch; len(rest) > 0; {
			n := run(rest)
			b.deliver(k, rest[:n])
			rest = rest[n:]
		}
		clear(batch)
		b.give(k, batch)
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
		if size > maxJoined || q[n].volatile != q[0].volatile ||
			!slices.Equal(q[n].to.Rooms, q[0].to.Rooms) || !slices.Equal(q[n].to.Except, q[0].to.Except) {
			break
		}
		n++
	}
	return n
}

// deliver sends the packets of ds, which share their rooms, to every matching socket of shard k, joined into one write for each.
func (b *Broadcaster) deliver(k int, ds []delivery) {
	if len(ds) == 1 {
		d := ds[0]
		b.ns.Each(k, d.to, func(s *socketio.Socket) { b.send(s, d.packet, 1, d.volatile) })
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
	joined := socketio.Join(all...)
	to := socketio.Selector{Rooms: ds[0].to.Rooms, Except: ds[0].to.Except}
	b.ns.Each(k, to, func(s *socketio.Socket) {
		if _, sender := slices.BinarySearch(skips, s.ID()); !sender {
			b.send(s, joined, len(ds), ds[0].volatile)
			return
		}
		if own, n := without(ds, s.ID()); n > 0 {
			b.send(s, own, n, ds[0].volatile)
		}
	})
}

// without joins the packets of ds that are not to be kept from the socket id, and counts them.
func without(ds []delivery, id string) (*socketio.Packet, int) {
	var rest []*socketio.Packet
	for _, d := range ds {
		if d.to.Skip != id {
			rest = append(rest, d.packet)
		}
	}
	if len(rest) == 0 {
		return nil, 0
	}
	return socketio.Join(rest...), len(rest)
}

// send hands n events in one packet to s and counts what became of them.
func (b *Broadcaster) send(s *socketio.Socket, p *socketio.Packet, n int, volatile bool) {
	var err error
	if volatile {
		err = s.SendVolatile(p)
	} else {
		err = s.Send(p)
	}
	switch {
	case err == nil:
		b.stats.sent.Add(uint64(n))
	case errors.Is(err, engineio.ErrSlow):
		b.stats.drop(Slow, n)
	case errors.Is(err, engineio.ErrFull) && volatile:
		b.stats.drop(Volatile, n)
	case errors.Is(err, engineio.ErrFull):
		b.stats.drop(QueueFull, n)
	default:
		b.stats.drop(Gone, n)
	}
}
