package fleet

import (
	"context"
	"fmt"
	"slices"

	"github.com/sockd/sockd/fleet/control"
	"github.com/sockd/sockd/instance"
)

// Wait implements [control.Operator]. An instance that leaves the file meanwhile is [control.ErrUnknown].
func (f *Fleet) Wait(ctx context.Context, names []string, goal control.Goal) (control.Status, error) {
	if !slices.Contains([]control.Goal{control.GoalReady, control.GoalSettled, control.GoalStopped}, goal) {
		return control.Status{}, fmt.Errorf("nothing is known of the goal %q", goal)
	}
	for {
		s := f.snapshot.Load()
		there, err := s.reached(names, goal)
		if there || err != nil {
			return f.Status(), err
		}
		select {
		case <-s.stale:
		case <-f.stopping:
			return f.Status(), ErrStopped
		case <-ctx.Done():
			return control.Status{}, ctx.Err()
		}
	}
}

// reached reports whether nothing is left to be waited for.
func (s *snapshot) reached(names []string, goal control.Goal) (bool, error) {
	if s.config == nil {
		return false, nil // the fleet is only starting
	}
	for _, name := range names {
		if !slices.ContainsFunc(s.views, func(v view) bool { return v.name == name }) {
			return false, fmt.Errorf("%w: %q", control.ErrUnknown, name)
		}
	}
	for i := range s.views {
		v := &s.views[i]
		if (len(names) == 0 || slices.Contains(names, v.name)) && !v.reached(goal) {
			return false, nil
		}
	}
	return true, nil
}

func (v *view) reached(goal control.Goal) bool {
	switch v.ask().State {
	case instance.Disabled, instance.Stopped, instance.Failed:
		return true
	case instance.Ready, instance.Degraded:
		return goal != control.GoalStopped && v.settled
	case instance.Draining:
		return false
	}
	return goal == control.GoalSettled && v.settled
}
