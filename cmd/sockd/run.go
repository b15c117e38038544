package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/config/watch"
	"github.com/sockd/sockd/fleet"
	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

// quietTime is how long the files have to stay unchanged before an edit counts as finished.
const quietTime = 150 * time.Millisecond

func runCommand() *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "run the fleet in the foreground",
		Description: "SIGHUP reads the file again, SIGTERM or an interrupt drains and stops, a second interrupt stops at once.",
		Before:      noArguments,
		Action:      runFleet,
	}
}

// runFleet is the daemon, from the first signal handler to the last released lock.
func runFleet(c *cli.Context) (err error) {
	hup := make(chan os.Signal, 1) // before anything else: a HUP that comes early must not end the process
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(stop)

	_, isTerminal := terminal(c.App.ErrWriter)
	log := newLog(c.App.ErrWriter, isTerminal, logLevel(c))
	first, err := loadChecked(c)
	if err != nil {
		return invalid(err)
	}
	log.apply(first.Log)

	p, err := here().locate(c.String("state-dir"), first.Path)
	if err != nil {
		return err
	}
	held, err := acquire(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.release()) }()
	maxFiles, err := raiseFileLimit()
	if err != nil {
		return err
	}

	watcher, err := watch.New(quietTime)
	if err != nil {
		return err
	}
	f := fleet.New(fleet.Options{
		Load:     loadWatched(first, watcher),
		Log:      log.Logger,
		MaxFiles: maxFiles,
		Applied:  applied(log, watcher),
		Version:  version,
		StateDir: p.dir,
	})
	socket, err := held.listen()
	if err != nil {
		return err
	}
	defer socket.Close() // also when nobody is waited for

	fleetCtx, drain := context.WithCancel(c.Context)
	defer drain()
	var g group
	g.add(func(ctx context.Context) error {
		context.AfterFunc(ctx, drain) // another actor ended
		return f.Run(fleetCtx)
	})
	g.add(func(ctx context.Context) error { return control.Serve(ctx, socket, f) })
	g.add(watcher.Run)
	g.add(func(ctx context.Context) error { return settle(ctx, f) })
	g.add(func(ctx context.Context) error {
		return reloads(ctx, f, triggers{hup, watcher.C(), watcher.Trouble()}, log.Logger)
	})
	g.add(func(ctx context.Context) error { return stops(ctx, stop, drain, log.Logger) })
	return g.run(c.Context)
}

// loadWatched reads the file at first.Path, and has the watcher look at everything that it consists of. After a fault that is
// what could heal it: a file that was missing, a folder that an include names.
func loadWatched(first *config.Config, w *watch.Watcher) func() (*config.Config, error) {
	return func() (*config.Config, error) {
		cfg, err := config.Load(first.Path)
		var faults *config.Errors
		if errors.As(err, &faults) {
			_ = w.Set(faults.Watch) // cannot fail: the paths are absolute
		} else if err == nil {
			_ = w.Set(slices.Concat(cfg.Files, cfg.Include))
		}
		return cfg, err
	}
}

// applied takes over what of a new revision concerns the process itself.
func applied(log *liveLog, w *watch.Watcher) func(*config.Config) {
	return func(cfg *config.Config) {
		log.apply(cfg.Log)
		w.SetMode(cfg.Fleet.Watch)
	}
}

// settle returns the memory that the start has used up, hundreds of instances at once, to the system.
func settle(ctx context.Context, f *fleet.Fleet) error {
	select {
	case <-f.Settled():
		debug.FreeOSMemory()
	case <-ctx.Done():
	}
	<-ctx.Done()
	return nil
}

// triggers are what makes the fleet read its file.
type triggers struct {
	hup     <-chan os.Signal
	edits   <-chan struct{}
	trouble <-chan error // why there may be no edits in time
}

// reloads has the fleet read its file after each HUP and each edit. The fleet logs what becomes of it. That the system tells of no edits is
// said once.
func reloads(ctx context.Context, f *fleet.Fleet, on triggers, log *slog.Logger) error {
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
