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

// errStale means that a packet was encoded for another length of its offset than it is to have.
var errStale = errors.New("broadcast: encoded too early")

// Options of a [Broadcaster]. The zero value works.
type Options struct {
	Depth int // events that may wait in one lane's outbox, 8192
	Bytes int // bytes of encoded events that may wait in one lane's outbox, 64 MiB; a single event may exceed it

	Window   time.Duration // for how long a client that lost its connection can come back; 0 = connection state recovery is off
	Sessions int           // how many such clients are remembered, 10000; beyond that the one whose time is over first is forgotten
	History  History       // what is kept for them; unused without Window
	Crowded  func() bool   // asked before a client is sent what it missed: true = it starts anew, so much waits already; nil = never
}

func (o Options) withDefaults() Options {
	if o.Depth <= 0 {
		o.Depth = 8192
	}
	if o.Bytes <= 0 {
		o.Bytes = 64 << 20
	}
	if o.Sessions <= 0 {
		o.Sessions = 10000
	}
	o.Window = max(o.Window, 0)
	o.History = o.History.withDefaults()
	return o
}

// Event is something to publish. Either Relay or Name is set.
type Event struct {
	Relay    *socketio.Event   // a received event to pass on as it is; borrowed for the call
	Name     string            // the event's name; with Relay, "" keeps the received one
	Args     []any             // see [socketio.Namespace.Prepare]; unused with Relay
	To       socketio.Selector // who gets it; its slices are kept and must not be changed afterwards
	Volatile bool              // dropped for a client that cannot take it now
}

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

	sessions sessions

	last atomic.Uint64 // seq, for sockets that join; written under mu

	mu      sync.Mutex
	closed  bool // Run is ending
	recover bool // as Options.Window says
	seq     uint64
	lanes   []outbox
	history history
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
	seq      uint64
	packet   *socketio.Packet
	to       socketio.Selector
	volatile bool
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
	ns.Number(b.last.Load)
	b.Configure(o)
	return b
}

// Configure replaces the options; they hold for the next event. With a Window the namespace's lost sockets can come back from now on, and sessions that
// are saved already keep the window they were saved with; without one they and the history are dropped. It must not be called by two goroutines at once.
func (b *Broadcaster) Configure(o Options) {
	o = o.withDefaults()
	on := o.Window > 0
	b.mu.Lock()
	b.opts.Store(&o)
	switch {
	case on != b.recover:
		b.history.reset(b.seq)
		b.recover = on
	case on:
		b.history.prune(b.now(), &o.History)
	}
	b.mu.Unlock()
	b.sessions.configure(&o)
	if on {
		b.ns.Recover(b)
	} else {
		b.ns.Recover(nil)
	}
	b.signal()
}

// Run waits until ctx ends, then lets no more events in, waits until the lanes have taken what was accepted, and returns ctx's error. The pool must
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
	return ctx.Err()
}

// clock forgets what is over its time, until ctx ends.
func (b *Broadcaster) clock(ctx context.Context) {
	var alarm <-chan time.Time // of the last timer; nil while nothing is kept
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		case <-alarm:
		}
		alarm = nil
		if next := b.tick(); next > 0 {
			alarm = time.After(next)
		}
	}
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
	for {
		mark := ""
		if b.opts.Load().Window > 0 && !e.Volatile {
			mark = b.marks.all[b.width.Load()]
		}
		packet, err := b.encode(e, mark)
		if err != nil {
			return 0, err
		}
		if seq, err := b.order(delivery{packet: packet, to: e.To, volatile: e.Volatile}, mark); err != errStale {
			return seq, err
		}
	}
}

// order gives an encoded event its number and puts it into the history and every outbox, or nowhere. A packet whose place for the offset does
// not fit is stale: the number has got longer, or recovery was switched meanwhile.
func (b *Broadcaster) order(d delivery, mark string) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, ErrNotRunning
	}
	d.seq = b.seq + 1
	if kept := b.recover && !d.volatile; kept || mark != "" {
		width := b.marks.width(d.seq)
		b.width.Store(int32(width))
		if kept == (mark == "") || mark != "" && mark != b.marks.all[width] {
			return 0, errStale
		}
	}
	if !b.room(d.packet.Len()) {
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
		o.bytes += d.packet.Len()
	}
	b.seq = d.seq
	b.last.Store(d.seq)
	b.stats.accepted.Add(1)
	if mark != "" {
		b.keep(d)
	}
	return d.seq, nil
}

// keep writes the offset into the packet, which no lane can have taken yet, and puts the event into the history; b.mu is held.
func (b *Broadcaster) keep(d delivery) {
	var offset [40]byte
	d.packet.Stamp(b.marks.appendOffset(offset[:0], d.seq))
	o := &b.opts.Load().History
	first := b.history.n == 0
	b.history.add(record{seq: d.seq, at: b.now(), packet: d.packet, to: d.to}, o)
	if first && o.TTL > 0 {
		b.signal()
	}
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

// encode encodes e, with mark where its offset will be; "" = it gets none.
func (b *Broadcaster) encode(e Event, mark string) (*socketio.Packet, error) {
	switch {
	case e.Relay != nil && mark != "":
		return b.ns.RelayStamped(mark, e.Relay, e.Name)
	case e.Relay != nil:
		return b.ns.Relay(e.Relay, e.Name)
	case mark != "":
		return b.ns.PrepareStamped(mark, e.Name, e.Args...)
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
