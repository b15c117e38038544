package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/config/watch"
	"github.com/sockd/sockd/fleet"
	"github.com/sockd/sockd/fleet/admin"
	"github.com/sockd/sockd/fleet/control"
	"github.com/sockd/sockd/fleet/service"
	"github.com/urfave/cli/v2"
)

// quietTime is how long the files have to stay unchanged before an edit counts as finished.
const quietTime = 150 * time.Millisecond

func runCommand() *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "run the fleet in the foreground",
		Description: "SIGHUP reads the file again, SIGTERM or an interrupt drains and stops, a second interrupt stops at once.",
		Flags:       []cli.Flag{lastGoodFlag(), heraldFlag()},
		Before:      noArguments,
		Action:      runFleet,
	}
}

// process is what a daemon has before it serves: everything in it can fail without anybody noticing.
type process struct {
	place
	held        *hold
	log         *liveLog
	signals     signals
	herald      *herald          // nil in the foreground
	sockets     *service.Sockets // that the service manager has opened; nil = none
	first, boot *config.Config   // see firstRevision
}

// runFleet is the daemon, from the first signal handler to the last released lock.
func runFleet(c *cli.Context) (err error) {
	d := &process{signals: catchSignals()} // before anything else: a HUP that comes early must not end the process
	defer d.signals.release()
	if d.herald, err = newHerald(c); err != nil {
		return err
	}
	defer func() { d.herald.ended(err) }()
	if d.first, d.boot, err = firstRevision(c); err != nil {
		return err
	}
	if d.place, err = here().locate(c.String("state-dir"), d.first.Path); err != nil {
		return err
	}
	if d.held, err = acquire(d.place); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.held.release()) }()
	if d.log, err = daemonLog(c, d.place, d.herald); err != nil {
		return err
	}
	defer d.log.file.Close()
	if d.sockets, err = service.Activated(); err != nil {
		d.log.Warn("sockets of the service manager not understood", "err", err)
	}
	defer d.sockets.Close()
	d.log.apply(d.first.Log)
	if mountedAlone(d.first.Path) {
		d.log.Warn("file is mounted alone, an edit that replaces it is not seen", "reason", mountRemedy)
	}
	return d.serve(c.Context)
}

// serve runs the fleet and those that look after it, until a signal, an operator or a fault ends them.
func (d *process) serve(ctx context.Context) error {
	maxFiles, err := raiseFileLimit()
	if err != nil {
		return err
	}
	watcher, err := watch.New(quietTime)
	if err != nil {
		return err
	}
	keep := newKeeper(d.place, d.log.Logger)
	var desk *admin.Server // made below, before the fleet runs
	f := fleet.New(fleet.Options{
		Load:     loadWatched(d.first.Path, fleet.Load, watcher),
		Boot:     d.boot,
		Log:      d.log.Logger,
		MaxFiles: maxFiles,
		Applied: func(cfg *config.Config) {
			d.log.apply(cfg.Log)
			watcher.SetMode(cfg.Fleet.Watch)
			keep.applied(cfg)
			configureAdmin(desk, cfg, d.log.Logger)
			d.herald.up()
		},
		Version:  version,
		StateDir: d.place.dir,
		Listen:   d.listen,
		Yield:    func(host string, port int, rehearsal bool) bool { return yieldAdmin(desk, host, port, rehearsal) },
		Admin:    func() (string, string) { return desk.Address(), desk.Note() },
	})
	desk = admin.New(admin.Options{Backend: f, Log: d.log.Logger, Listen: d.listenAdmin})
	manager := newNotifier(f, d.log)
	socket, err := d.held.listen()
	if err != nil {
		return err
	}
	defer socket.Close() // also when nobody is waited for

	fleetCtx, drain := context.WithCancel(ctx)
	defer drain()
	var g group
	g.add(func(ctx context.Context) error {
		context.AfterFunc(ctx, drain) // another actor ended
		return f.Run(fleetCtx)
	})
	g.add(func(ctx context.Context) error { return control.Serve(ctx, socket, announced{f, manager}) })
	g.add(manager.Run)
	g.add(desk.Run)
	g.add(watcher.Run)
	g.add(func(ctx context.Context) error { return keep.run(ctx, f.Settled()) })
	g.add((&trimmer{clients: f.Crowd}).run)
	g.add(func(ctx context.Context) error { return settle(ctx, f, d) })
	g.add(func(ctx context.Context) error {
		return reloads(ctx, announced{f, manager}, triggers{d.signals.hup, watcher.C(), watcher.Trouble()}, d.log.Logger)
	})
	g.add(func(ctx context.Context) error { return stops(ctx, d.signals.stop, drain, d.log.Logger) })
	return g.run(ctx)
}

