package fleet

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
	"github.com/sockd/sockd/instance"
	"github.com/sockd/sockd/instance/transport"
)

// ErrStopped is what a request gets that comes when the fleet is on its way out.
var ErrStopped = errors.New("the fleet is stopping")

// Member is one running instance as the fleet sees it; *[instance.Instance] is one. Run is called once, after the first
// Serve. Status may be called at any time from any goroutine, the other methods are called by the fleet's goroutine.
type Member interface {
	// Run serves until ctx ends, drains, and returns nil; any other end is an error.
	Run(ctx context.Context) error
	// Ready is closed when clients are accepted.
	Ready() <-chan struct{}
	// Serve moves to ln, or stops accepting if ln is nil. When it returns the previous listener is no longer used. It must
	// return soon, also when Run has ended.
	Serve(ln transport.Listener)
	// Apply swaps the settings that can change while clients are connected; an error means that nothing changed.
	Apply(c *config.Instance) error
	Status() instance.Status
	Operated
}

var (
	_ Member          = (*instance.Instance)(nil)
	_ control.Backend = (*Fleet)(nil)
)

// Options say what a fleet is made of. Only Load is required.
type Options struct {
	Load func() (*config.Config, error) // reads the file anew; what it returns is never written to

	// Boot is what runs first instead of what Load returns. The file is judged right after that, as by a reload, so that the status tells
	// why it does not run. nil = Load.
	Boot *config.Config

	// Start makes a member without opening anything. nil = instance.New.
	Start func(name string, c *config.Instance, env instance.Env) (Member, error)
	// Applied is called after each applied revision, the first included, before the edit has settled. It must not block.
	Applied func(*config.Config)

	Log      *slog.Logger // nil = discard
	MaxFiles int          // limit of open files of the process, for the tables of the event loops
	Version  string       // shown in the status
	StateDir string       // where chosen ports are remembered; "" = only while the process lives

	// Listen binds addr, a host and port of which port 0 means any. nil = TCP with plain options.
	Listen func(ctx context.Context, instance, addr string) (transport.Listener, error)
	// Holder says which process listens on a port of a host, 0 if that cannot be known. It may take a while and is called on any
	// goroutine. nil = look it up in /proc.
	Holder func(host string, port int) (pid int, command string)
	// Yield has whoever else of this process listens on a port of a host let go of it, if any port will do for him: true if he has, so that an
	// instance may have it. He may take a moment. In a rehearsal nothing changes. nil = there is nobody.
	Yield func(host string, port int, rehearsal bool) bool
	// Admin tells the address of the dashboard, "" without one, and why there is none. nil = there is none. It must not block.
	Admin func() (address, note string)
	// Loops makes and starts the event loops that instances share. nil = transport.NewLoops.
	Loops func(n, maxFiles int) (*transport.Loops, error)
}

func (o Options) withDefaults() Options {
	if o.Start == nil {
		o.Start = startInstance
	}
	if o.Applied == nil {
		o.Applied = func(*config.Config) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Listen == nil {
		o.Listen = func(ctx context.Context, _, addr string) (transport.Listener, error) { return ListenTCP(ctx, addr) }
	}
	if o.Holder == nil {
		o.Holder = Holder
	}
	if o.Loops == nil {
		o.Loops = startLoops
	}
	return o
}

func startInstance(name string, c *config.Instance, env instance.Env) (Member, error) {
	return instance.New(name, c, env)
}

func startLoops(n, maxFiles int) (*transport.Loops, error) {
	loops := transport.NewLoops(n, maxFiles)
	return loops, loops.Start()
}

// Fleet runs instances. Make one with [New] and call [Fleet.Run] once.
type Fleet struct {
	o        Options
	snapshot atomic.Pointer[snapshot]
	policy   atomic.Pointer[config.Fleet] // of the running configuration; members ask it for their time limits

	life     context.Context // ends with Shutdown
	shutdown context.CancelFunc

	requests chan request
	events   chan event
	settled  chan struct{} // every enabled instance has been ready or has failed once
	stopping chan struct{} // no further request is taken
	ended    chan struct{} // the fleet's goroutine reads no more events
	members  sync.WaitGroup
	reloads  tally
	crowd    atomic.Int64 // see Crowd
}

// New returns a fleet that does nothing before [Fleet.Run].
func New(o Options) *Fleet {
	f := &Fleet{
		o:        o.withDefaults(),
		requests: make(chan request),
		events:   make(chan event),
		settled:  make(chan struct{}),
		stopping: make(chan struct{}),
		ended:    make(chan struct{}),
	}
	f.life, f.shutdown = context.WithCancel(context.Background())
	f.snapshot.Store(&snapshot{version: o.Version, state: control.Running, startedAt: time.Now(), stale: make(chan struct{})})
	return f
}

// Run loads the configuration, starts what it declares and serves requests until ctx ends or Shutdown is called; then it drains all instances
// and returns nil. An error means that nothing was started: the file is invalid, an instance cannot be made from it, or
// the event loops do not start.
func (f *Fleet) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.life, cancel)()
	l, err := f.boot()
	if err != nil {
		close(f.stopping)
		close(f.ended)
		return err
	}
	if f.o.Boot != nil {
		l.reload(ctx, request{})
		l.publish()
	}
	for !l.turn(ctx, f.requests, nil) {
	}
	close(f.stopping)
	l.stop()
	return nil
}

// Settled is closed when, after the start, every enabled instance is ready or has failed once.
func (f *Fleet) Settled() <-chan struct{} { return f.settled }

// Reload reads the file anew and applies it, or says in the report why not. It returns when the edit has settled: each
// instance that was started is ready, has failed, or had start_timeout for it. An error is ctx's, in which case the edit
// may still take place, or [ErrStopped].
func (f *Fleet) Reload(ctx context.Context, o control.ReloadOptions) (control.Report, error) {
	a, err := f.ask(ctx, request{options: o})
	return a.report, err
}

// rereads are the moments after the first look at which a file that is empty or has faults is read again: an editor that
// writes in place is caught in the middle more often than not.
var rereads = []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, 600 * time.Millisecond}

// Changed is [Fleet.Reload] for the watcher: the file may be in the middle of being written, so that one that is empty or
// has faults is looked at again after 100, 300 and 600 ms before that counts. A refusal that has just been logged is not logged again.
func (f *Fleet) Changed(ctx context.Context) (control.Report, error) {
	begun := time.Now()
	for _, moment := range rereads {
		a, err := f.ask(ctx, request{watched: true, provisional: true})
		if err != nil || !a.unsure {
			return a.report, err
		}
		select {
		case <-time.After(moment - time.Since(begun)):
		case <-ctx.Done():
			return control.Report{}, ctx.Err()
		}
	}
	a, err := f.ask(ctx, request{watched: true})
	return a.report, err
}

// request asks the fleet's goroutine for a reload or, with order, for something else.
type request struct {
	order       func(*loop) error
	options     control.ReloadOptions
	watched     bool            // nobody has asked: the file has changed
	provisional bool            // a file that is empty or has faults is answered with unsure instead of being judged
	gone        <-chan struct{} // closed when nobody waits any more
	answer      chan answer     // of capacity 1
}

type answer struct {
	report control.Report
	unsure bool
	err    error // of an order
}

func (f *Fleet) ask(ctx context.Context, r request) (answer, error) {
	r.gone, r.answer = ctx.Done(), make(chan answer, 1)
	select {
	case f.requests <- r:
	case <-f.stopping:
		return answer{}, ErrStopped
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	select {
	case a := <-r.answer:
		return a, nil
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}
