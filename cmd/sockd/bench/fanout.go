package bench

import "time"

// fanout is modes fanout and ingest: loop 0 sends, by a client or by posts, and every loop's clients receive.
type fanout struct {
	loop     *loop
	board    *board
	sender   *client // loop 0, unless events are posted
	posters  *posters
	schedule schedule
	complete bool // the window counts broadcasts until their last receiver, not until they are accepted
}

func (d *fanout) joined(c *client) {
	if !c.sender {
		d.loop.run.receivers.Add(1)
	}
}

func (d *fanout) left(c *client, was stage) {
	r := d.loop.run
	switch {
	case c.sender && was == joined:
		r.finish()
	case c.sender:
		r.abort(r.nobody())
	case was == joined:
		r.receivers.Add(-1)
	}
}

func (d *fanout) enter(p phase) {
	if p == warming || p == measuring && d.schedule.begun == 0 {
		d.schedule = newSchedule(d.loop.now, d.loop.run.o.Rate)
	}
}

func (d *fanout) packet(c *client, p []byte) {
	if len(p) == 0 || p[0] != '2' || c.sender {
		return
	}
	seq, ok := d.loop.mark.seq(p)
	if !ok {
		return
	}
	if !c.seen.add(seq) {
		d.loop.faults.doubled++
		return
	}
	d.land(seq)
}

func (d *fanout) land(seq uint64) {
	lp := d.loop
	at := d.board.land(seq)
	switch {
	case at.late:
		lp.faults.late++
		return
	case !at.known:
		lp.faults.add("a number that was not sent")
		return
	case at.extra:
		lp.faults.doubled++
		return
	case at.last:
		lp.tally.last.record(lp.now - at.due)
		if lp.index != 0 && !lp.run.o.BusyPoll {
			lp.run.loops[0].poll.wake()
		}
	}
	lp.tally.deliveries++
	lp.tally.delivery.record(lp.now - at.due)
}

// turn sends what is due and has room.
func (d *fanout) turn() (wait time.Duration) {
	lp := d.loop
	if lp.index != 0 || lp.phase != warming && lp.phase != measuring {
		return idleWait
	}
	for d.hasRoom() {
		due := d.schedule.next(lp.now)
		if due > lp.now {
			return due - lp.now
		}
		d.schedule.take()
		d.send(d.board.launch(due, lp.run.receivers.Load()), due)
	}
	return idleWait
}

func (d *fanout) hasRoom() bool {
	if d.posters != nil && len(d.posters.idle) == 0 || d.board.full() {
		return false
	}
	if d.complete && d.loop.run.receivers.Load() == 0 { // all have left
		d.loop.run.finish()
		return false
	}
	if d.loop.run.o.Rate > 0 || !d.complete {
		return true
	}
	return d.board.open.Load() < int64(d.loop.run.o.Window)
}

func (d *fanout) send(seq uint64, due time.Duration) {
	if d.posters != nil {
		d.posters.post(seq, due)
		return
	}
	d.sender.send(d.loop.packets.event.with(seq))
	d.loop.tally.events++
}

func (d *fanout) check(olderThan time.Duration) {
	if d.loop.index != 0 {
		return
	}
	d.loop.faults.lost += d.board.giveUp(olderThan)
	if d.posters != nil {
		d.posters.redial()
	}
}
