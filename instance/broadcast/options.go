package broadcast

import (
	"math"
	"time"

	"github.com/sockd/sockd/instance/socketio"
)

// Options of a [Broadcaster]. The zero value works.
type Options struct {
	Depth int // events that may wait in one lane's outbox, 8192
	Bytes int // bytes of encoded events that may wait in one lane's outbox, 64 MiB; a single event may exceed it

	Window   time.Duration // for how long a client that lost its connection can come back; 0 = connection state recovery is off
	Sessions int           // how many such clients are remembered, 10000; beyond that the one whose time is over first is forgotten
	History  History       // what is kept for clients that come back and for [Broadcaster.Records]
	Crowded  func() bool   // asked before a client is sent what it missed: true = it starts anew, so much waits already; nil = never

	Replay  Replay        // what a client is sent of the history when it connects
	Retry   Retry         // of events that ask for an acknowledgement
	Clients int           // how many clients with an id of their own are remembered while they are away, 10000; beyond that the first that left goes
	Away    time.Duration // for how long they are; 0 = Retry.MaxAge

	// FanOut is told, for each event and lane, how long it took from its place in the order to the last of the lane's connections, and Answered how
	// long a client took to acknowledge an event. They are called often and must be quick; nil = nobody is told, and no clock is read.
	FanOut, Answered func(time.Duration)

	// For New alone: Configure ignores them.
	Journal  Journal   // takes every event before anybody sees it; nil = none
	Restored *Restored // what it has kept
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
	if o.Clients <= 0 {
		o.Clients = 10000
	}
	o.Window = max(o.Window, 0)
	o.History = o.History.withDefaults()
	o.Retry = o.Retry.withDefaults()
	if o.Away <= 0 {
		o.Away = o.Retry.MaxAge
	}
	return o
}

// Replay says what is sent of the history to a client that connects. A client is known by its pid or by [Broadcaster.Identify]; one that is known is
// never sent more than it has missed.
type Replay int

// What is replayed; see also [Last].
const (
	Missed Replay = 0           // to a known client what it has missed, to others nothing
	None   Replay = -1          // nothing
	All    Replay = math.MaxInt // to a known client what it has missed, to others everything that is kept
)

// Last replays to a known client what it has missed, to others the last n events that are kept and that its rooms allow.
func Last(n int) Replay {
	if n <= 0 {
		return Missed
	}
	return Replay(n)
}

// Retry is the policy for events that ask for an acknowledgement. The zero value has the defaults.
type Retry struct {
	Attempts   int           // sends to a client while it is connected, 3; the first is one of them
	Initial    time.Duration // from the end of AckTimeout, or a send that failed, to the second attempt; 1 s
	Max        time.Duration // the most that it grows to; 8 s
	Factor     float64       // by which it grows with each attempt; 2
	Jitter     float64       // by which part of it it varies, up or down; 0 = not at all
	MaxAge     time.Duration // from the publishing of an event to when it is given up; 30 s
	AckTimeout time.Duration // for how long an answer is awaited; 5 s
	Capacity   int           // pairs of event and client that may be unanswered, 1000; beyond that the oldest is given up
	Dead       bool          // what is given up goes to the dead letters
}

func (r Retry) withDefaults() Retry {
	r.Attempts = orInt(r.Attempts, 3)
	r.Capacity = orInt(r.Capacity, 1000)
	r.Initial, r.Max = orTime(r.Initial, time.Second), orTime(r.Max, 8*time.Second)
	r.MaxAge, r.AckTimeout = orTime(r.MaxAge, 30*time.Second), orTime(r.AckTimeout, 5*time.Second)
	if r.Factor < 1 {
		r.Factor = 2
	}
	r.Jitter = min(max(r.Jitter, 0), 1)
	return r
}

func orInt(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

func orTime(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// Event is something to publish. Either Relay or Name is set.
type Event struct {
	Relay    *socketio.Event   // a received event to pass on as it is; borrowed for the call
	Name     string            // the event's name; with Relay, "" keeps the received one
	Args     []any             // see [socketio.Namespace.Prepare]; unused with Relay
	To       socketio.Selector // who gets it; its slices are kept and must not be changed afterwards
	Volatile bool              // dropped for a client that cannot take it now
	Unkept   bool              // it is not put into the history
	Acked    bool              // sent again to each client that does not acknowledge it, see [Retry]; beats Volatile

	Recipients *int // if not nil, set before done is called: how many sockets are meant when it is published

	// Wait, if not nil, is called once when the clients of an Acked event that was accepted have answered or were given up, or after Timeout
	// (0 = never): how many have answered, of how many. It is called on any goroutine and must not block.
	Wait    func(acked, awaited int)
	Timeout time.Duration
}
