package fleet

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
	"github.com/sockd/sockd/instance"
)

// reload reads the file and makes the fleet equal to it, or says why not.
func (l *loop) reload(ctx context.Context, r request) answer {
	begun := time.Now()
	want, err := l.f.o.Load()
	if r.provisional && (err != nil || len(want.Instances) == 0 && len(l.running.Instances) > 0) {
		return answer{unsure: true}
	}
	var report control.Report
	if err != nil {
		report = l.refuse(control.Rejected, faultsOf(err), r)
	} else {
		report = l.decide(ctx, want, r, begun)
	}
	report.Revision = l.revision
	took := time.Since(begun)
	report.TookMS = millis(took)
	l.f.reloads.add(report.Outcome, took)
	if len(report.Errors) > 0 {
		report.Error = &report.Errors[0]
	}
	return answer{report: withoutNull(report)}
}

// withoutNull makes the lists that are empty empty lists in JSON too.
func withoutNull(r control.Report) control.Report {
	if r.Steps == nil {
		r.Steps = []control.Step{}
	}
	if r.Pending == nil {
		r.Pending = []string{}
	}
	if r.Errors == nil {
		r.Errors = []control.Fault{}
	}
	if r.Unready == nil {
		r.Unready = []control.Unready{}
	}
	return r
}

// decide is the way of a file that has been read without a fault.
func (l *loop) decide(ctx context.Context, want *config.Config, r request, begun time.Time) control.Report {
	if want.Digest == l.running.Digest {
		if !r.options.DryRun {
			l.accept(want)
		}
		return control.Report{Outcome: control.Unchanged, Pending: pendingKeys(l.boot, want)}
	}
	plan, err := MakePlan(l.running, want)
	if err != nil {
		return l.refuse(control.Rejected, []control.Fault{faultIn(want, err)}, r)
	}
	report := control.Report{Steps: plan.Steps, Pending: pendingKeys(l.boot, want)}
	if reason := removesTooMuch(l.running, want); reason != "" && !r.options.Yes {
		hold := control.Fault{File: want.Path, Message: reason, Hint: "`sockd fleet reload --yes` applies it"}
		held := l.refuse(control.Held, []control.Fault{hold}, r)
		report.Outcome, report.Errors = held.Outcome, held.Errors
		return report
	}
	t := l.begin(plan, want)
	report.Steps = t.steps(plan)
	if faults := t.compile(); len(faults) > 0 {
		return l.refuse(control.Rejected, faultsIn(want, faults), r)
	}
	if r.options.DryRun {
		return l.rehearse(t, report)
	}
	if faults := t.prepare(); len(faults) > 0 {
		t.rollback()
		outcome := control.Rejected
		if t.touched {
			outcome = control.RolledBack
		}
		return l.refuse(outcome, faultsIn(want, faults), r)
	}
	launched := t.commit()
	l.publish()
	l.settle(ctx, launched)
	report.Outcome, report.Unready = control.Applied, unready(launched)
	l.logApplied(report.Steps, begun)
	return report
}

// rehearse binds the new addresses and closes them again. What the fleet itself would have to close first is not tried: the same port on
// another host is the one thing that a dry run cannot promise.
func (l *loop) rehearse(t *transaction, report control.Report) control.Report {
	t.rehearsal = true
	faults := t.place()
	t.rollback()
	if len(faults) > 0 {
		return control.Report{Outcome: control.Rejected, Errors: faultsIn(t.want, faults)}
	}
	report.Outcome = control.Planned
	for _, j := range t.jobs {
		if j.unbound == nil || t.givesUp(j.cfg.Host, j.cfg.Port.First) {
			continue
		}
		note := j.unbound.Error()
		if inUse(j.unbound) {
			note = l.f.busyNote(j.cfg, j.unbound)
		}
		report.Unready = append(report.Unready, control.Unready{Instance: j.e.name, State: string(instance.Backoff), Note: note})
	}
	return report
}

// echoes is for how long after a refusal the watcher may come with the same file: it waits for a quiet moment, looks again while a file has
// faults, and at worst finds a change by its next poll.
const echoes = 5 * time.Second

// refuse notes why the file does not run. A dry run leaves no trace, and what the watcher sees of a file that somebody has just had judged
// is no news.
func (l *loop) refuse(outcome control.Outcome, faults []control.Fault, r request) control.Report {
	report := control.Report{Outcome: outcome, Errors: faults}
	if r.options.DryRun {
		return report
	}
	state := control.ConfigRejected
	if outcome == control.Held {
		state = control.ConfigHeld
	}
	before := l.verdict
	if r.watched && before.state == state && slices.Equal(before.faults, faults) && time.Since(before.at) < echoes {
		return report
	}
	first := faults[0]
	first.Snippet = ""
	l.verdict = verdict{state: state, fault: &first, faults: faults, at: time.Now()}
	l.f.o.Log.Warn("config refused", "reason", string(state), "err", first.String(), "n", len(faults))
	return report
}

// accept notes that the file on disk is what runs, but for the keys that wait for a new process.
func (l *loop) accept(want *config.Config) {
	l.verdict = verdict{state: control.ConfigApplied, at: time.Now()}
	l.pending = pendingKeys(l.boot, want)
	if len(l.pending) > 0 {
		l.verdict.state = control.ConfigPending
	}
}

func (l *loop) logApplied(steps []control.Step, begun time.Time) {
	l.f.o.Log.Info("config applied", "digest", l.running.Digest, "n", len(steps), "reason", planText(steps), "took", time.Since(begun))
}

// unready lists those of entries that an edit has started and that are not there yet.
func unready(entries []*entry) []control.Unready {
	var list []control.Unready
	for _, e := range entries {
		v := e.view()
		if st := v.ask(); st.State != instance.Ready {
			list = append(list, control.Unready{Instance: e.name, State: string(st.State), Note: st.Note})
		}
	}
	return list
}

// faultsOf is an error of Options.Load as the operator sees it.
func faultsOf(err error) []control.Fault {
	list, ok := errors.AsType[*config.Errors](err)
	if !ok {
		return []control.Fault{{Message: err.Error()}}
	}
	faults := make([]control.Fault, len(list.List))
	for i, e := range list.List {
		faults[i] = control.Fault{File: e.File, Line: e.Line, Col: e.Col, Message: e.Message, Hint: e.Hint, Snippet: e.Snippet}
		if e.Key != "" {
			faults[i].Message = e.Key + ": " + e.Message
		}
	}
	return faults
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
