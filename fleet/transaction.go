package fleet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
	"github.com/sockd/sockd/instance"
)

// transaction carries a plan out: compile, prepare, then either commit or rollback.
type transaction struct {
	l    *loop
	want *config.Config
	jobs []*job

	taken   map[string]string   // address → the instance that has it after the edit
	free    map[string]*binding // addresses that the edit gives up and nobody has claimed
	claimed map[*binding]bool   // those that somebody has
	undo    []func()            // what prepare has done, to be undone in reverse
	touched bool                // something that runs has noticed
}

// job is one step of the plan together with what prepare has made for it.
type job struct {
	action string
	e      *entry
	cfg    *config.Instance // as wanted; nil if the instance goes

	member  Member   // to be launched
	target  *binding // the address to move to; nil if it stays where it is
	reopen  bool     // the address is free only once another of the fleet's is closed
	unbound error    // why there is no target: the instance will wait for its address alone
}

// runs reports whether the instance is to run after the edit.
func (j *job) runs() bool { return j.cfg != nil && j.cfg.Enabled }

// launches reports whether a new member is needed. An instance that an edit concerns is tried again at once when it was in
// backoff or had failed.
func (j *job) launches() bool {
	return j.runs() && (j.action == control.ActionReplace || j.e.run == nil)
}

func (j *job) moves() bool { return moved(j.e.cfg, j.cfg) }

// places reports whether an address has to be found.
func (j *job) places() bool { return j.runs() && (j.e.bound == nil || j.moves()) }

// alone reports whether the instance may wait for its address alone: it is new, or the edit did not move it. A new
// address of an instance that was there before has to work, or the edit is refused.
func (j *job) alone() bool { return j.action == control.ActionStart || !j.moves() }

// begin gathers what plan concerns. It changes nothing.
func (l *loop) begin(plan Plan, want *config.Config) *transaction {
	t := &transaction{l: l, want: want, taken: make(map[string]string), free: make(map[string]*binding), claimed: make(map[*binding]bool)}
	giving := make(map[*entry]bool)
	for _, s := range plan.Steps {
		if s.Instance == "" {
			continue
		}
		j := &job{action: s.Action, e: l.entries[s.Instance], cfg: want.Instances[s.Instance]}
		if j.e == nil {
			j.e = &entry{name: s.Instance, cfg: j.cfg}
		}
		t.jobs = append(t.jobs, j)
		if !j.runs() || j.moves() {
			giving[j.e] = true
		}
	}
	for _, e := range l.entries {
		switch {
		case e.bound == nil:
		case giving[e]:
			t.free[e.bound.addr] = e.bound
		default:
			t.taken[e.bound.addr] = e.name
		}
	}
	return t
}

// compile makes every member that the plan needs, and opens nothing. With trial it also makes those whose settings would
// only be applied, and throws all of them away.
func (t *transaction) compile(trial bool) (faults []error) {
	for _, j := range t.jobs {
		if !j.launches() && !(trial && j.runs()) {
			continue
		}
		m, err := t.l.f.o.Start(j.e.name, j.cfg, t.l.env(j.e.name))
		if err != nil {
			faults = append(faults, err)
			continue
		}
		j.member = m
	}
	return faults
}

// prepare finds an address for everyone and applies the settings, so that commit cannot fail. After a fault the caller
// rolls back.
func (t *transaction) prepare() []error {
	if faults := t.place(); len(faults) > 0 {
		return faults
	}
	for _, j := range t.jobs {
		if !j.runs() || j.launches() {
			continue
		}
		if err := j.e.run.member.Apply(j.cfg); err != nil {
			return []error{err}
		}
		t.touched = true
		t.undo = append(t.undo, func() { t.unapply(j.e) })
	}
	for _, j := range t.jobs {
		if !j.reopen {
			continue
		}
		if err := t.reopenFor(j); err != nil {
			return []error{t.l.f.explain(j.e.name, j.cfg, err)}
		}
	}
	return nil
}

func (t *transaction) unapply(e *entry) {
	if err := e.run.member.Apply(e.cfg); err != nil {
		t.l.f.o.Log.Error("previous settings not applied again", "instance", e.name, "err", err)
	}
}

func (t *transaction) rollback() {
	for _, undo := range slices.Backward(t.undo) {
		undo()
	}
	t.undo = nil
}

// commit takes the steps. Nothing in it can fail: what cannot start goes into backoff alone.
func (t *transaction) commit() (launched []*entry) {
	l := t.l
	l.f.policy.Store(&t.want.Fleet)
	for _, j := range t.jobs {
		if j.e.run != nil && (!j.runs() || j.launches() || t.claimed[j.e.bound] && j.e.bound != j.target) {
			j.e.run.member.Serve(nil)
		}
	}
	var waiting []*job
	for _, j := range t.jobs {
		switch {
		case !j.runs():
			t.remove(j)
		case j.unbound != nil:
			t.admit(j)
			waiting = append(waiting, j)
		default:
			t.admit(j)
			t.move(j)
		}
		if j.member != nil {
			launched = append(launched, j.e)
		}
	}
	for _, b := range t.free {
		b.ln.Close()
	}
	for _, j := range waiting {
		t.wait(j)
	}
	l.running, l.revision, l.appliedAt = t.want, l.revision+1, time.Now()
	l.accept(t.want)
	l.ports.save()
	l.f.o.Applied(t.want)
	return launched
}

