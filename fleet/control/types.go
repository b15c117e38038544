package control

import (
	"context"
	"time"
)

// Schema is the version of [Status] as JSON.
const Schema = 1

// Backend is what answers an operator. Its methods are called from many goroutines at once; *fleet.Fleet satisfies it.
type Backend interface {
	Operator
	Traffic
	// Status never blocks.
	Status() Status
	// Reload reads the file anew and returns when the edit has been applied or refused. A refusal is a [Report], not an
	// error; an error means that nobody can say what became of the request.
	Reload(ctx context.Context, o ReloadOptions) (Report, error)
}

// Status is the whole fleet at one moment. Its JSON form is a public contract.
type Status struct {
	Schema    int              `json:"schema"`
	Fleet     FleetStatus      `json:"fleet"`
	Instances []InstanceStatus `json:"instances"` // those of the file, by name
}

// FleetState says whether the daemon serves or is on its way out.
type FleetState string

// The states of a fleet.
const (
	Running  FleetState = "running"
	Stopping FleetState = "stopping"
)

// ConfigState says what became of the file on disk.
type ConfigState string

// The states of the configuration.
const (
	ConfigApplied  ConfigState = "applied"
	ConfigRejected ConfigState = "rejected"        // the file has faults; the last good revision runs on
	ConfigHeld     ConfigState = "held"            // it removes so much that somebody has to say yes
	ConfigPending  ConfigState = "pending_restart" // applied but for what only a new process can change
)

// FleetStatus is the part of [Status] that is about the process and its file.
type FleetStatus struct {
	Name        string      `json:"name"`
	File        string      `json:"file"`
	PID         int         `json:"pid"`
	State       FleetState  `json:"state"`
	Revision    int         `json:"revision"` // of applied configurations, 1 is the one of the start
	ConfigState ConfigState `json:"config_state"`
	ConfigError *Fault      `json:"config_error"` // nil unless rejected or held
	UptimeS     float64     `json:"uptime_s"`     // seconds
	StartedAt   time.Time   `json:"started_at"`   // UTC

	// What follows is for the table only and travels beside the JSON form.

	Version   string    `json:"-"`
	AppliedAt time.Time `json:"-"` // of Revision
	JudgedAt  time.Time `json:"-"` // when ConfigError was found
	Pending   []string  `json:"-"` // keys that wait for a new process
	Admin     string    `json:"-"` // the address of dashboard and metrics; "" while there is none
	AdminNote string    `json:"-"` // why not
}

// InstanceStatus is one instance at one moment. Counters are totals since it was started.
type InstanceStatus struct {
	Name       string        `json:"name"`
	State      string        `json:"state"`
	Address    string        `json:"address"` // host:port, as bound or, before that, as written
	Port       int           `json:"port"`    // 0 while none was chosen
	Clients    int           `json:"clients"`
	Rooms      int           `json:"rooms"`
	EventsIn   uint64        `json:"events_in"`
	EventsOut  uint64        `json:"events_out"`
	RetryQueue uint64        `json:"retry_queue"`
	ReadyMS    float64       `json:"ready_ms"` // from the start to the proof of its pollers; 0 before
	Restarts   int           `json:"restarts"`
	UptimeS    float64       `json:"uptime_s"` // seconds since it was ready, 0 when it is not
	Note       string        `json:"note"`
	Worker     *WorkerStatus `json:"worker"` // nil without one

	// Events per second of the last seconds, for the table only.

	RateIn  float64 `json:"-"`
	RateOut float64 `json:"-"`
	Path    string  `json:"-"` // of its Engine.IO endpoint, for the wide table
	Cause   string  `json:"-"` // which part of a degraded instance is to blame; known within the daemon only
}

// WorkerStatus is the process that an instance hands events to.
type WorkerStatus struct {
	State       string `json:"state"` // starting, ready, idle, backoff, failed or stopped
	Interpreter string `json:"interpreter"`
	Version     string `json:"version"`
	Rule        string `json:"rule"`
	PID         int    `json:"pid"`
	Restarts    int    `json:"restarts"`
	Note        string `json:"note"`
}

// ReloadOptions say how far a reload may go.
type ReloadOptions struct {
	DryRun bool `json:"dry_run,omitempty"` // report the plan, change nothing
	Yes    bool `json:"yes,omitempty"`     // apply also what would be held
}

// Outcome is what became of a reload.
type Outcome string

// The outcomes of a reload.
const (
	Unchanged  Outcome = "unchanged"   // the file means what already runs
	Planned    Outcome = "planned"     // a dry run; it would be applied
	Applied    Outcome = "applied"     //
	Rejected   Outcome = "rejected"    // a fault was found before anything was touched
	RolledBack Outcome = "rolled_back" // something was touched and put back
	Held       Outcome = "held"        // waits for ReloadOptions.Yes
)

// Report is the answer to a reload.
type Report struct {
	Outcome  Outcome   `json:"outcome"`
	Revision int       `json:"revision"` // that runs now
	Steps    []Step    `json:"steps"`    // in the order in which they are taken
	Pending  []string  `json:"pending"`  // keys that wait for a new process
	Error    *Fault    `json:"error"`    // the first of Errors
	Errors   []Fault   `json:"errors"`
	Unready  []Unready `json:"unready"` // applied, but not ready (yet)
	TookMS   float64   `json:"took_ms"`
}

// The actions of a [Step].
const (
	ActionStop    = "stop"
	ActionDisable = "disable"
	ActionRebind  = "rebind"
	ActionReplace = "replace"
	ActionUpdate  = "update"
	ActionStart   = "start"
)

// Step is one part of a plan.
type Step struct {
	Action   string `json:"action"`
	Instance string `json:"instance"` // empty: the fleet itself
	Detail   string `json:"detail"`
}

// Unready names an instance that an applied edit left in another state than ready.
type Unready struct {
	Instance string `json:"instance"`
	State    string `json:"state"`
	Note     string `json:"note"`
}

// Fault is one mistake in the file, or the reason why it could not be applied. Line and Col are 0 when it has no place.
type Fault struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Col     int    `json:"col"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	Snippet string `json:"snippet,omitempty"` // the offending line; never part of a Status
}
