package worker

import (
	"cmp"
	"errors"
	"log/slog"
	"time"
)

var (
	// ErrFull is returned by [Worker.Send] when too much waits for the worker. The caller counts the event.
	ErrFull = errors.New("worker: queue full")
	// ErrDown is returned by [Worker.Send] when the worker has failed for good or was stopped.
	ErrDown = errors.New("worker: not running")
	// ErrInvalid is returned by [Worker.Send] for arguments that are no JSON.
	ErrInvalid = errors.New("worker: not valid JSON")
	// ErrBusy is returned by a [Sink] that cannot take an emit now. It is offered again.
	ErrBusy = errors.New("worker: sink busy")
)

// Options of a worker. Command and Project must be set.
type Options struct {
	Instance    string
	Project     string            // absolute path; the process runs in it
	Command     []string          // its first word may name a runtime, see package interpreter
	Interpreter string            // "", "auto", "system", or a path
	Env         map[string]string // beats EnvFiles
	EnvFiles    []string          // relative to Project, or absolute; a later one beats an earlier one

	ReadyTimeout time.Duration // default 10 s
	Restart      Restart
	StopTimeout  time.Duration // from TERM to KILL; default 10 s
	OnDemand     bool          // start with the first event
	IdleTimeout  time.Duration // stop an OnDemand worker after this long without events; 0 = never
	Watch        []string      // globs, relative to Project or absolute; a change restarts the worker

	URL           string        // of the instance, for SOCKD_URL
	Port          int           // of the instance, for PORT
	Queue         int           // events that may wait or be unanswered; default 1,000. All together hold at most 16 MiB
	AnswerTimeout time.Duration // how long an answer is waited for before the event counts as lost; default 30 s

	System []string     // the daemon's environment; nil = that of the process
	Log    *slog.Logger // with the instance's name bound; nil = none
}

// Restart is the backoff of a worker that ended.
type Restart struct {
	Initial  time.Duration // default 1 s; doubled each time, ±25 %
	Max      time.Duration // default 30 s
	Attempts int           // ends in a row that make it failed; default 5
}

const (
	maxBytes     = 16 << 20         // of the lines that wait or are kept
	maxLine      = 16 << 20         // of a line from the worker
	maxSaid      = 16 << 10         // of a line of its log
	stableAfter  = 30 * time.Second // ready for so long, its earlier ends are forgotten
	lookInterval = time.Second      // between two looks at watched files
	quiet        = 300 * time.Millisecond
	drainTimeout = time.Second // for the last output of a process that has ended
)

func (o Options) withDefaults() Options {
	o.ReadyTimeout = cmp.Or(o.ReadyTimeout, 10*time.Second)
	o.StopTimeout = cmp.Or(o.StopTimeout, 10*time.Second)
	o.AnswerTimeout = cmp.Or(o.AnswerTimeout, 30*time.Second)
	o.Restart.Initial = cmp.Or(o.Restart.Initial, time.Second)
	o.Restart.Max = cmp.Or(o.Restart.Max, 30*time.Second)
	o.Restart.Attempts = cmp.Or(o.Restart.Attempts, 5)
	o.Queue = cmp.Or(o.Queue, 1000)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
