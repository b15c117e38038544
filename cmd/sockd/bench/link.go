package bench

import (
	"errors"
	"net/netip"
)

// link is one TCP connection of a loop.
type link struct {
	loop  *loop
	fd    int
	slot  int32
	gen   int32 // tells this use of the slot from those before
	open  bool  // connected
	watch bool  // for room to write
	dirty bool  // in loop.dirty
	owner owner
	in    []byte // the beginning of a message that is incomplete
	out   []byte // not yet written
}

// owner speaks on a link. Its methods are called on the loop's goroutine.
type owner interface {
	connected(l *link)
	received(l *link, p []byte) (used int, err error) // p is borrowed; what is not used comes again with more
	lost(l *link, err error)                          // last call; the link is gone
}

// connect begins a connection. A failure at once is reported like a later one, by a call of lost.
func (lp *loop) connect(o owner, from netip.Addr) *link {
	l := &link{loop: lp, owner: o, fd: -1}
	fd, err := dial(lp.run.target.addr, from)
	if err != nil {
		lp.failed = append(lp.failed, failure{l, err})
		return l
	}
	l.fd = fd
	lp.place(l)
	if err := lp.poll.add(fd, l.slot, l.gen); err != nil {
		lp.failed = append(lp.failed, failure{l, err})
	}
	l.watch = true
	return l
}

// place gives the link a slot.
func (lp *loop) place(l *link) {
	lp.generation++
	l.gen = lp.generation
	if n := len(lp.free); n > 0 {
		l.slot = lp.free[n-1]
		lp.free = lp.free[:n-1]
		lp.links[l.slot] = l
		return
	}
	l.slot = int32(len(lp.links))
	lp.links = append(lp.links, l)
}

// write queues a copy of p, to be sent at the end of the turn together with all else of it.
func (l *link) write(p []byte) {
	l.out = append(l.out, p...)
	l.touch()
}

func (l *link) touch() {
	if !l.dirty {
		l.dirty = true
		l.loop.dirty = append(l.loop.dirty, l)
	}
}

// flush writes what the kernel takes.
func (l *link) flush() {
	l.dirty = false
	if l.fd < 0 || !l.open || len(l.out) == 0 {
		return
	}
	n, err := write(l.fd, l.out)
	if err != nil && !errors.Is(err, errAgain) {
		l.fail(err)
		return
	}
	l.out = l.out[:copy(l.out, l.out[n:])]
	if wait := len(l.out) > 0; wait != l.watch {
		l.watch = wait
		if err := l.loop.poll.watch(l.fd, l.slot, l.gen, wait); err != nil {
			l.fail(err)
		}
	}
}

// ready handles one event of the poller.
func (l *link) ready(ev event) {
	if !l.open {
		if err := dialed(l.fd); err != nil {
			l.fail(err)
			return
		}
		l.open = true
		l.owner.connected(l)
		l.touch() // stops the watch for room
		if len(l.out) == 0 {
			l.watch = false
			_ = l.loop.poll.watch(l.fd, l.slot, l.gen, false)
		}
		return
	}
	if ev.writable {
		l.touch()
	}
	l.read()
}

func (l *link) read() {
	buf := l.loop.buf
	kept := copy(buf, l.in)
	if kept == len(buf) { // a message larger than the buffer: collect it apart
		l.loop.buf = make([]byte, 2*len(buf))
		buf = l.loop.buf
		copy(buf, l.in)
	}
	n, err := read(l.fd, buf[kept:])
	if err != nil {
		if !errors.Is(err, errAgain) {
			l.fail(err)
		}
		return
	}
	l.loop.now = l.loop.run.clock()
	p := buf[:kept+n]
	used, err := l.owner.received(l, p)
	if err != nil {
		l.fail(err)
		return
	}
	if l.fd >= 0 {
		l.in = append(l.in[:0], p[used:]...)
	}
}

// fail closes the link and tells its owner.
func (l *link) fail(err error) {
	if l.close() {
		l.owner.lost(l, err)
	}
}

// close gives everything back. It reports false for a link that is closed.
func (l *link) close() bool {
	if l.fd < 0 {
		return false
	}
	hangUp(l.fd)
	l.loop.links[l.slot] = nil
	l.loop.free = append(l.loop.free, l.slot)
	l.fd, l.open, l.in, l.out = -1, false, nil, nil
	return true
}
