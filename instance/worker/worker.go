package worker

import (
	"context"
	"errors"
	"sync"
)

// State of a worker.
type State string

// The states.
const (
	Stopped  State = "stopped"  // Run was not called, or has returned
	Starting State = "starting" // the process runs, or is about to, and has not said that it is ready
	Ready    State = "ready"
	Idle     State = "idle"    // no event for it yet, or none for a while
	Backoff  State = "backoff" // it ended, and is started again after a pause
	Failed   State = "failed"  // it ended too often, or its interpreter cannot be used
)

// Status is what an operator sees of a worker.
type Status struct {
	State       State
	Interpreter string // path, "" before the first was found
	Version     string
	Rule        string // that found it: "3 .venv"
	PID         int    // 0 when no process runs
	Restarts    int    // starts after the first, those out of Idle not counted
	Note        string // why it is down, or what is not as it should be
	Broken      bool   // Note tells of an environment of the project that had to be passed over
}

// Stats are totals since [New], and what is there now.
type Stats struct {
	Waiting, Unanswered, Bytes int    // in the queue; Bytes of both together
	Lines, Malformed           uint64 // from the worker; Malformed holds Unknown and Refused
	Unknown                    uint64 // answers to no event
	Refused                    uint64 // emits that the sink did not take
}

// Worker keeps one process of a project running. Make one with [New].
type Worker struct {
	host  host
	sink  Sink
	queue *queue
	poke  chan struct{} // of length 1: something below has changed
	count counters

	mu      sync.Mutex
	options Options
	changed bool // Configure was called
	restart bool // Restart was called
	status  Status
}

// New checks the options and starts nothing. What depends on the machine (a missing interpreter, a missing file) is no error here: it shows in
// the status.
func New(o Options, sink Sink) (*Worker, error) { return newWorker(o, sink, new(machine)) }

func newWorker(o Options, sink Sink, h host) (*Worker, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	return &Worker{host: h, sink: sink, queue: newQueue(o.Queue), poke: make(chan struct{}, 1), options: o, status: Status{State: Stopped}}, nil
}

func (o Options) check() error {
	switch {
	case len(o.Command) == 0 || o.Command[0] == "":
		return errors.New("worker: command is empty")
	case o.Project == "":
		return errors.New("worker: project is empty")
	}
	return nil
}

// Run starts the process, or waits for the first event, and keeps it running until ctx ends; then it stops it, and returns nil when nothing is
// left of it. Events that are in the queue then are lost. It may be called once.
func (w *Worker) Run(ctx context.Context) error {
	l := &loop{Worker: w}
	l.run(ctx)
	return nil
}

// Send queues an event and returns its id, never 0, by which the sink will be told of an answer. It never blocks. The error matches [ErrFull],
// [ErrDown] or [ErrInvalid]. The event's JSON is copied. Events that come before Run wait for it.
func (w *Worker) Send(e Event) (uint64, error) { return w.queue.push(e) }

// Configure changes the options. The process is restarted only if what it is started with is another (command, interpreter, project, URL, environment,
// content of its files); everything else holds from now on. A worker that has failed is tried again in any case.
func (w *Worker) Configure(o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	w.mu.Lock()
	w.options, w.changed = o.withDefaults(), true
	w.mu.Unlock()
	signal(w.poke)
	return nil
}

// Restart stops the process and starts it anew; it ends Backoff, Failed and Idle too.
func (w *Worker) Restart() {
	w.mu.Lock()
	w.restart = true
	w.mu.Unlock()
	signal(w.poke)
}

// Status returns the present state.
func (w *Worker) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

// Stats returns the counters.
func (w *Worker) Stats() Stats {
	s := Stats{Lines: w.count.lines.Load(), Malformed: w.count.malformed.Load(), Unknown: w.count.unknown.Load(), Refused: w.count.refused.Load()}
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	s.Waiting, s.Unanswered, s.Bytes = len(w.queue.waiting), len(w.queue.open), w.queue.bytes
	return s
}
