package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Mode is what a run does with its clients.
type Mode string

const (
	Fanout  Mode = "fanout"  // one more client emits, all others receive
	Ack     Mode = "ack"     // each client emits and waits for the acknowledgement
	Ingest  Mode = "ingest"  // each connection posts events over HTTP
	Idle    Mode = "idle"    // clients connect and say nothing
	Connect Mode = "connect" // clients connect, as fast as the server lets them
	Churn   Mode = "churn"   // each client connects, emits once, leaves, and begins anew
)

// Modes are all of them, in the order in which help names them.
var modes = []Mode{Fanout, Ack, Ingest, Idle, Connect, Churn}

// Transports, as URLs name them.
const (
	websocket = "websocket"
	polling   = "polling"
)

// Bounds of a run.
const (
	MaxDuration = 10 * time.Minute // of the measurement, unless YesReally
	maxClients  = 1 << 20
	maxWindow   = 1 << 14
	maxThreads  = 64
	maxRate     = 10e6
	maxPayload  = 16 << 20
)

// Options say what to measure. Only URL and Mode are required.
type Options struct {
	URL       string          // http, https (refused) or ws, with host and port; its path and query count unless Path is set
	Mode      Mode            //
	Clients   int             // 0 = 50; in mode ingest the number of connections that post
	Receivers int             // mode ingest: clients that receive what is posted
	Window    int             // events under way: of the sender, or of each client in mode ack; connects at once in the last three modes. 0 = 1, or 64
	Rate      float64         // events per second in all, whatever is under way; 0 = closed loop
	Payload   int             // bytes of the event's one argument, a string; 0 = 128, at least [MinPayload]
	Transport string          // "" = websocket
	Duration  time.Duration   // of the measurement; 0 = 10 s
	Warmup    time.Duration   // before it, under load; 0 = none
	Patience  time.Duration   // when nothing arrives for so long, what is under way is given up as lost; 0 = 10 s
	Ramp      time.Duration   // over which the clients connect; 0 = as fast as they can
	Namespace string          // "" = /
	Event     string          // "" = bench
	Auth      json.RawMessage // of CONNECT; nil = none
	Path      string          // of Engine.IO; "" = the URL's, or /socket.io/
	Ingest    string          // path that takes POST; in mode fanout it replaces the sender
	Token     string          // Authorization: Bearer of handshake and POST
	PID       int             // of the server on this machine, whose CPU and memory are reported; 0 = unknown
	Threads   int             // event loops; 0 = 1
	BusyPoll  bool            // never sleep: a server then need not wake this process for each message. Takes a whole core per thread
	YesReally bool            // allows public targets and long runs
	Progress  io.Writer       // gets a line a second, each after a carriage return; nil = none
}

// withDefaults returns the options with every zero filled in, or all that is wrong with them.
func (o Options) withDefaults() (Options, error) {
	fill(&o.Clients, 50)
	fill(&o.Payload, 128)
	fill(&o.Threads, 1)
	fill(&o.Duration, 10*time.Second)
	fill(&o.Patience, 10*time.Second)
	fill(&o.Transport, websocket)
	fill(&o.Namespace, "/")
	fill(&o.Event, "bench")
	if o.Mode == Idle || o.Mode == Connect || o.Mode == Churn {
		fill(&o.Window, 64)
	}
	fill(&o.Window, 1)
	return o, errors.Join(o.wrongNumbers(), o.wrongWords())
}

func fill[T comparable](field *T, def T) {
	var zero T
	if *field == zero {
		*field = def
	}
}

func (o *Options) wrongNumbers() error {
	var errs []error
	inRange := func(name string, got, least, most int) {
		if got < least || got > most {
			errs = append(errs, fmt.Errorf("%s %d: must be between %d and %d", name, got, least, most))
		}
	}
	inRange("clients", o.Clients, 1, maxClients)
	inRange("receivers", o.Receivers, 0, maxClients)
	inRange("window", o.Window, 1, maxWindow)
	inRange("payload", o.Payload, MinPayload, maxPayload)
	inRange("threads", o.Threads, 1, maxThreads)
	if !(o.Rate >= 0 && o.Rate <= maxRate) {
		errs = append(errs, fmt.Errorf("rate %v: must be between 0 and %.0f", o.Rate, maxRate))
	}
	if o.Duration < 0 || o.Warmup < 0 || o.Ramp < 0 || o.Patience < 0 {
		errs = append(errs, errors.New("no time may be negative"))
	}
	if longest := max(o.Duration, o.Warmup, o.Ramp); longest > MaxDuration && !o.YesReally {
		errs = append(errs, fmt.Errorf("%v is longer than %v: --yes-really allows it", longest, MaxDuration))
	}
	return errors.Join(errs...)
}

func (o *Options) wrongWords() error {
	var errs []error
	wrong := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if !isMode(o.Mode) {
		wrong("mode %q: must be one of %s", o.Mode, ModeNames())
	}
	if o.Transport != websocket && o.Transport != polling {
		wrong("transport %q: must be websocket or polling", o.Transport)
	}
	if o.Mode == Ingest && o.Ingest == "" {
		wrong("mode ingest needs --ingest-path")
	}
	if o.Receivers > 0 && o.Mode != Ingest {
		wrong("receivers belong to mode ingest; in the others all clients receive")
	}
	if o.Rate > 0 && o.Mode != Fanout && o.Mode != Ack && o.Mode != Ingest {
		wrong("mode %s has no rate", o.Mode)
	}
	if !strings.HasPrefix(o.Namespace, "/") || strings.ContainsAny(o.Namespace, ",\r\n") {
		wrong("namespace %q: must begin with / and hold no comma", o.Namespace)
	}
	if len(o.Auth) > 0 && (!json.Valid(o.Auth) || strings.TrimSpace(string(o.Auth))[0] != '{') {
		wrong("auth: must be a JSON object")
	}
	for name, value := range map[string]string{"path": o.Path, "ingest path": o.Ingest} {
		if value != "" && !strings.HasPrefix(value, "/") || hasBreak(value) || strings.Contains(value, " ") {
			wrong("%s %q: must begin with / and hold no space", name, value)
		}
	}
	if hasBreak(o.Token) {
		wrong("token: must be one line")
	}
	return errors.Join(errs...)
}

func hasBreak(s string) bool { return strings.ContainsAny(s, "\r\n\x00") }

func isMode(m Mode) bool {
	for _, known := range modes {
		if m == known {
			return true
		}
	}
	return false
}

// ModeNames lists the modes for a message.
func ModeNames() string {
	names := make([]string, len(modes))
	for i, m := range modes {
		names[i] = string(m)
	}
	return strings.Join(names, ", ")
}

// Check tells what is wrong with the options, apart from the URL.
func (o Options) Check() error {
	_, err := o.withDefaults()
	return err
}
