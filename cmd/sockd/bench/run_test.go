package bench_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/cmd/sockd/bench"
)

// flawless fails for a report that tells of anything but work done.
func flawless(t *testing.T, rep *bench.Report, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if rep.Lost+rep.Late+rep.Doubled > 0 || len(rep.Errors) > 0 || rep.Interrupted {
		t.Errorf("lost %d, late %d, doubled %d, errors %v, interrupted %v", rep.Lost, rep.Late, rep.Doubled, rep.Errors, rep.Interrupted)
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	d := start(t)
	const short = 200 * time.Millisecond
	for _, tt := range []struct {
		name string
		o    bench.Options
		has  string // latencies
	}{
		{"fan-out", bench.Options{URL: d.hub, Mode: bench.Fanout, Clients: 20, Window: 4}, "connect delivery last_delivery"},
		{"fan-out in a namespace, two threads", bench.Options{URL: d.hub, Mode: bench.Fanout, Namespace: "/room", Clients: 20, Threads: 2, Event: "é\""}, "connect delivery last_delivery"},
		{"fan-out at a rate", bench.Options{URL: d.hub, Mode: bench.Fanout, Clients: 5, Rate: 500}, "connect delivery last_delivery"},
		{"fan-out over polling", bench.Options{URL: d.hub, Mode: bench.Fanout, Clients: 10, Transport: "polling", Window: 2}, "connect delivery last_delivery"},
		{"fan-out of posts", bench.Options{URL: d.hub, Mode: bench.Fanout, Clients: 10, Ingest: "/ingest", Window: 3}, "connect delivery last_delivery post"},
		{"fan-out of much", bench.Options{URL: d.hub, Mode: bench.Fanout, Clients: 3, Payload: 500000, Window: 2}, "connect delivery last_delivery"},
		{"acknowledgements", bench.Options{URL: d.ack, Mode: bench.Ack, Clients: 10, Window: 3, Warmup: short / 4}, "ack connect"},
		{"acknowledgements at a rate", bench.Options{URL: d.ack, Mode: bench.Ack, Clients: 10, Rate: 1000, Threads: 2}, "ack connect"},
		{"acknowledgements over polling", bench.Options{URL: d.ack, Mode: bench.Ack, Clients: 5, Transport: "polling"}, "ack connect"},
		{"ingest", bench.Options{URL: d.hub, Mode: bench.Ingest, Clients: 4, Receivers: 3, Ingest: "/ingest"}, "connect delivery last_delivery post"},
		{"ingest at a rate", bench.Options{URL: d.hub, Mode: bench.Ingest, Clients: 4, Receivers: 3, Ingest: "/ingest", Rate: 300}, "connect delivery last_delivery post"},
		{"idle", bench.Options{URL: d.hub, Mode: bench.Idle, Clients: 10, Ramp: short / 2}, "connect"},
		{"connect", bench.Options{URL: d.hub, Mode: bench.Connect, Clients: 100, Duration: tryTime}, "connect"},
		{"churn", bench.Options{URL: d.hub, Mode: bench.Churn, Clients: 5}, "connect"},
		{"churn over polling", bench.Options{URL: d.hub, Mode: bench.Churn, Clients: 5, Transport: "polling"}, "connect"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.o.Duration == 0 {
				tt.o.Duration = short
			}
			tt.o.PID = d.pid
			rep, err := bench.Run(t.Context(), tt.o)
			flawless(t, rep, err)
			for _, name := range strings.Fields(tt.has) {
				if l := rep.Latency[name]; l.Count == 0 || l.P50 > l.P99 || l.P99 > l.P999*1.02 || l.P999 > l.Max*1.02 {
					t.Errorf("%s: %+v", name, l)
				}
			}
			if len(rep.Latency) != len(strings.Fields(tt.has)) || rep.Connected == 0 || rep.Server.RSS == 0 {
				t.Errorf("got %+v", rep)
			}
		})
	}
}

func TestConnectCountsEachClient(t *testing.T) {
	t.Parallel()
	d := start(t)
	rep, err := bench.Run(t.Context(), bench.Options{URL: d.hub, Mode: bench.Connect, Clients: 150, Threads: 2, Window: 7})
	flawless(t, rep, err)
	if rep.Connected != 150 || rep.Connects.Count != 150 {
		t.Errorf("got %d connected, %d connects", rep.Connected, rep.Connects.Count)
	}
}

func TestInterruptReports(t *testing.T) {
	t.Parallel()
	d := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	var progress bytes.Buffer
	begun := time.Now()
	rep, err := bench.Run(ctx, bench.Options{URL: d.hub, Mode: bench.Fanout, Clients: 5, Duration: tryTime, Progress: &progress})
	if err != nil || !rep.Interrupted || rep.Deliveries.Count == 0 || rep.Lost > 0 {
		t.Errorf("got %+v, %v", rep, err)
	}
	if got := progress.String(); !strings.Contains(got, "measuring") || !strings.Contains(got, "6 of 6 connected") {
		t.Errorf("progress: %q", got)
	}
	if took := time.Since(begun); took > tryTime/2 {
		t.Errorf("took %v", took)
	}
}

func TestNobodyConnects(t *testing.T) {
	t.Parallel()
	d := start(t)
	for name, tt := range map[string]struct {
		o    bench.Options
		want string
	}{
		"another path":       {bench.Options{URL: d.hub, Path: "/elsewhere/"}, "404"},
		"a refused name":     {bench.Options{URL: d.hub, Namespace: "/nowhere"}, "Invalid namespace"},
		"nobody listens":     {bench.Options{URL: "http://127.0.0.1:1"}, "refused"},
		"connects":           {bench.Options{URL: "http://127.0.0.1:1", Mode: bench.Connect}, "refused"},
		"polling, same path": {bench.Options{URL: d.hub, Path: "/elsewhere/", Transport: "polling"}, "404"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.o.Clients = 3
			if tt.o.Mode == "" {
				tt.o.Mode = bench.Fanout
			}
			if _, err := bench.Run(t.Context(), tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestProcessOfNobody(t *testing.T) {
	t.Parallel()
	_, err := bench.Run(t.Context(), bench.Options{URL: "http://127.0.0.1:1", Mode: bench.Idle, PID: 1 << 30})
	if err == nil || !strings.Contains(err.Error(), "pid") {
		t.Errorf("got %v", err)
	}
}
