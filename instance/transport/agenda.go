package transport

import (
	"sync"
	"sync/atomic"
	"time"
)

// agendaTime is how long a poller does what is on its agenda before it looks at its connections again.
const agendaTime = 2 * turnTime

// agenda is what a poller does besides waiting for its connections: it goes on with those whose turn was too short, and makes calls that others
// want on its goroutine. A nonce through its probe wakes it, so that new events and the agenda take turns. It has a connection once at most, and
// else what callers have each one of: an upload, a stream.
type agenda struct {
	mu     sync.Mutex // a leaf, but for probe.mu
	tasks  []task
	awake  bool         // a nonce is on its way
	closed bool         // the poller has ended
	load   atomic.Int32 // how many tasks there are
}

// task is a connection to go on with, or a call.
type task struct {
	c *conn
	f func()
}

func (t task) do() {
	if t.c != nil {
		t.c.work()
		return
	}
	t.f()
}

// schedule puts c on the agenda.
func (p *probe) schedule(c *conn) { p.plan(task{c: c}) }

// plan puts t on the agenda. When the poller has ended, a goroutine does it.
func (p *probe) plan(t task) {
	a := &p.agenda
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.c != nil {
		if t.c.listed {
			return
		}
		t.c.listed = true
	}
	if a.closed {
		go t.do()
		return
	}
	a.tasks = append(a.tasks, t)
	a.load.Add(1)
	a.nudge(p)
}

// nudge wakes the poller; a.mu is held.
func (a *agenda) nudge(p *probe) {
	if !a.awake {
		a.awake = true
		p.nudge()
	}
}

// run does what is on the agenda, for agendaTime. The poller calls it.
func (p *probe) run() {
	a := &p.agenda
	until := time.Now().Add(agendaTime)
	a.mu.Lock()
	a.awake = false
	for n := len(a.tasks); n > 0; n-- { // not what comes meanwhile
		t := a.next()
		a.mu.Unlock()
		t.do()
		late := time.Now().After(until)
		a.mu.Lock()
		if late {
			break
		}
	}
	if len(a.tasks) > 0 {
		a.nudge(p)
	} else {
		a.tasks = nil
	}
	a.mu.Unlock()
}

// next takes the first task; a.mu is held.
func (a *agenda) next() task {
	t := a.tasks[0]
	a.tasks[0] = task{}
	a.tasks = a.tasks[1:]
	a.load.Add(-1)
	if t.c != nil {
		t.c.listed = false
	}
	return t
}

// end does what is left when the poller has ended.
func (p *probe) end() {
	a := &p.agenda
	a.mu.Lock()
	a.closed = true
	left := a.tasks
	a.tasks = nil
	a.mu.Unlock()
	for _, t := range left {
		t.do()
	}
}
