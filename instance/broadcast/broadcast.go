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
	// ErrNotRunning is returned by Publish before Run has begun and after it has ended.
	ErrNotRunning = errors.New("broadcast: not running")
	// ErrFull is returned by Publish when a lane's outbox has no room left. No client got the event then.
	ErrFull = errors.New("broadcast: outbox full")
)

// Proof shows that event loops dispatch. Only *transport.Proof implements it outside of tests.
type Proof interface{ ProvenAt() time.Time }

// Options of a [Broadcaster]. The zero value works.
type Options struct {
	Depth int // events that may wait in one lane's outbox, 8192
	Bytes int // bytes of encoded events that may wait in one lane's outbox, 64 MiB; a single event may exceed it
}

func (o Options) withDefaults() Options {
	if o.Depth <= 0 {
		o.Depth = 8192
	}
	if o.Bytes <= 0 {
		o.Bytes = 64 << 20
	}
	return o
}

// Event is something to publish. Either Relay or Name is set.
type Event struct {
	Relay    *socketio.Event   // a received event to pass on as it is; borrowed for the call
	Name     string            // the event's name; with Relay, "" keeps the received one
	Args     []any             // see [socketio.Namespace.Prepare]; unused with Relay
	To       socketio.Selector // who gets it; not changed and not kept beyond the fan-out
	Volatile bool              // dropped for a client that cannot take it now
}

// Broadcaster orders and delivers the events of one namespace. Make one with [New].
type Broadcaster struct {
	ns    *socketio.Namespace
	pool  *lane.Pool
	proof Proof
	stats counters
	opts  atomic.Pointer[Options]

	mu      sync.Mutex
	running bool
	seq     uint64
	lanes   []outbox
	emptied chan struct{} // made by Run when it ends; closed when no outbox holds anything
}

// outbox is what waits for one lane, guarded by Broadcaster.mu.
type outbox struct {
	queue  []delivery
	spare  []delivery // taken and emptied by the lane; the two take turns
	bytes  int
	queued bool // the lane has a job for it
	job    func()
}

type delivery struct {
	packet   *socketio.Packet
	to       socketio.Selector
	volatile bool
}

// New returns a broadcaster for ns, whose shard k is served by lane k of pool. It delivers nothing before Run. A nil proof panics: there is
// no way to broadcast before the loops run.
func New(proof Proof, ns *socketio.Namespace, pool *lane.Pool, o Options) *Broadcaster {
	if proof == nil || proof.ProvenAt().IsZero() {
		panic("broadcast: event loops are not proven")
	}
	b := &Broadcaster{ns: ns, pool: pool, proof: proof, lanes: make([]outbox, ns.Shards())}
	for k := range b.lanes {
		b.lanes[k].job = func() { b.flush(k) }
	}
	b.Configure(o)
	return b
}

// Configure replaces the options; they hold for the next event.
func (b *Broadcaster) Configure(o Options) {
	o = o.withDefaults()
	b.opts.Store(&o)
}

// Run lets events in until ctx ends, waits until the lanes have taken what was accepted, and returns ctx's error. The pool must not be stopped
// before Run has returned. It may be called once.
func (b *Broadcaster) Run(ctx context.Context) error {
	b.mu.Lock()
	b.running = true
	b.mu.Unlock()
	b.stats.started.Store(time.Now().UnixNano())

	<-ctx.Done()

	b.mu.Lock()
	b.running = false
	emptied := make(chan struct{})
	b.emptied = emptied
	b.signalEmpty()
	b.mu.Unlock()
	<-emptied
	return ctx.Err()
}

// signalEmpty ends the wait of Run once every outbox is empty and no lane is at work; b.mu is held.
func (b *Broadcaster) signalEmpty() {
	if b.emptied == nil {
		return
	}
	for i := range b.lanes {
		if b.lanes[i].queued {
			return
		}
	}
	close(b.emptied)
	b.emptied = nil
}

// Publish encodes e, gives it the next sequence number and queues it for every lane, or for none. It never blocks. done, which may be nil, is
// called once, on any goroutine, with the number or the reason of the refusal; today always before Publish returns.
func (b *Broadcaster) Publish(e Event, done func(seq uint64, err error)) {
	seq, err := b.publish(e)
	if err != nil {
		b.stats.refuse(err)
	}
	if done != nil {
		done(seq, err)
	}
}

func (b *Broadcaster) publish(e Event) (uint64, error) {
	packet, err := b.encode(e)
	if err != nil {
		return 0, err
	}
	d := delivery{packet: packet, to: e.To, volatile: e.Volatile}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.running {
		return 0, ErrNotRunning
	}
	if !b.room(packet.Len()) {
		return 0, ErrFull
	}
	for k := range b.lanes {
		o := &b.lanes[k]
		if !o.queued {
			if err := b.pool.Do(k, o.job); err != nil {
				return 0, b.undo(k, err)
			}
			o.queued = true
		}
		o.queue = append(o.queue, d)
		o.bytes += packet.Len()
	}
	b.seq++
	b.stats.accepted.Add(1)
	return b.seq, nil
}

// undo takes the event that was appended last out of the outboxes before lane k; b.mu is held. A lane that has a job by now finds
// its outbox empty.
func (b *Broadcaster) undo(k int, err error) error {
	for i := range k {
		o := &b.lanes[i]
		last := len(o.queue) - 1
		o.bytes -= o.queue[last].packet.Len()
		o.queue[last] = delivery{}
		o.queue = o.queue[:last]
	}
	if errors.Is(err, lane.ErrFull) {
		return ErrFull
	}
	return ErrNotRunning
}

func (b *Broadcaster) encode(e Event) (*socketio.Packet, error) {
	if e.Relay != nil {
		return b.ns.Relay(e.Relay, e.Name)
	}
	return b.ns.Prepare(e.Name, nil, e.Args...)
}

// room tells whether every outbox takes n more bytes; b.mu is held.
func (b *Broadcaster) room(n int) bool {
	o := b.opts.Load()
	for k := range b.lanes {
		l := &b.lanes[k]
		if len(l.queue) >= o.Depth || (l.bytes > 0 && l.bytes+n > o.Bytes) {
			return false
		}
	}
	return true
}

// ProvenAt is when the loops that this broadcaster writes to were proven.
func (b *Broadcaster) ProvenAt() time.Time { return b.proof.ProvenAt() }
