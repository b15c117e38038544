package admin_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockd/sockd/fleet/admin"
	"github.com/sockd/sockd/fleet/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend is a fleet in memory.
type backend struct {
	mu      sync.Mutex
	metrics control.Metrics
	asked   int // how often for metrics
	reloads []control.ReloadOptions
	outcome control.Outcome
	err     error
}

func (b *backend) Metrics() control.Metrics {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	return b.metrics
}

func (b *backend) Reload(_ context.Context, o control.ReloadOptions) (control.Report, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reloads = append(b.reloads, o)
	return control.Report{Outcome: b.outcome, Revision: 3}, b.err
}

// sample is a fleet with one instance of each kind.
func sample() *backend {
	started := time.Now().Add(-3 * time.Hour)
	m := control.Metrics{
		Status: control.Status{
			Schema: 1,
			Fleet: control.FleetStatus{
				Name: "dev", File: "/srv/dev/sockd.toml", PID: 4211, State: control.Running, Revision: 14, ConfigState: control.ConfigApplied,
				UptimeS: 10800, StartedAt: started, Version: "0.1.0", AppliedAt: started,
			},
			Instances: []control.InstanceStatus{
				{Name: "api", State: "ready", Address: "127.0.0.1:3001", Port: 3001, Clients: 128, Rooms: 14, EventsIn: 4200, EventsOut: 91000,
					RetryQueue: 2, ReadyMS: 1.5, UptimeS: 10799, RateIn: 42, RateOut: 910.4,
					Worker: &control.WorkerStatus{State: "ready", Interpreter: "/app/.venv/bin/python", Version: "3.12.4", PID: 4300, Restarts: 1}},
				{Name: "old", State: "disabled", Address: "127.0.0.1:3002", Port: 3002},
				{Name: "shop", State: "degraded", Address: "127.0.0.1:3003", Port: 3003, Clients: 3, UptimeS: 60, Note: "worker is down"},
			},
		},
		Reloads: map[control.Outcome]int64{control.Applied: 13, control.Rejected: 2}, LastTook: 12 * time.Millisecond, SumTook: 90 * time.Millisecond,
		Loops: []time.Duration{time.Millisecond, 2 * time.Millisecond},
		Instances: []control.InstanceMetrics{
			{
				Name: "api", Polling: 8, Refused: map[string]uint64{"transport.per_address": 3}, Dropped: map[string]uint64{"rule.no_rule": 5, "event.slow": 1},
				Ended: map[string]uint64{"ping_timeout": 2}, Loops: []time.Duration{3 * time.Millisecond},
				Delivery: &control.Delivery{Accepted: 10, Targeted: 100, Sent: 96, Dropped: map[string]uint64{"slow": 1}, Pending: 3, Outbox: 7, Retried: 4,
					HistoryEvents: 10, HistoryBytes: 2048, Recovery: control.RecoveryTotals{Saved: 1, Restored: 2, Refused: map[string]uint64{"pruned": 1}}},
				Ingest:  &control.IngestTotals{Requests: map[string]uint64{"accepted": 9}, Events: 9},
				Journal: &control.JournalTotals{Segments: 1, Bytes: 4096, Synced: 3, TookSync: time.Millisecond},
				FanOut:  &control.Latency{Bounds: []time.Duration{time.Millisecond, time.Second}, Counts: []uint64{2, 1, 1}, Sum: 3 * time.Second},
			},
			{Name: "old"}, {Name: "shop"},
		},
	}
	return &backend{metrics: m, outcome: control.Applied}
}

// change edits what the fleet says of itself.
func (b *backend) change(f func(*control.Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.metrics.Status)
}

// site is a running server.
type site struct {
	*admin.Server
	t      *testing.T
	client *http.Client
}

// serve runs a server on a free port until the test ends.
func serve(t *testing.T, b *backend, s admin.Settings) *site {
	t.Helper()
	if s.Listen == "" {
		s.Listen = "127.0.0.1:0"
	}
	s.Fixed = true
	x := run(t, admin.Options{Backend: b, Settings: s})
	x.await(func(address string) bool { return address != "" })
	return x
}

// run runs a server until the test ends.
func run(t *testing.T, o admin.Options) *site {
	t.Helper()
	x := &site{Server: admin.New(o), t: t, client: &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }()
	t.Cleanup(func() {
		x.client.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: got %v, want nil", err)
		}
	})
	return x
}

// await waits until the address is as it should be.
func (x *site) await(good func(address string) bool) string {
	x.t.Helper()
	tick, late := time.NewTicker(time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for {
		if a := x.Address(); good(a) {
			return a
		}
		select {
		case <-tick.C:
		case <-late:
			x.t.Fatalf("address %q, note %q: not as it should be in time", x.Address(), x.Note())
		}
	}
}

// reply is an answer that was read.
type reply struct {
	status int
	header http.Header
	body   string
}

// ask sends a request; headers are pairs, of which Host is the Host.
func (x *site) ask(method, path, body string, headers ...string) reply {
	x.t.Helper()
	r, err := http.NewRequest(method, "http://"+x.Address()+path, strings.NewReader(body))
	if err != nil {
		x.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	answer, err := x.client.Do(r)
	if err != nil {
		x.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		x.t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header, string(text)}
}

func (x *site) get(path string, headers ...string) reply { return x.ask("GET", path, "", headers...) }

func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	return v
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
