package instance

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/ingest"
	"github.com/sockd/sockd/instance/lane"
	"github.com/sockd/sockd/instance/socketio"
	"github.com/sockd/sockd/instance/transport"
)

// lagLimit is the poller lag over which an instance is degraded.
const lagLimit = time.Second

// workDepth is how many origins of slow work may wait for one worker; each of them has one job at a time.
const workDepth = 64 << 10

// maxBacklog is how many bytes may wait for slow readers before no more files are served and no more clients are sent what they missed.
const maxBacklog = 64 << 20

// Instance is one server. Make one with [New], lend it a listener with [Instance.Serve], then call [Instance.Run] once.
type Instance struct {
	name     string
	env      Env
	settings atomic.Pointer[settings]

	loops  *transport.Loops // shared, or its own
	own    bool
	http   *transport.Server
	engine *engineio.Server
	io     *socketio.Server
	pool   *lane.Pool
	accept acceptor
	spaces spaces

	work     *lane.Pool // for what takes too long on a poller
	posts    *ingest.Handler
	expiries expiries
	hands    hands
	ledger   atomic.Pointer[ledger] // nil without a journal, and before Run
	seed     maphash.Seed           // of the keys of work
	turn     atomic.Int64           // of the parts of files, between the workers
	linking  sync.Mutex             // guards the making of links

	eventsIn atomic.Uint64
	counts   counts
	fanOut   Histogram // from an event's place in the order to the last connection of a lane
	answered Histogram // from there to a client's acknowledgement
	taps     taps
	backlog  int64 // bytes that may wait for slow readers before files are refused
	ready    chan struct{}

	mu      sync.Mutex
	state   State
	readyIn time.Duration
	since   time.Time
}

// New compiles c and makes every part of the instance. It opens nothing and starts nothing; an error names the key that cannot be used.
func New(name string, c *config.Instance, env Env) (*Instance, error) {
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	s, err := compile(c, nil)
	if err != nil {
		return nil, fmt.Errorf("instance.%s: %w", name, err)
	}
	in := &Instance{name: name, env: env, ready: make(chan struct{}), state: Starting, loops: env.Loops, backlog: maxBacklog, seed: maphash.MakeSeed()}
	in.expiries.wake = make(chan struct{}, 1)
	in.settings.Store(s)
	if c.Pollers > 0 {
		in.loops, in.own = transport.NewLoops(c.Pollers, env.MaxFiles), true
	}
	lanes := 2 * runtime.GOMAXPROCS(0)
	in.pool = lane.New(lanes, 0, env.Log)
	if runtime.GOMAXPROCS(0) == 1 && in.loops != nil {
		in.pool.OnWake(in.loops.Yield)
	}
	in.io = socketio.NewServer(s.socketio(lanes, in.spaces.open))
	in.http = transport.New(in.loops, s.transport(env.Log))
	in.engine = engineio.NewServer(in.io.Accept, in.http, s.engine())
	in.work = lane.New(lanes, workDepth, env.Log)
	if err := in.site(s, nil); err != nil {
		return nil, fmt.Errorf("instance.%s: %w", name, err)
	}
	if in.posts, err = ingest.New(s.ingest(in), (*host)(in), in.post, (*feed)(in)); err != nil {
		return nil, fmt.Errorf("instance.%s: ingest: %w", name, err)
	}
	in.http.Serve((*handler)(in))
	in.accept.server = in.http
	in.spaces.in, in.spaces.past = in, newStats()
	in.hands.in = in
	return in, nil
}

// Serve borrows ln for accepting. Before Run it is the first listener. While the instance runs, ln is accepted on before the accept loop of the
// previous listener ends; when Serve returns it has ended, and the fleet may close that listener or lend it to another instance. nil stops
// accepting; established connections stay.
func (in *Instance) Serve(ln transport.Listener) {
	in.accept.serve(ln)
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.state == Starting && ln != nil {
		in.state = Bound
	}
}

// Ready is closed when the instance accepts clients.
func (in *Instance) Ready() <-chan struct{} { return in.ready }

// Apply replaces the settings that can change while clients are connected, all at once. Changes of class restart are the fleet's to carry
// out and are ignored here. An error leaves everything as it was.
func (in *Instance) Apply(c *config.Instance) error {
	s, err := compile(c, in.settings.Load())
	if err != nil {
		return fmt.Errorf("instance.%s: %w", in.name, err)
	}
	old := in.settings.Load()
	if err := in.site(s, old); err != nil {
		return fmt.Errorf("instance.%s: %w", in.name, err)
	}
	in.settings.Store(s)
	in.warn(s)
	in.http.Configure(s.transport(in.env.Log))
	in.engine.Configure(s.engine())
	in.io.Configure(s.socketio(in.pool.Lanes(), in.spaces.open))
	if s.c.Ingest != nil { // else what is under way keeps the options that it was let in by
		in.posts.Configure(s.ingest(in))
	}
	in.spaces.apply(s)
	in.hands.apply(s)
	return nil
}

// warn logs what is allowed but hardly meant.
func (in *Instance) warn(s *settings) {
	for _, dir := range s.missing {
		in.env.Log.Warn("folder of static files is missing", "reason", dir)
	}
	if s.c.Exposed() {
		in.env.Log.Warn("open to other machines without auth", "listen", s.c.Addr())
	}
}

// Status returns the state and the totals of this moment.
func (in *Instance) Status() Status {
	var st Status
	st.State, st.Cause, st.Note = in.condition()
	in.mu.Lock()
	st.ReadyIn, st.Since = in.readyIn, in.since
	in.mu.Unlock()
	st.Clients, st.Polling = in.engine.Len(), in.engine.Stats().Polling
	st.EventsIn, st.Worker = in.eventsIn.Load(), in.hands.status()
	st.Rooms, st.EventsOut, st.RetryQueue = in.spaces.totals()
	return st
}

// condition is the state, which part of the instance is to blame if it is degraded, and why, for people.
func (in *Instance) condition() (State, Cause, string) {
	in.mu.Lock()
	state := in.state
	in.mu.Unlock()
	if state == Ready {
		if cause, note := in.trouble(); cause != "" {
			return Degraded, cause, note
		}
		if in.settings.Load().c.Exposed() {
			return state, "", "open to other machines without auth"
		}
	}
	return state, "", ""
}

// crowded tells whether more waits for slow readers than maxBacklog.
func (in *Instance) crowded() bool { return in.http.Backlog() > in.backlog }

// trouble says what is not right with an instance that serves; empty when nothing is.
func (in *Instance) trouble() (Cause, string) {
	for i, lag := range in.loops.Lag() {
		if lag > lagLimit {
			return CausePollers, fmt.Sprintf("poller %d has not answered for %s", i, lag.Round(100*time.Millisecond))
		}
	}
	if note := in.journalTrouble(); note != "" {
		return CauseJournal, note
	}
	if note := in.hands.trouble(); note != "" {
		return CauseWorker, note
	}
	return "", ""
}

func (in *Instance) setState(s State) {
	in.mu.Lock()
	in.state = s
	in.mu.Unlock()
}

// Run serves until ctx ends, then drains and returns nil. Any other end is an error that says what died or why the start was not possible. It
// needs a listener from Serve and may be called once.
func (in *Instance) Run(ctx context.Context) error {
	proof, err := in.prove(ctx)
	if err != nil {
		in.stopLoops()
		return err
	}
	defer in.stopLoops()
	return in.run(ctx, proof)
}
