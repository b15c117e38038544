package main

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	faults := &config.Errors{List: []*config.Error{{File: "f.toml", Line: 3, Col: 1, Message: "unknown key", Snippet: "prot = 1\n^"}}, More: 2}
	for _, tt := range []struct {
		name string
		err  error
		code int
		says string
	}{
		{"nothing", nil, 0, ""},
		{"a code alone prints nothing", exit(exitNotReady), 3, ""},
		{"code 0 is no error", exit(exitOK), 0, ""},
		{"any error", errors.New("broken"), 1, "sockd: broken\n"},
		{"usage", usage("unknown flag %s", "-x"), 2, "sockd: unknown flag -x\n"},
		{"a code and a cause", &exitError{exitOwned, errors.New("owned")}, 75, "sockd: owned\n"},
		{"no daemon", fmt.Errorf("%w: gone", control.ErrUnreachable), 4, "sockd: daemon not reachable: gone\n"},
		{"faults of the file", faults, 78, "f.toml:3:1: unknown key\n    prot = 1\n    ^\nand 2 more\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if code := report(&out, tt.err); code != tt.code || out.String() != tt.says {
				t.Errorf("got %d %q, want %d %q", code, out.String(), tt.code, tt.says)
			}
		})
	}
}

func TestStatusCode(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]int{
		"ready": 0, "disabled": 0, "stopped": 0,
		"starting": 3, "bound": 3, "degraded": 3, "draining": 3, "backoff": 3, "failed": 3,
	} {
		s := control.Status{Instances: []control.InstanceStatus{{Name: "a", State: "ready"}, {Name: "b", State: state}}}
		if got := statusCode(s); got != want {
			t.Errorf("%s: got %d, want %d", state, got, want)
		}
	}
	for state, want := range map[control.ConfigState]int{
		control.ConfigApplied: 0, control.ConfigPending: 0, control.ConfigRejected: 3, control.ConfigHeld: 3,
	} {
		if got := statusCode(control.Status{Fleet: control.FleetStatus{ConfigState: state}}); got != want {
			t.Errorf("%s: got %d, want %d", state, got, want)
		}
	}
}

func TestReloadCode(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[control.Outcome]int{
		control.Applied: 0, control.Unchanged: 0, control.Planned: 0, control.Rejected: 78, control.RolledBack: 1, control.Held: 3,
	} {
		if got := reloadCode(outcome); got != want {
			t.Errorf("%s: got %d, want %d", outcome, got, want)
		}
	}
}
