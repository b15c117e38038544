package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/sockd/sockd/instance"
)

// noteStopped is the note of an instance that an operator has stopped.
const noteStopped = "stopped by an operator"

// Start implements [control.Operator].
func (f *Fleet) Start(ctx context.Context, names []string) error {
	return f.order(ctx, names, "start", func(l *loop, list []*entry) error {
		for _, e := range list {
			if !e.cfg.Enabled && len(names) > 0 {
				return fmt.Errorf("instance %q is disabled in the file: enabled = true there starts it", e.name)
			}
		}
		for _, e := range list {
			if e.cfg.Enabled && (e.run == nil || e.bound == nil) {
				l.revive(e)
			}
		}
		return nil
	})
}

// Stop implements [control.Operator].
func (f *Fleet) Stop(ctx context.Context, names []string) error {
	return f.order(ctx, names, "stop", func(l *loop, list []*entry) error {
		for _, e := range list {
			if e.wanted() {
				l.halt(e)
			}
		}
		return nil
	})
}

// Restart implements [control.Operator].
func (f *Fleet) Restart(ctx context.Context, names []string) error {
	return f.order(ctx, names, "restart", func(l *loop, list []*entry) error {
		var faults []error
		for _, e := range list {
			switch {
			case !e.cfg.Enabled && len(names) > 0:
				faults = append(faults, fmt.Errorf("instance %q is disabled in the file: enabled = true there starts it", e.name))
			case e.wanted() || e.cfg.Enabled && len(names) > 0:
				faults = append(faults, l.renew(e))
			}
		}
		return errors.Join(faults...)
	})
}

// Shutdown implements [control.Operator]: Run drains and returns.
func (f *Fleet) Shutdown() { f.shutdown() }

// order has the fleet's goroutine do something with the named instances, or with all.
func (f *Fleet) order(ctx context.Context, names []string, verb string, do func(*loop, []*entry) error) error {
	a, err := f.ask(ctx, request{order: func(l *loop) error {
		list, err := l.named(names)
		if err != nil {
			return err
		}
		l.f.o.Log.Info("order of an operator", "reason", verb, "n", len(list))
		return do(l, list)
	}})
	return errors.Join(err, a.err)
}

// named returns the entries of names, all of them for none.
func (l *loop) named(names []string) ([]*entry, error) {
	if len(names) == 0 {
		return l.sorted(), nil
	}
	var list []*entry
	for _, name := range names {
		e := l.entries[name]
		if e == nil {
			return nil, fmt.Errorf("%w: %q", control.ErrUnknown, name)
		}
		if !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	return list, nil
}

// halt takes e out of service until somebody starts it, and frees its port.
func (l *loop) halt(e *entry) {
	e.stopped, e.state, e.note, e.retryAt = true, instance.Stopped, noteStopped, time.Time{}
	l.part(e)
	l.release(e)
}

// part lets the member of e go: it accepts no more, and drains in the background.
func (l *loop) part(e *entry) {
	if e.run == nil {
		return
	}
	e.run.member.Serve(nil)
	l.leave(e.run, e)
	e.run = nil
}

// revive tries e at once, with a new budget, whatever has become of it before.
func (l *loop) revive(e *entry) {
	e.stopped, e.note, e.tried, e.budget, e.busy = false, "", false, budget{}, 0
	if e.run == nil {
		e.state = instance.Starting
	}
	l.try(e)
}

// renew replaces what runs by a new member, which accepts on the same listener while the old one drains. A member that cannot be made
// leaves the old one in place.
func (l *loop) renew(e *entry) error {
	if e.run == nil {
		l.revive(e)
		return nil
	}
	m, err := l.f.o.Start(e.name, e.cfg, l.env(e.name))
	if err != nil {
		return err
	}
	e.restarts++
	l.part(e)
	if e.bound == nil {
		l.revive(e)
		return nil
	}
	e.note, e.tried, e.budget, e.busy = "", false, budget{}, 0
	l.launch(e, m)
	return nil
}
