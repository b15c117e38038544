package fleet

import (
	"os"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
	"github.com/sockd/sockd/instance"
	"github.com/sockd/sockd/instance/transport"
)

// meterEvery is how often the rates of the table are measured.
const meterEvery = 2 * time.Second

// snapshot is what readers see of the loop. It is immutable.
type snapshot struct {
	version   string
	config    *config.Config // nil before the first one is applied
	state     control.FleetState
	startedAt time.Time
	revision  int
	appliedAt time.Time
	verdict   verdict
	pending   []string
	views     []view
	loops     *transport.Loops // those that instances share; nil in tests without instances
	stale     chan struct{}    // closed when there is a newer snapshot
}

// view is one entry as it was when the snapshot was taken. What the member itself knows is asked when it is read.
type view struct {
	name     string
	member   Member // nil while nothing runs
	state    instance.State
	note     string
	address  string
	port     int
	path     string
	restarts int
	in, out  float64 // events per second
	deaf     bool    // the member runs but has lost its listener
	settled  bool    // ready, or failed once, since it was last started
}

// publish makes the loop's state visible.
func (l *loop) publish() {
	s := &snapshot{
		version: l.f.o.Version, config: l.running, state: control.Running, startedAt: l.f.snapshot.Load().startedAt,
		revision: l.revision, appliedAt: l.appliedAt, verdict: l.verdict, pending: l.pending,
		loops: l.loops, views: make([]view, 0, len(l.entries)), stale: make(chan struct{}),
	}
	if l.ending {
		s.state = control.Stopping
	}
	for _, e := range l.sorted() {
		s.views = append(s.views, e.view())
	}
	close(l.f.snapshot.Swap(s).stale)
}

func (e *entry) view() view {
	v := view{
		name: e.name, state: e.state, note: e.note, address: e.cfg.Addr(), path: e.cfg.Path, restarts: e.restarts,
		in: e.meter.in, out: e.meter.out, settled: e.settled(),
	}
	if e.cfg.Port.Fixed() {
		v.address, v.port = address(e.cfg.Host, e.cfg.Port.First), e.cfg.Port.First
	}
	if e.bound != nil {
		v.address, v.port = e.bound.addr, e.bound.port
	}
	switch {
	case e.run != nil:
		v.member, v.deaf = e.run.member, e.bound == nil
	case e.drain != nil:
		v.state = instance.Draining
	}
	return v
}

// ask returns what the member says of itself at this moment, or what the fleet knows of one that does not run.
func (v *view) ask() instance.Status {
	if v.member == nil {
		return instance.Status{State: v.state, Note: v.note}
	}
	st := v.member.Status()
	if st.Note == "" {
		st.Note = v.note
	}
	if st.State == instance.Stopped {
		st.State = v.state // it has just ended, and the fleet is about to learn of it
	}
	if v.deaf && st.State == instance.Ready {
		st.State = instance.Degraded
	}
	return st
}

// Status returns the fleet as it is at this moment. It never blocks and may be called from any goroutine, also before and
// after Run.
func (f *Fleet) Status() control.Status {
	s := f.snapshot.Load()
	st := control.Status{Schema: control.Schema, Instances: make([]control.InstanceStatus, len(s.views))}
	st.Fleet = control.FleetStatus{
		PID: os.Getpid(), State: s.state, Revision: s.revision, ConfigState: s.verdict.state, ConfigError: s.verdict.fault,
		UptimeS: time.Since(s.startedAt).Seconds(), StartedAt: s.startedAt.UTC(),
		Version: s.version, AppliedAt: s.appliedAt, JudgedAt: s.verdict.at, Pending: s.pending,
	}
	if s.config != nil {
		st.Fleet.Name, st.Fleet.File = s.config.Fleet.Name, s.config.Path
		if f.o.Admin != nil {
			st.Fleet.Admin, st.Fleet.AdminNote = f.o.Admin()
		}
	}
	for i := range s.views {
		st.Instances[i] = s.views[i].status()
	}
	return st
}

func (v *view) status() control.InstanceStatus {
	m := v.ask()
	st := control.InstanceStatus{
		Name: v.name, State: string(m.State), Address: v.address, Port: v.port, Clients: m.Clients, Rooms: m.Rooms,
		EventsIn: m.EventsIn, EventsOut: m.EventsOut, RetryQueue: m.RetryQueue,
		ReadyMS: millis(m.ReadyIn), Restarts: v.restarts, Note: m.Note, Cause: string(m.Cause), RateIn: v.in, RateOut: v.out, Path: v.path,
	}
	if !m.Since.IsZero() {
		st.UptimeS = time.Since(m.Since).Seconds()
	}
	if w := m.Worker; w != nil {
		st.Worker = &control.WorkerStatus{
			State: string(w.State), Interpreter: w.Interpreter, Version: w.Version, Rule: w.Rule, PID: w.PID, Restarts: w.Restarts, Note: w.Note,
		}
	}
	return st
}

// meter turns totals into rates.
type meter struct {
	at              time.Time
	lastIn, lastOut uint64
	in, out         float64
}

func (m *meter) measure(now time.Time, in, out uint64) {
	if span := now.Sub(m.at).Seconds(); !m.at.IsZero() && span > 0 {
		m.in, m.out = perSecond(m.lastIn, in, span), perSecond(m.lastOut, out, span)
	}
	m.at, m.lastIn, m.lastOut = now, in, out
}

func perSecond(before, after uint64, span float64) float64 {
	if after < before {
		return 0
	}
	return float64(after-before) / span
}

func (l *loop) measure() {
	now, clients := time.Now(), 0
	for _, e := range l.entries {
		if e.run != nil {
			st := e.run.member.Status()
			e.meter.measure(now, st.EventsIn, st.EventsOut)
			clients += st.Clients
		}
	}
	l.f.crowd.Store(int64(clients))
}

// Crowd is how many clients the running instances had together when they were last measured, which is every two seconds.
func (f *Fleet) Crowd() int { return int(f.crowd.Load()) }
