package instance

import (
	"log/slog"
	"time"

	"github.com/sockd/sockd/instance/transport"
	"github.com/sockd/sockd/instance/worker"
)

// State is where an instance stands in its life. The order of a start is fixed: starting, bound, ready.
type State string

// The states of an instance. Starting to Draining are reported by [Instance.Status]; the others belong to the fleet, which
// alone knows of instances that do not run.
const (
	Disabled State = "disabled" // enabled = false
	Starting State = "starting" // rules are compiled, nothing is open
	Bound    State = "bound"    // the listener is bound, the pollers are not proven yet; nobody is accepted
	Ready    State = "ready"    // accepting
	Degraded State = "degraded" // accepting, but something of its own is not right: see Status.Note
	Draining State = "draining" // not accepting, clients are being closed
	Stopped  State = "stopped"  // ended on purpose
	Backoff  State = "backoff"  // a start failed and will be tried again
	Failed   State = "failed"   // the attempts are spent
)

// Cause says which part of an instance makes it [Degraded].
type Cause string

// The causes of a degraded instance, the gravest first.
const (
	CausePollers Cause = "pollers" // an event loop has not answered for over a second
	CauseJournal Cause = "journal" // the disk refuses
	CauseWorker  Cause = "worker"  // it is down, or was not ready in time
)

// Status is a view of one instance at one moment. The counters are totals since New.
type Status struct {
	State      State
	Cause      Cause         // of Degraded; otherwise empty
	Note       string        // why it is degraded, or what an operator should know; mostly empty
	Clients    int           // Engine.IO sessions
	Polling    int           // those of them that use polling
	Rooms      int           // over all namespaces, without the rooms of single sockets
	EventsIn   uint64        // events received from clients
	EventsOut  uint64        // events handed to clients' connections, one per recipient
	RetryQueue uint64        // sends that wait for an acknowledgement
	ReadyIn    time.Duration // from the start of Run to the proof of the pollers; 0 before
	Since      time.Time     // ready since; zero before

	Worker *worker.Status // nil without one
}

// Env is what an instance gets from the fleet.
type Env struct {
	Loops        *transport.Loops     // shared by all instances; used unless the instance has pollers of its own
	MaxFiles     int                  // limit of open files, for loops of its own
	StartTimeout func() time.Duration // asked at each start; nil = 5 s
	Drain        func() time.Duration // asked at each stop; nil = 5 s
	Log          *slog.Logger         // with the key instance bound; nil = discard
	Version      string               // of the program, for $instance
	StateDir     string               // where journals are that have no folder of their own; "" = nowhere
}