// remove takes an instance out, or leaves it there without a member if it is only disabled.
func (t *transaction) remove(j *job) {
	e, l := j.e, t.l
	l.leave(e.run, e)
	e.run, e.bound, e.retryAt, e.note = nil, nil, time.Time{}, ""
	if j.cfg == nil {
		delete(l.entries, e.name)
		return
	}
	e.cfg, e.state, e.tried, e.budget, e.busy = j.cfg, instance.Disabled, true, budget{}, 0
	l.entries[e.name] = e
}

// admit makes the wanted configuration the entry's own. An instance that is to be launched has a fresh budget.
func (t *transaction) admit(j *job) {
	e := j.e
	e.cfg = j.cfg
	t.l.entries[e.name] = e
	if j.member != nil {
		e.budget, e.busy, e.tried, e.note, e.retryAt = budget{}, 0, false, "", time.Time{}
	}
}

// move brings the instance to its address: the running member, or a new one whose predecessor then drains.
func (t *transaction) move(j *job) {
	e, old := j.e, j.e.run
	if j.target != nil {
		e.bound = j.target
		t.l.chose(e.name, e.cfg.Port, e.bound)
	}
	if j.member == nil {
		if j.target != nil {
			old.member.Serve(e.bound.ln)
		}
		return
	}
	t.l.launch(e, j.member)
	t.l.leave(old, e)
}

// wait leaves an instance without an address in backoff, after one more look in case the edit itself has freed it.
func (t *transaction) wait(j *job) {
	e, l := j.e, t.l
	e.bound = nil
	if old := e.run; j.member != nil && old != nil {
		e.run = nil
		l.leave(old, e)
	}
	b, err := l.bind(e)
	if err != nil {
		l.unbound(e, err)
		return
	}
	e.bound = b
	if j.member != nil {
		l.launch(e, j.member)
		return
	}
	e.run.member.Serve(b.ln)
}

// leave lets p, which no longer accepts, drain in the background. A nil p is fine.
func (l *loop) leave(p *process, e *entry) {
	if p == nil {
		return
	}
	l.leaving[p], e.drain = struct{}{}, p
	p.cancel()
}

// open binds an address for j and closes it again if the edit is rolled back.
func (t *transaction) open(j *job, port int) error {
	b, err := t.l.f.open(j.cfg.Host, port)
	if err != nil {
		return err
	}
	t.undo = append(t.undo, func() { b.ln.Close() })
	t.assign(j, b)
	return nil
}

func (t *transaction) assign(j *job, b *binding) {
	t.taken[b.addr], j.target = j.e.name, b
}

// reopenFor closes the addresses of the fleet that keep j's from being bound (the same port on another host) and binds it. Who
// connects in between is refused; that is less than a millisecond, and there is no other way.
func (t *transaction) reopenFor(j *job) error {
	port := t.reopenPort(j)
	for addr, b := range t.free {
		if b.port != port {
			continue
		}
		holder := t.l.holderOf(b)
		if holder.run != nil {
			holder.run.member.Serve(nil)
		}
		b.ln.Close()
		delete(t.free, addr)
		t.touched = true
		t.undo = append(t.undo, func() { t.l.restore(holder, b) })
	}
	return t.open(j, port)
}

func (l *loop) holderOf(b *binding) *entry {
	for _, e := range l.entries {
		if e.bound == b {
			return e
		}
	}
	return nil
}

// restore binds an address again that was closed for an edit that was then rolled back. If somebody else was quicker, the
// instance keeps its clients and waits for the address.
func (l *loop) restore(e *entry, b *binding) {
	ln, err := l.f.o.Listen(context.Background(), b.addr)
	if err != nil {
		l.f.o.Log.Error("address lost while an edit was undone", "instance", e.name, "listen", b.addr, "err", err)
		e.bound, e.retryAt, e.note = nil, time.Now(), err.Error()
		return
	}
	b.ln = ln
	if e.run != nil {
		e.run.member.Serve(ln)
	}
}

// explain names the instance, the address and, if it is in use, who uses it.
func (f *Fleet) explain(name string, c *config.Instance, err error) error {
	if inUse(err) {
		return fmt.Errorf("instance.%s: listen %s: %s", name, c.Addr(), f.busyNote(c.Port))
	}
	return fmt.Errorf("instance.%s: %w", name, err)
}
