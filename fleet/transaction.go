package fleet

import (
	"slices"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
)

// transaction carries a plan out: compile, prepare, then either commit or rollback. Whatever can fail comes before commit, and before
// the running members notice anything, but for the one case of [transaction.reopenFor].
type transaction struct {
	l    *loop
	want *config.Config
	jobs []*job

	wanted  claims              // fixed addresses of the wanted configuration: no range takes one of them
	taken   claims              // what is somebody's after the edit
	free    map[string]*binding // addresses that the edit gives up and nobody has claimed
	claimed map[*binding]bool   // those that somebody has
	undo    []func()            // what prepare has done, to be undone in reverse
	touched bool                // something that runs has noticed

	rehearsal bool // nothing will be carried out
}

// job is one step of the plan together with what prepare has made for it.
type job struct {
	action string // "" if the plan has no step for it: it only gives way
	e      *entry
	cfg    *config.Instance // as wanted; nil if the instance goes
	yields string           // to whom it gives its port, which its own range leaves open

	member  Member   // to be launched
	target  *binding // the address to move to; nil if it stays where it is
	reopen  bool     // the address is free only once another of the fleet's is closed
	unbound error    // why there is no target: the instance will wait for its address alone
}

// runs reports whether the instance is to run after the edit.
func (j *job) runs() bool { return j.cfg != nil && j.cfg.Enabled && !j.e.stopped }

// rests reports whether only an operator's word keeps the instance from running.
func (j *job) rests() bool { return j.cfg != nil && j.cfg.Enabled && j.e.stopped }

// launches reports whether a new member is needed. An instance that an edit concerns is tried again at once when it was in
// backoff or had failed.
func (j *job) launches() bool {
	return j.runs() && (j.action == control.ActionReplace || j.e.run == nil)
}

func (j *job) moves() bool { return moved(j.e.cfg, j.cfg) }

// applies reports whether the running member gets other settings.
func (j *job) applies() bool { return j.runs() && !j.launches() && j.action != "" }

// places reports whether an address has to be found.
func (j *job) places() bool { return j.runs() && (j.e.bound == nil || j.moves() || j.yields != "") }

// alone reports whether the instance may wait for its address alone: it is new, or the edit did not move it. A new
// address of an instance that was there before has to work, or the edit is refused.
func (j *job) alone() bool {
	return j.yields == "" && (j.action == control.ActionStart || !j.moves())
}

// begin gathers what plan concerns, and who has to give way to it. It changes nothing.
func (l *loop) begin(plan Plan, want *config.Config) *transaction {
	t := &transaction{l: l, want: want, wanted: make(claims), taken: make(claims), free: make(map[string]*binding), claimed: make(map[*binding]bool)}
	concerned := make(map[*entry]*job)
	for _, s := range plan.Steps {
		if s.Instance == "" {
			continue
		}
		j := &job{action: s.Action, e: l.entries[s.Instance], cfg: want.Instances[s.Instance]}
		if j.e == nil {
			j.e = &entry{name: s.Instance, cfg: j.cfg}
		}
		t.jobs, concerned[j.e] = append(t.jobs, j), j
	}
	t.giveWay(concerned)
	for _, e := range l.entries {
		j := concerned[e]
		switch {
		case e.bound == nil:
		case j != nil && (!j.runs() || j.moves() || j.yields != ""):
			t.free[e.bound.addr] = e.bound
		default:
			t.taken.add(e.bound.port, claim{e.bound.host, e.name})
		}
	}
	return t
}

// compile makes a member of every instance whose settings are new, which proves that they can be applied, and opens nothing. Those that
// the plan does not need are thrown away.
func (t *transaction) compile() (faults []error) {
	for _, j := range t.jobs {
		if !j.launches() && !j.applies() && !j.rests() {
			continue
		}
		m, err := t.l.f.o.Start(j.e.name, j.cfg, t.l.env(j.e.name))
		if err != nil {
			faults = append(faults, &refusal{instance: j.e.name, err: err})
			continue
		}
		if j.launches() {
			j.member = m
		}
	}
	return faults
}

// prepare finds an address for everyone, so that commit cannot fail. After a fault the caller rolls back.
func (t *transaction) prepare() []error {
	if faults := t.place(); len(faults) > 0 {
		return faults
	}
	for _, j := range t.jobs {
		if !j.reopen {
			continue
		}
		if err := t.reopenFor(j); err != nil {
			return []error{t.refuse(j, err)}
		}
	}
	return nil
}

func (t *transaction) rollback() {
	for _, undo := range slices.Backward(t.undo) {
		undo()
	}
	t.undo = nil
}

// open binds an address for j and closes it again if the edit is rolled back.
func (t *transaction) open(j *job, port int) error {
	b, err := t.l.f.open(j.e.name, j.cfg.Host, port)
	if err != nil {
		return err
	}
	t.undo = append(t.undo, func() { b.ln.Close() })
	t.assign(j, b)
	return nil
}

func (t *transaction) assign(j *job, b *binding) {
	t.taken.add(b.port, claim{b.host, j.e.name})
	j.target = b
}