// listen takes the listener that the service manager has opened for an instance, or binds the address.
func (d *process) listen(ctx context.Context, instance, addr string) (fleet.Listener, error) {
	ln, err := d.sockets.Take(instance, addr)
	switch {
	case err != nil:
		return nil, err
	case ln != nil:
		return ln, nil
	}
	return fleet.ListenTCP(ctx, addr)
}

// listenAdmin is listen for the admin address.
func (d *process) listenAdmin(ctx context.Context, addr string) (net.Listener, error) {
	return d.listen(ctx, "admin", addr)
}

// unclaimed warns of sockets that the service manager has opened for nobody, and closes them: clients would wait there.
func (d *process) unclaimed(st control.Status) {
	names := []string{"admin"}
	for _, in := range st.Instances {
		names = append(names, in.Name)
	}
	for _, text := range d.sockets.Unclaimed(names) {
		d.log.Warn("socket of the service manager is not used", "reason", text)
	}
	d.sockets.Close()
}

// signals are those that the daemon lives by.
type signals struct{ hup, stop chan os.Signal }

func catchSignals() signals {
	s := signals{hup: make(chan os.Signal, 1), stop: make(chan os.Signal, 2)}
	signal.Notify(s.hup, syscall.SIGHUP)
	signal.Notify(s.stop, syscall.SIGINT, syscall.SIGTERM)
	return s
}

func (s signals) release() {
	signal.Stop(s.hup)
	signal.Stop(s.stop)
}

// daemonLog writes to the state folder and, in the foreground, to stderr.
func daemonLog(c *cli.Context, p place, h *herald) (*liveLog, error) {
	file, err := openLog(p.log)
	if err != nil {
		return nil, err
	}
	var stderr io.Writer
	if h == nil {
		stderr = c.App.ErrWriter
	}
	file.turned = func() { crashInto(p.log) }
	_, isTerminal := terminal(c.App.ErrWriter)
	return newLog(stderr, isTerminal, file, logLevel(c)), nil
}

// crashInto has the last words of a crash in the current log file too: stderr leads to the file that was current at the start.
func crashInto(path string) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return
	}
	defer f.Close()
	_ = debug.SetCrashOutput(f, debug.CrashOptions{}) // which keeps a copy of the descriptor
}

// maxLoads is how often a file is read again because it changed between its reading and its watching.
const maxLoads = 3

// loadWatched reads the file at path, and has the watcher look at everything that it consists of. After a fault that is what could heal it: a
// file that was missing, a folder that an include names. The watcher sees what changes from there on, so what has changed just before is read
// again.
func loadWatched(path string, load func(string) (*config.Config, error), w *watch.Watcher) func() (*config.Config, error) {
	return func() (cfg *config.Config, err error) {
		for range maxLoads {
			stale := false
			cfg, err = load(path)
			if faults, ok := errors.AsType[*config.Errors](err); ok {
				_ = w.Set(faults.Watch) // cannot fail: the paths are absolute
				stale = faults.Stale()
			} else if err == nil {
				_ = w.Set(slices.Concat(cfg.Files, cfg.Include))
				stale = cfg.Stale()
			}
			if !stale {
				break
			}
		}
		return cfg, err
	}
}

// settle tells who has started the daemon that every instance is ready or has failed once.
func settle(ctx context.Context, f *fleet.Fleet, d *process) error {
	select {
	case <-f.Settled():
		d.herald.ready()
		d.unclaimed(f.Status())
	case <-ctx.Done():
	}
	<-ctx.Done()
	return nil
}
