package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sockd/sockd/fleet"
	"github.com/sockd/sockd/fleet/control"
	"github.com/sockd/sockd/fleet/service"
)

// newNotifier makes what tells the service manager of f. A manager that the environment describes wrongly is logged and is no reason not to serve.
func newNotifier(f *fleet.Fleet, log *liveLog) *service.Notifier {
	n, err := service.NewNotifier(service.NotifyOptions{
		Ready:  f.Settled(),
		Status: func() string { return statusLine(f.Status()) },
		Alive:  f.PollersAnswer,
		Log:    log.Logger,
	})
	if err != nil {
		log.Warn("service manager not understood", "err", err)
	}
	return n
}

// announced is a fleet whose reloads the service manager learns of.
type announced struct {
	*fleet.Fleet
	manager *service.Notifier
}

func (a announced) Reload(ctx context.Context, o control.ReloadOptions) (control.Report, error) {
	if !o.DryRun {
		defer a.manager.Reloading()()
	}
	return a.Fleet.Reload(ctx, o)
}

func (a announced) Changed(ctx context.Context) (control.Report, error) {
	defer a.manager.Reloading()()
	return a.Fleet.Changed(ctx)
}

// statusLine is what `systemctl status` shows: how many are in which state, then what is wrong: "5 ready, 1 backoff: shop: port 3003 in use".
func statusLine(s control.Status) string {
	counts := make(map[string]int)
	var states, faults []string
	if s.Fleet.ConfigError != nil {
		faults = append(faults, s.Fleet.ConfigError.String())
	}
	for _, in := range s.Instances {
		if counts[in.State]++; counts[in.State] == 1 {
			states = append(states, in.State)
		}
		if in.Note != "" && slices.Contains([]string{"backoff", "failed", "degraded"}, in.State) {
			faults = append(faults, in.Name+": "+in.Note)
		}
	}
	slices.SortFunc(states, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b)) })
	parts := make([]string, len(states))
	for i, state := range states {
		parts[i] = fmt.Sprintf("%d %s", counts[state], state)
	}
	line := cmp.Or(strings.Join(parts, ", "), "no instances")
	if len(faults) > 0 {
		line += ": " + strings.Join(faults, "; ")
	}
	return line
}
