package fleet

import (
	"context"
	"errors"
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
		report = l.refuse(control.Rejected, faultsOf(err), r.options)
	} else {
		report = l.decide(ctx, want, r.options, begun)
	}
	report.Revision = l.revision
	report.TookMS = millis(time.Since(begun))
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
func (l *loop) decide(ctx context.Context, want *config.Config, o control.ReloadOptions, begun time.Time) control.Report {
	if want.Digest == l.running.Digest {
		if !o.DryRun {
			l.accept(want)
		}
		return control.Report{Outcome: control.Unchanged, Pending: pendingKeys(l.boot, want)}
	}
	plan, err := MakePlan(l.running, want)
	if err != nil {
		return l.refuse(control.Rejected, []control.Fault{faultIn(want, err)}, o)
	}
	report := control.Report{Steps: plan.Steps, Pending: pendingKeys(l.boot, want)}
	if reason := removesTooMuch(l.running, want); reason != "" && !o.Yes {
		hold := control.Fault{File: want.Path, Message: reason, Hint: "`sockd fleet reload --yes` applies it"}
		held := l.refuse(control.Held, []control.Fault{hold}, o)
		report.Outcome, report.Errors = held.Outcome, held.Errors
		return report
	}
	t := l.begin(plan, want)
	if faults := t.compile(o.DryRun); len(faults) > 0 {
		return l.refuse(control.Rejected, faultsIn(want, faults), o)
	}
	if o.DryRun {
		report.Outcome = control.Planned
		return report
	}
	if faults := t.prepare(); len(faults) > 0 {
		t.rollback()
		outcome := control.Rejected
		if t.touched {
			outcome = control.RolledBack
		}
		return l.refuse(outcome, faultsIn(want, faults), o)
	}
	launched := t.commit()
	l.publish()
	l.settle(ctx, launched)
	report.Outcome, report.Unready = control.Applied, unready(launched)
	l.logApplied(plan.Steps, begun)
	return report
}

// refuse notes why the file does not run. A dry run leaves no trace.
func (l *loop) refuse(outcome control.Outcome, faults []control.Fault, o control.ReloadOptions) control.Report {
	report := control.Report{Outcome: outcome, Errors: faults}
	if o.DryRun {
		return report
	}
	state := control.ConfigRejected
	if outcome == control.Held {
		state = control.ConfigHeld
	}
	first := faults[0]
	first.Snippet = ""
	l.verdict = verdict{state: state, fault: &first, at: time.Now()}
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

func faultIn(c *config.Config, err error) control.Fault {
	return control.Fault{File: c.Path, Message: err.Error()}
}

func faultsIn(c *config.Config, errs []error) []control.Fault {
	faults := make([]control.Fault, len(errs))
	for i, err := range errs {
		faults[i] = faultIn(c, err)
	}
	return faults
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
