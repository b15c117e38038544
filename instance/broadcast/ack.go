package broadcast

import (
	"container/heap"
	"container/list"
	"encoding/json"
	"errors"
	"time"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// mail is an event that has to be acknowledged. desk.mu guards it from when it has its number.
type mail struct {
	packet   *socketio.Packet
	seq      uint64
	at       time.Duration
	lanes    int // that have not delivered it yet
	receipts []*receipt
	open     int // of them
	awaited  int
	acked    int

	wait    func(acked, awaited int)
	timeout time.Duration
	until   time.Duration // of the wait; 0 = none
}

// receipt is what one client owes for one event. desk.mu guards it.
type receipt struct {
	mail     *mail
	client   *client
	state    verdict
	attempts int // sends while it was connected
	failures int // sends since that were refused
	round    int // of sends; those of an earlier one are not made any more
	counted  int // the round whose send is counted
	due      time.Duration
	slot     int           // in desk.due
	place    *list.Element // in desk.open
}

type verdict uint8

const (
	open verdict = iota
	acked
	given // up
)

// answer returns what is called when a socket acknowledges m.
func (b *Broadcaster) answer(m *mail) socketio.AckFunc {
	return func(s *socketio.Socket, _ []json.RawMessage, _ [][]byte) { b.acknowledged(m, s) }
}

func (b *Broadcaster) acknowledged(m *mail, s *socketio.Socket) {
	b.desk.mu.Lock()
	if c := b.desk.at(s); c != nil {
		if r := c.pending[m.seq]; r != nil && r.state == open {
			m.acked++
			b.stats.sent.Add(1)
			if f := b.opts.Load().Answered; f != nil {
				f(b.now() - m.at)
			}
			b.close(r, acked)
		}
	}
	b.desk.mu.Unlock()
	b.settleAll()
}

// address notes who has to acknowledge an event: the sockets that are there and the clients that may come back. b.mu is held, so that whoever
// comes later is not among them, and who goes is.
func (b *Broadcaster) address(d delivery) {
	m, o, desk := d.mail, &b.opts.Load().Retry, &b.desk
	desk.mu.Lock()
	defer desk.mu.Unlock()
	m.seq, m.at, m.lanes = d.seq, b.now(), len(b.lanes)
	for k := range b.lanes {
		b.ns.Each(k, d.to, func(s *socketio.Socket) {
			if d.seq > s.Since() {
				b.expect(m, desk.of(s), o)
			}
		})
	}
	for c := range desk.away {
		if c.to.gets(&d.to) {
			b.expect(m, c, o)
		}
	}
	m.awaited = len(m.receipts)
	for desk.open.Len() > o.Capacity {
		b.giveUp(desk.open.Front().Value.(*receipt), Capacity)
	}
	if m.wait == nil {
		return
	}
	if m.open == 0 {
		desk.settled = append(desk.settled, m)
		return
	}
	if m.timeout > 0 {
		m.until = m.at + m.timeout
	}
	desk.waiting = append(desk.waiting, m)
	b.signal()
}

// expect makes a receipt, unless there is one; desk.mu is held.
func (b *Broadcaster) expect(m *mail, c *client, o *Retry) {
	if c.pending[m.seq] != nil {
		return
	}
	if c.pending == nil {
		c.pending = map[uint64]*receipt{}
	}
	r := &receipt{mail: m, client: c, due: m.at + min(o.AckTimeout, o.MaxAge)}
	if c.away {
		r.due = m.at + o.MaxAge
	}
	c.pending[m.seq] = r
	m.receipts = append(m.receipts, r)
	m.open++
	r.place = b.desk.open.PushBack(r)
	b.arm(r)
	b.stats.targeted.Add(1)
	b.stats.pending.Add(1)
}

// arm puts a receipt among the deadlines; desk.mu is held.
func (b *Broadcaster) arm(r *receipt) {
	heap.Push(&b.desk.due, r)
	if r.slot == 0 {
		b.signal()
	}
}

// postpone changes the deadline of a receipt, which is never after its event is too old; desk.mu is held.
func (b *Broadcaster) postpone(r *receipt, due time.Duration, o *Retry) {
	r.due = min(due, r.mail.at+o.MaxAge)
	heap.Fix(&b.desk.due, r.slot)
	if r.slot == 0 {
		b.signal()
	}
}

// giveUp ends the wait for an answer; desk.mu is held.
func (b *Broadcaster) giveUp(r *receipt, why Reason) {
	if r.state != open {
		return
	}
	b.stats.drop(why, 1)
	if b.opts.Load().Retry.Dead {
		b.desk.letters.add(letter{mail: r.mail, client: r.client.id, attempts: r.attempts, reason: why}, &b.stats)
	}
	b.close(r, given)
}

// close takes a receipt from the desk; desk.mu is held. Until all lanes have had the event it stays with its client, whose other sockets are
// to get the event still.
func (b *Broadcaster) close(r *receipt, v verdict) {
	m, d := r.mail, &b.desk
	r.state = v
	if b.journal != nil {
		b.journal.Answered(m.seq, r.client.id)
	}
	d.open.Remove(r.place)
	heap.Remove(&d.due, r.slot)
	b.stats.pending.Add(^uint64(0))
	if m.lanes == 0 {
		delete(r.client.pending, m.seq)
		d.tidy(r.client)
	}
	if m.open--; m.open > 0 {
		return
	}
	m.packet.Forget()
	if m.wait != nil && m.awaited > 0 {
		d.settled = append(d.settled, m)
	}
}

// delivered tells that one more lane has had an acked event.
func (b *Broadcaster) delivered(m *mail) {
	b.desk.mu.Lock()
	defer b.desk.mu.Unlock()
	if m.lanes--; m.lanes > 0 {
		return
	}
	for _, r := range m.receipts {
		if r.state != open {
			delete(r.client.pending, m.seq)
			b.desk.tidy(r.client)
		}
	}
	m.receipts = nil
}

// settleAll calls those who waited for answers of which no more are to come. No lock is held.
func (b *Broadcaster) settleAll() {
	d := &b.desk
	d.mu.Lock()
	done := d.settled
	d.settled = nil
	d.mu.Unlock()
	for _, m := range done {
		b.settle(m)
	}
}

// settle calls who waits for the answers to m, once.
func (b *Broadcaster) settle(m *mail) {
	d := &b.desk
	d.mu.Lock()
	f, n, of := m.wait, m.acked, m.awaited
	m.wait = nil
	for i, w := range d.waiting {
		if w == m {
			last := len(d.waiting) - 1
			d.waiting[i], d.waiting[last] = d.waiting[last], nil
			d.waiting = d.waiting[:last]
			break
		}
	}
	d.mu.Unlock()
	if f != nil {
		f(n, of)
	}
}

// stopWaiting calls all who wait.
func (b *Broadcaster) stopWaiting() {
	b.desk.mu.Lock()
	b.desk.settled = append(b.desk.settled, b.desk.waiting...)
	b.desk.mu.Unlock()
	b.settleAll()
}

// deliverAcked sends one acked event to every matching socket of shard k that has not acknowledged it. What was given up before it was sent
// for the first time is sent once all the same.
func (b *Broadcaster) deliverAcked(k int, d delivery) {
	b.ns.Each(k, d.to, func(s *socketio.Socket) {
		if d.seq <= s.Since() {
			return
		}
		if r := b.begin(s, d.mail); r != nil {
			b.attempted(r, s, s.Send(d.packet))
		}
	})
	b.delivered(d.mail)
}

// begin returns the receipt for the first send of an event to a socket; nil if it is not to be sent.
func (b *Broadcaster) begin(s *socketio.Socket, m *mail) *receipt {
	b.desk.mu.Lock()
	defer b.desk.mu.Unlock()
	c := b.desk.at(s)
	if c == nil {
		return nil
	}
	if i := c.index(s); i >= 0 {
		c.sockets[i].handed.Store(m.seq)
	}
	r := c.pending[m.seq]
	if r != nil && r.attempts == 0 {
		r.round++ // a retry that is on its way to this lane comes too late
	}
	return r
}

// attempted notes what became of a send.
func (b *Broadcaster) attempted(r *receipt, s *socketio.Socket, err error) {
	o, now := &b.opts.Load().Retry, b.now()
	defer b.settleAll()
	b.desk.mu.Lock()
	defer b.desk.mu.Unlock()
	if r.state != open {
		return
	}
	switch {
	case err == nil && (r.counted < r.round || r.attempts == 0):
		b.count(r, now, o)
	case err == nil:
	case errors.Is(err, engineio.ErrFull):
		r.failures++
		b.postpone(r, now+o.after(r.failures), o)
	case !r.client.away && !r.client.named && s.Kept() == nil:
		b.giveUp(r, Left)
	}
}

// count notes an attempt; desk.mu is held.
func (b *Broadcaster) count(r *receipt, now time.Duration, o *Retry) {
	r.counted, r.failures = r.round, 0
	r.attempts++
	if r.attempts > 1 {
		b.stats.retried.Add(1)
	}
	due := now + o.AckTimeout
	if r.attempts < o.Attempts {
		due += o.after(r.attempts)
	}
	b.postpone(r, due, o)
}
