package main

import (
	"context"
	"log/slog"
	"os"
	"syscall"

	"github.com/sockd/sockd/fleet/control"
)

// triggers are what makes the fleet read its file.
type triggers struct {
	hup     <-chan os.Signal
	edits   <-chan struct{}
	trouble <-chan error // why there may be no edits in time
}

// reloads has the fleet read its file after each HUP and each edit. The fleet logs what becomes of it. That the system tells of no edits is
// said once.
func reloads(ctx context.Context, f announced, on triggers, log *slog.Logger) error {
	for {
		select {
		case s := <-on.hup:
			received(log, s)
			_, _ = f.Reload(ctx, control.ReloadOptions{}) // an error only tells that the fleet is stopping
		case <-on.edits:
			_, _ = f.Changed(ctx)
		case err := <-on.trouble:
			log.Warn("files are watched by polling only", "err", err)
			on.trouble = nil
		case <-ctx.Done():
			return nil
		}
	}
}

// stops drains the fleet at the first signal. A second interrupt does not wait.
func stops(ctx context.Context, signals <-chan os.Signal, drain context.CancelFunc, log *slog.Logger) error {
	for stopping := false; ; stopping = true {
		select {
		case s := <-signals:
			received(log, s)
			if stopping && s == syscall.SIGINT {
				return errAtOnce
			}
			drain()
		case <-ctx.Done():
			return nil
		}
	}
}

func received(log *slog.Logger, s os.Signal) { log.Info("signal received", "reason", s.String()) }
