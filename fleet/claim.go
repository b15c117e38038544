package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
)

// claim is an instance's right to a port on a host.
type claim struct{ host, owner string }

// claims are kept by port.
type claims map[int][]claim

func (c claims) add(port int, one claim) { c[port] = append(c[port], one) }

// owner returns which instance other than except keeps port from being bound on host; "" if none does.
func (c claims) owner(host string, port int, except string) string {
	for _, one := range c[port] {
		if one.owner != except && config.Overlap(one.host, host) {
			return one.owner
		}
	}
	return ""
}

// ownError is an address that cannot be bound because another instance of the fleet has it.
type ownError struct {
	port  int
	owner string
}

func (e *ownError) Error() string {
	return fmt.Sprintf("port %d in use by instance %s of this fleet", e.port, e.owner)
}

// Is makes it an address in use like any other.
func (e *ownError) Is(target error) bool { return target == syscall.EADDRINUSE }

// owner is who keeps e from having a port while nothing is being moved: who has it or, for a range, who has it in the file.
func (l *loop) owner(e *entry, port int) string {
	for _, o := range l.entries {
		has := o.bound != nil && o.bound.port == port && config.Overlap(o.bound.host, e.cfg.Host)
		first := !e.cfg.Port.Fixed() && o.cfg.Enabled && o.cfg.Port.Fixed() && o.cfg.Port.First == port && config.Overlap(o.cfg.Host, e.cfg.Host)
		if o != e && (has || first) {
			return o.name
		}
	}
	return ""
}

// giveWay finds the fixed addresses that the edit asks for, and adds to the jobs those instances that hold one of them only because their
// own range, or "auto", has led there.
func (t *transaction) giveWay(concerned map[*entry]*job) {
	asked := make(claims)
	for name, in := range t.want.Instances {
		if in.Enabled && in.Port.Fixed() {
			t.wanted.add(in.Port.First, claim{in.Host, name})
		}
	}
	for _, j := range t.jobs {
		if j.places() && j.cfg.Port.Fixed() {
			asked.add(j.cfg.Port.First, claim{j.cfg.Host, j.e.name})
		}
	}
	for _, e := range t.l.sorted() {
		in := t.want.Instances[e.name]
		if e.bound == nil || in == nil || !in.Enabled || in.Port.Fixed() {
			continue
		}
		to := asked.owner(e.bound.host, e.bound.port, e.name)
		if to == "" {
			continue
		}
		j := concerned[e]
		if j == nil {
			j = &job{e: e, cfg: in}
			t.jobs, concerned[e] = append(t.jobs, j), j
		}
		j.yields = to
	}
}

// steps is the plan as it will be carried out: with those that give way, and with what a move costs.
func (t *transaction) steps(plan Plan) []control.Step {
	steps := slices.Clone(plan.Steps)
	for _, j := range t.jobs {
		i := slices.IndexFunc(steps, func(s control.Step) bool { return s.Instance == j.e.name })
		if i < 0 {
			steps, i = append(steps, control.Step{Action: control.ActionRebind, Instance: j.e.name, Detail: j.cfg.Addr()}), len(steps)
		}
		if j.rests() {
			steps[i].Detail += ", stays stopped"
		}
		if j.yields != "" {
			steps[i].Detail += fmt.Sprintf(", leaves %d to %s", j.e.bound.port, j.yields)
		}
		if n := j.stranded(); n > 0 {
			steps[i].Detail += fmt.Sprintf(", %s", counted(n, "polling client reconnects", "polling clients reconnect"))
		}
	}
	slices.SortStableFunc(steps, byOrder)
	return steps
}

// stranded counts the clients whose next poll finds nobody, or another instance, at the address that they know. Websocket connections stay.
func (j *job) stranded() int {
	if j.e.run == nil || j.launches() || !j.places() || j.e.bound == nil {
		return 0
	}
	return j.e.run.member.Status().Polling
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func byOrder(a, b control.Step) int {
	return cmp.Or(cmp.Compare(order[a.Action], order[b.Action]), strings.Compare(a.Instance, b.Instance))
}
