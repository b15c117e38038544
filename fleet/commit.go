package fleet

import (
	"time"

	"github.com/sockd/sockd/instance"
)

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
			t.apply(j)
			waiting = append(waiting, j)
		default:
			t.admit(j)
			t.apply(j)
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

// remove takes an instance out, or leaves it there without a member if it is only disabled, or stopped. A word of the file against it ends
// an operator's.
func (t *transaction) remove(j *job) {
	e, l := j.e, t.l
	l.leave(e.run, e)
	e.run, e.bound, e.retryAt = nil, nil, time.Time{}
	if j.cfg == nil {
		delete(l.entries, e.name)
		return
	}
	l.entries[e.name] = e
	if e.cfg = j.cfg; j.rests() {
		return
	}
	e.state, e.note, e.stopped, e.tried, e.budget, e.busy = instance.Disabled, "", false, true, budget{}, 0
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

// apply hands the settings that can change to the running member. It comes after everything that can fail, as what it does cannot be
// undone: a namespace that is gone has lost its clients. The same settings have just been compiled, so a fault means that a file
// which they name has changed within this moment; then the member keeps those that it has.
func (t *transaction) apply(j *job) {
	if !j.applies() {
		return
	}
	if err := j.e.run.member.Apply(j.cfg); err != nil {
		t.l.f.o.Log.Error("settings not applied", "instance", j.e.name, "err", err)
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
	p.leftAt = time.Now()
	p.cancel()
}
