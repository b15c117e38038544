package bench

import (
	"strconv"
	"time"
)

// acks are the events of one client that wait for their acknowledgement. Ids begin with 0, as those of Node's client.
type acks struct {
	next uint64
	open int
	wait []pendingAck // by id modulo its length, a power of two
}

type pendingAck struct {
	id    uint64
	due   time.Duration
	taken bool
	lost  bool // was given up
}

// openWindow is the window of each client in an open loop.
const openWindow = 1024

func newAcks(window int) *acks {
	size := 1
	for size < window {
		size *= 2
	}
	return &acks{wait: make([]pendingAck, size)}
}

// ackDriver is mode ack.
type ackDriver struct {
	loop     *loop
	window   int
	turnOf   int // open loop: the client that is next
	schedule schedule
	scratch  []byte
}

func (d *ackDriver) joined(c *client) { c.acks = newAcks(d.window) }

func (d *ackDriver) left(c *client, was stage) {
	if was == joined {
		d.loop.run.open.Add(-int64(c.acks.open))
		d.loop.faults.lost += uint64(c.acks.open)
	}
}

func (d *ackDriver) enter(p phase) {
	if p == warming || p == measuring && d.schedule.begun == 0 {
		d.schedule = newSchedule(d.loop.now, d.loop.run.o.Rate/float64(len(d.loop.run.loops)))
	}
	for _, c := range d.loop.clients {
		d.fill(c)
	}
}

// turn sends what is due and has room: in a closed loop every client fills its window, in an open one they take turns.
func (d *ackDriver) turn() (wait time.Duration) {
	lp := d.loop
	if lp.phase != warming && lp.phase != measuring || len(lp.clients) == 0 {
		return idleWait
	}
	if lp.run.o.Rate == 0 {
		return idleWait
	}
	for tries := 0; tries < len(lp.clients); {
		due := d.schedule.next(lp.now)
		if due > lp.now {
			return due - lp.now
		}
		c := lp.clients[d.turnOf%len(lp.clients)]
		d.turnOf++
		if !d.hasRoom(c) {
			tries++
			continue
		}
		tries = 0
		d.schedule.take()
		d.emit(c, due)
	}
	return idleWait
}

// hasRoom is false as long as the place of the next id is taken.
func (d *ackDriver) hasRoom(c *client) bool {
	return c.stage == joined && c.acks.open < d.window && !c.acks.wait[c.acks.next%uint64(len(c.acks.wait))].taken
}

func (d *ackDriver) fill(c *client) {
	for d.loop.run.o.Rate == 0 && (d.loop.phase == warming || d.loop.phase == measuring) && d.hasRoom(c) {
		d.emit(c, d.loop.now)
	}
}

func (d *ackDriver) emit(c *client, due time.Duration) {
	a := c.acks
	p := append(d.scratch[:0], "42"...)
	p = append(p, d.loop.packets.prefix...)
	p = strconv.AppendUint(p, a.next, 10)
	d.scratch = append(p, d.loop.packets.ackTail.with(a.next)...)
	a.wait[a.next%uint64(len(a.wait))] = pendingAck{id: a.next, due: due, taken: true}
	a.next++
	a.open++
	d.loop.run.open.Add(1)
	c.send(d.scratch)
}

func (d *ackDriver) packet(c *client, p []byte) {
	kind, rest, ok := d.loop.packets.body(p)
	if !ok || kind != '3' {
		return
	}
	id, ok := ackID(rest)
	if !ok || id >= c.acks.next {
		d.loop.faults.add("ack of nothing")
		return
	}
	w := &c.acks.wait[id%uint64(len(c.acks.wait))]
	switch {
	case w.id == id && w.lost:
		w.lost = false
		d.loop.faults.late++
		return
	case w.id != id || !w.taken:
		d.loop.faults.doubled++
		return
	}
	d.free(c, w)
	d.loop.tally.events++
	d.loop.tally.answer.record(d.loop.now - w.due)
	d.fill(c)
}

func (d *ackDriver) free(c *client, w *pendingAck) {
	w.taken = false
	c.acks.open--
	d.loop.run.open.Add(-1)
}

// check gives up what is too old. An acknowledgement that comes after that is late, or doubled when its place has been used again.
func (d *ackDriver) check(olderThan time.Duration) {
	for _, c := range d.loop.clients {
		if c.stage != joined {
			continue
		}
		for i := range c.acks.wait {
			if w := &c.acks.wait[i]; w.taken && w.due < olderThan {
				d.free(c, w)
				w.lost = true
				d.loop.faults.lost++
			}
		}
		d.fill(c)
	}
}
