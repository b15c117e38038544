package broadcast

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sockd/sockd/instance/socketio"
)

// after returns how long to wait after n attempts, with the jitter.
func (r *Retry) after(n int) time.Duration {
	d := min(float64(r.Initial)*math.Pow(r.Factor, float64(n-1)), float64(r.Max))
	return time.Duration(d * (1 + r.Jitter*(2*rand.Float64()-1)))
}

// resend is one send that a lane is to make.
type resend struct {
	receipt *receipt
	round   int
	socket  *socketio.Socket
}

// retry sends again what is due, gives up what is spent, and ends the waits that are over. It returns how long the next one has, 0 if there is none.
func (b *Broadcaster) retry(now time.Duration) (next time.Duration) {
	d := &b.desk
	o := &b.opts.Load().Retry
	d.mu.Lock()
	var again []resend
	for len(d.due) > 0 && d.due[0].due <= now {
		again = append(again, b.decide(d.due[0], now, o)...)
	}
	sooner := func(at time.Duration) {
		if left := max(at-now, 1); next == 0 || left < next {
			next = left
		}
	}
	for _, m := range d.waiting {
		switch {
		case m.until == 0:
		case m.until <= now:
			d.settled = append(d.settled, m)
		default:
			sooner(m.until)
		}
	}
	if len(d.due) > 0 {
		sooner(d.due[0].due)
	}
	d.mu.Unlock()
	b.dispatch(again)
	b.settleAll()
	return next
}

// decide says what becomes of a receipt that is due; desk.mu is held.
func (b *Broadcaster) decide(r *receipt, now time.Duration, o *Retry) []resend {
	c := r.client
	switch end := r.mail.at + o.MaxAge; {
	case now >= end:
		b.giveUp(r, MaxAge)
	case r.attempts >= o.Attempts:
		b.giveUp(r, Attempts)
	case c.away || c.taker != nil:
		b.postpone(r, end, o)
	case len(c.sockets) == 0:
		b.giveUp(r, Left)
	default:
		b.postpone(r, now+o.AckTimeout, o) // if no send can be tried
		return again(r)
	}
	return nil
}

// again begins a round of sends; desk.mu is held.
func again(r *receipt) (all []resend) {
	r.round++
	for _, a := range r.client.sockets {
		all = append(all, resend{r, r.round, a.socket})
	}
	return all
}

// dispatch has the lanes send. What a full lane does not take is tried when it is due again.
func (b *Broadcaster) dispatch(all []resend) {
	slices.SortStableFunc(all, func(x, y resend) int { return cmp.Compare(x.socket.Shard(), y.socket.Shard()) })
	for len(all) > 0 {
		k, n := all[0].socket.Shard(), 1
		for n < len(all) && all[n].socket.Shard() == k {
			n++
		}
		part := all[:n:n]
		all = all[n:]
		if err := b.pool.Do(k, func() { b.resend(part) }); err != nil {
			b.missedTurn(part)
		}
	}
}

// missedTurn has receipts wait for another round.
func (b *Broadcaster) missedTurn(all []resend) {
	o, now := &b.opts.Load().Retry, b.now()
	b.desk.mu.Lock()
	defer b.desk.mu.Unlock()
	for _, x := range all {
		if x.receipt.state == open {
			b.postpone(x.receipt, now+o.after(1), o)
		}
	}
}

// resend runs on a lane.
func (b *Broadcaster) resend(all []resend) {
	for _, x := range all {
		b.desk.mu.Lock()
		live := x.receipt.state == open && x.receipt.round == x.round && x.receipt.client.index(x.socket) >= 0
		b.desk.mu.Unlock()
		if live {
			b.attempted(x.receipt, x.socket, x.socket.Send(x.receipt.mail.packet))
		}
	}
}

// overdue takes what a client that has come back has not acknowledged, of the events up to a number, as one more attempt for each. What has had
// all its attempts is left to its deadline.
func (b *Broadcaster) overdue(c *client, upto uint64) (all []piece) {
	o, now := &b.opts.Load().Retry, b.now()
	b.desk.mu.Lock()
	defer b.desk.mu.Unlock()
	for seq, r := range c.pending {
		if r.state != open || seq > upto || r.attempts >= o.Attempts {
			continue
		}
		r.round++
		b.count(r, now, o)
		all = append(all, piece{seq: seq, packet: r.mail.packet})
	}
	slices.SortFunc(all, func(x, y piece) int { return cmp.Compare(x.seq, y.seq) })
	return all
}
