package bench

import (
	"runtime"
	"time"
)

// loop is one thread of the generator. Everything in it belongs to its goroutine, but for published.
type loop struct {
	run   *run
	index int
	poll  *poller
	now   time.Duration // since the run began, as of the last read
	phase phase         // as of this turn

	links      []*link // by slot
	free       []int32
	generation int32
	events     []event
	buf        []byte // what is read goes here
	dirty      []*link
	failed     []failure // links that never opened

	driver  driver
	mark    mark
	packets packets
	members []member // that are to connect, the next one first
	born    int      // of them, begun
	dialing int      // begun, neither joined nor gone
	clients []*client

	tally   *tally // what counts now: result while measuring, else scratch
	scratch tally
	result  tally
	faults  faults
	checked time.Duration // when the slow checks ran last

	published published
	seenWork  uint64 // sum of what has been published
}

// failure is told at the end of the turn, when whoever dialed has noted the link.
type failure struct {
	link *link
	err  error
}

// member is whatever has to be connected before the load begins.
type member interface{ begin(nth int) }

// driver is a mode's behaviour on one loop.
type driver interface {
	joined(c *client)
	packet(c *client, p []byte)    // a Socket.IO packet from its type digit on, borrowed
	left(c *client, was stage)     // gone, wanted or not
	enter(p phase)                 // the phase has changed
	turn() (wait time.Duration)    // once a turn, after what was read; when it wants the next one at the latest
	check(olderThan time.Duration) // now and then: what was sent before that time is given up
}

const (
	readBuffer = 256 << 10
	checkEvery = 100 * time.Millisecond
	idleWait   = 50 * time.Millisecond

	// longest is how long a run waits for one answer while others arrive: a slow server is to be told from one that loses.
	longest = 30 * time.Second
	// joinTime is how long a client may take to connect.
	joinTime = 30 * time.Second
)

func newLoop(r *run, index int, m mark) (*loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	lp := &loop{run: r, index: index, poll: p, buf: make([]byte, readBuffer), mark: m}
	lp.packets = newPackets(&r.o, &lp.mark)
	lp.tally = &lp.scratch
	return lp, nil
}

// serve is the loop. It returns when the run is over.
func (lp *loop) serve() {
	runtime.LockOSThread()
	for {
		lp.now = lp.run.clock()
		wait := lp.turn()
		if lp.phase == over {
			break
		}
		if lp.run.o.BusyPoll || wait < time.Millisecond {
			wait = 0
		}
		var err error
		if lp.events, err = lp.poll.wait(wait, lp.events[:0]); err != nil {
			lp.run.abort(err)
		}
		for _, ev := range lp.events {
			if l := lp.links[ev.slot]; l != nil && l.gen == ev.gen {
				l.ready(ev)
			}
		}
	}
	for _, l := range lp.links {
		if l != nil {
			l.close()
		}
	}
	lp.poll.close()
}

func (lp *loop) turn() (wait time.Duration) {
	if lp.index == 0 {
		lp.run.advance(lp.now)
	}
	if p := phase(lp.run.phase.Load()); p != lp.phase {
		lp.enter(p)
	}
	wait = min(lp.dial(), lp.driver.turn(), idleWait)
	for len(lp.failed) > 0 {
		f := lp.failed[0]
		lp.failed = lp.failed[1:]
		f.link.close()
		f.link.owner.lost(f.link, f.err)
	}
	for _, l := range lp.dirty {
		l.flush()
	}
	lp.dirty = lp.dirty[:0]
	if lp.now-lp.checked >= checkEvery {
		lp.checked = lp.now
		lp.check()
	}
	return wait
}

func (lp *loop) enter(p phase) {
	lp.phase = p
	lp.tally = &lp.scratch
	if p == measuring {
		lp.tally = &lp.result
	}
	lp.driver.enter(p)
}

// dial begins as many connections as may be under way now.
func (lp *loop) dial() (wait time.Duration) {
	for lp.born < len(lp.members) && lp.dialing < lp.run.dialWidth() && !lp.run.ending() {
		if due := lp.run.dialDue(lp.born, len(lp.members)); due > lp.now {
			return due - lp.now
		}
		lp.dialing++
		m := lp.members[lp.born]
		lp.born++
		m.begin(lp.born*len(lp.run.loops) + lp.index)
	}
	return idleWait
}

func (lp *loop) check() {
	wait := longest
	if lp.run.silent(lp.now) {
		wait = lp.run.o.Patience
	}
	lp.driver.check(lp.now - wait)
	for _, c := range lp.clients {
		c.expire(lp.now)
	}
	lp.run.publish(lp)
}
