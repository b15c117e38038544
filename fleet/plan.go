package fleet

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
)

// Plan is what turns one configuration into another.
type Plan struct {
	Steps   []control.Step // stop and disable, rebind, replace, update, start; by name within each
	Pending []string       // keys that only a new process can change: they are in no step
}

// order of the actions in a plan. What gives an address up comes before what may take it.
var order = map[string]int{
	control.ActionStop: 0, control.ActionDisable: 0, control.ActionRebind: 1, control.ActionReplace: 2, control.ActionUpdate: 3, control.ActionStart: 4,
}

// maxKeys bounds how many keys the detail of a step names.
const maxKeys = 4

// MakePlan returns the steps from old to want. It is pure: nothing is opened, and the same arguments give the same plan. A
// nil old is an empty fleet. An error means that want can never run, because two instances want one address.
func MakePlan(old, want *config.Config) (Plan, error) {
	if want == nil {
		return Plan{}, errors.New("no configuration")
	}
	if old == nil {
		old = &config.Config{Fleet: want.Fleet, Admin: want.Admin, Log: want.Log}
	}
	if err := config.Clash(want); err != nil {
		return Plan{}, err
	}
	var p Plan
	byInstance := make(map[string][]config.Change)
	for _, c := range changed(old, want) {
		if c.Class == config.Process {
			p.Pending = append(p.Pending, describe(c))
			continue
		}
		byInstance[c.Instance] = append(byInstance[c.Instance], c)
	}
	for name, changes := range byInstance {
		p.Steps = append(p.Steps, stepFor(name, changes, old.Instances[name], want.Instances[name]))
	}
	slices.SortFunc(p.Steps, byOrder)
	return p, nil
}

// changed is config.Diff without the price of looking into instances that are the same: of 500, an edit touches one.
func changed(old, want *config.Config) []config.Change {
	a, b := *old, *want
	a.Instances, b.Instances = maps.Clone(old.Instances), maps.Clone(want.Instances)
	for name, in := range old.Instances {
		if other := want.Instances[name]; other != nil && reflect.DeepEqual(in, other) {
			delete(a.Instances, name)
			delete(b.Instances, name)
		}
	}
	return config.Diff(&a, &b)
}

// pendingKeys are the keys of want that a process which was started with boot cannot take over.
func pendingKeys(boot, want *config.Config) []string {
	a, b := *boot, *want
	a.Instances, b.Instances = nil, nil
	var keys []string
	for _, c := range config.Diff(&a, &b) {
		if c.Class == config.Process {
			keys = append(keys, describe(c))
		}
	}
	return keys
}

func describe(c config.Change) string { return fmt.Sprintf("%s %s → %s", c.Key, c.Old, c.New) }

func stepFor(name string, changes []config.Change, old, want *config.Instance) control.Step {
	s := control.Step{Instance: name}
	switch {
	case name == "":
		s.Action, s.Detail = control.ActionUpdate, keysOf(changes)
	case want == nil:
		s.Action, s.Detail = control.ActionStop, old.Addr()
	case !want.Enabled && (old == nil || old.Enabled):
		s.Action, s.Detail = control.ActionDisable, want.Addr()
	case !want.Enabled:
		s.Action, s.Detail = control.ActionUpdate, keysOf(changes)
	case old == nil || !old.Enabled:
		s.Action, s.Detail = control.ActionStart, want.Addr()
	default:
		s.Action, s.Detail = actionFor(changes), keysOf(changes)
		if moved(old, want) {
			s.Detail = old.Addr() + " → " + want.Addr() + otherKeys(changes)
		}
	}
	return s
}

// actionFor is the heaviest action that one of the changes asks for.
func actionFor(changes []config.Change) string {
	action := control.ActionUpdate
	for _, c := range changes {
		switch c.Class {
		case config.Restart:
			return control.ActionReplace
		case config.Rebind:
			action = control.ActionRebind
		}
	}
	return action
}

// moved reports whether the instance is to listen elsewhere.
func moved(old, want *config.Instance) bool { return old.Host != want.Host || old.Port != want.Port }

func keysOf(changes []config.Change) string {
	var keys []string
	for _, c := range changes {
		keys = append(keys, c.Key)
	}
	if more := len(keys) - maxKeys; more > 0 {
		keys = append(keys[:maxKeys], fmt.Sprintf("%d more", more))
	}
	return strings.Join(keys, ", ")
}

func otherKeys(changes []config.Change) string {
	rest := slices.DeleteFunc(slices.Clone(changes), func(c config.Change) bool { return c.Key == "host" || c.Key == "port" })
	if len(rest) == 0 {
		return ""
	}
	return ", " + keysOf(rest)
}

// removesTooMuch returns why an edit should not be applied without being asked twice: it takes more than half of the
// instances out of the file, all of them included. Empty if it may be applied.
func removesTooMuch(old, want *config.Config) string {
	gone := 0
	for name := range old.Instances {
		if want.Instances[name] == nil {
			gone++
		}
	}
	if 2*gone <= len(old.Instances) {
		return ""
	}
	return fmt.Sprintf("%d of %d instances would be removed", gone, len(old.Instances))
}

// planText is the plan in one line of a log.
func planText(steps []control.Step) string {
	var parts []string
	for _, s := range steps {
		parts = append(parts, strings.Join(strings.Fields(s.Action+" "+s.Instance+" "+s.Detail), " "))
	}
	if more := len(parts) - 20; more > 0 {
		parts = append(parts[:20], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}
