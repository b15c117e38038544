package broadcast

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockd/sockd/instance/lane"
	"github.com/sockd/sockd/instance/socketio"
)

var (
	// ErrNotRunning is returned by Publish once Run is ending.
	ErrNotRunning = errors.New("broadcast: not running")
	// ErrFull is returned by Publish when a lane's outbox has no room left. No client got the event then.
	ErrFull = errors.New("broadcast: outbox full")
)

// Proof shows that event loops dispatch. Only *transport.Proof implements it outside of tests.
type Proof interface{ ProvenAt() time.Time }

// Broadcaster orders and delivers the events of one namespace. Make one with [New].
type Broadcaster struct {
	ns    *socketio.Namespace
	pool  *lane.Pool
	proof Proof
	stats counters
	opts  atomic.Pointer[Options]

	made  time.Time
	marks *marks
	width atomic.Int32  // digits of the number that the next event most likely gets; written under mu
	wake  chan struct{} // holds a token when the clock should look again

	journal  Journal // nil = none
	sessions sessions
	desk     desk

	last atomic.Uint64 // the last event that was handed to the lanes, for sockets that join; written under mu

	mu        sync.Mutex
	closed    bool // Run is ending
	recover   bool // as Options.Window says
	seq       uint64
	lanes     []outbox
	writing   []entry // with a journal: what is not on disk yet
	unwritten int     // bytes of it
	history   history
	stale     uint64        // when the history's floor gets there, positions are brought up to date
	asked     bool          // the clock was told so
	refreshed time.Duration // when they were
	watchers  []*watcher
	watched   uint          // watchers since New
	emptied   chan struct{} // made by Run when it ends; closed when no outbox holds anything
}

// outbox is what waits for one lane, guarded by Broadcaster.mu.
type outbox struct {
	queue  []delivery
	spare  []delivery // taken and emptied by the lane; the two take turns
	bytes  int
	queued bool // the lane has a job for it
	job    func()

	done atomic.Uint64 // the last event that the lane has delivered
}

type delivery struct {
	seq      uint64
	packet   *socketio.Packet
	to       socketio.Selector
	volatile bool
	unkept   bool
	mail     *mail         // of an acked event
	at       time.Duration // since New; only with Options.FanOut
}

// New returns a broadcaster for ns, whose shard k is served by lane k of pool. It takes events from now on, so a client may be let in before
// Run has had its first turn. A nil proof panics: there is no way to broadcast before the loops run.
func New(proof Proof, ns *socketio.Namespace, pool *lane.Pool, o Options) *Broadcaster {
	if proof == nil || proof.ProvenAt().IsZero() {
		panic("broadcast: event loops are not proven")
	}
	b := &Broadcaster{
		ns: ns, pool: pool, proof: proof, lanes: make([]outbox, ns.Shards()),
		made: time.Now(), marks: newMarks(newEpoch()), wake: make(chan struct{}, 1),
	}
	for k := range b.lanes {
		b.lanes[k].job = func() { b.flush(k) }
	}
	b.width.Store(1)
	b.sessions.b, b.desk.b = b, b
	ns.Number(b.last.Load)
	b.Configure(o)
	if b.journal = o.Journal; b.journal != nil {
		b.journal.Start(b.committed)
	}
	if o.Restored != nil {
		b.restore(o.Restored)
	}
	return b
}

// Configure replaces the options; they hold for the next event and the next decision. With a Window the namespace's lost sockets can come back from
// now on, and sessions that are saved already keep the window they were saved with; without one they are dropped. The history stays. It must not be
// called by two goroutines at once.
func (b *Broadcaster) Configure(o Options) {
	o = o.withDefaults()
	on := o.Window > 0
	b.mu.Lock()
	b.opts.Store(&o)
	if b.recover && !on {
		b.history.replace(b.plain)
	}
	b.recover = on
	b.history.prune(b.now(), &o.History)
	b.mu.Unlock()
	for _, id := range b.sessions.configure(&o) {
		b.forget(id)
	}
	if on || o.Replay > 0 {
		b.ns.Recover(b)
	} else {
		b.ns.Recover(nil)
	}
	b.signal()
}

// plain returns a packet without the offset that it was sent with; the same if it cannot be read.
func (b *Broadcaster) plain(p *socketio.Packet) *socketio.Packet {
	name, payload, attachments, err := p.Event()
	if err != nil {
		return p
	}
	bare, err := b.ns.Relay(&socketio.Event{Name: name, Payload: payload, Attachments: attachments}, "")
	if err != nil {
		return p
	}
	return bare
}

// Run waits until ctx ends, then lets no more events in, waits until the lanes have taken what was accepted, and returns ctx's error. A
// journal must go on until then. The pool must
// not be stopped before Run has returned. It may be called once.
func (b *Broadcaster) Run(ctx context.Context) error {
	b.stats.started.Store(time.Now().UnixNano())

	b.clock(ctx)

	b.mu.Lock()
	b.closed = true
	emptied := make(chan struct{})
	b.emptied = emptied
	b.signalEmpty()
	b.mu.Unlock()
	<-emptied
	b.stopWaiting()
	return ctx.Err()
}

// Idle reports whether nobody would miss this broadcaster: no socket, no client that may come back, and nothing that is not acknowledged.
func (b *Broadcaster) Idle() bool {
	b.mu.Lock()
	watched := len(b.watchers) > 0 || len(b.writing) > 0
	b.mu.Unlock()
	return !watched && b.ns.Len() == 0 && b.sessions.len() == 0 && b.desk.idle()
}

// ProvenAt is when the loops that this broadcaster writes to were proven.
func (b *Broadcaster) ProvenAt() time.Time { return b.proof.ProvenAt() }
