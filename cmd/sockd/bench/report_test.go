package bench_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/sockd/sockd/cmd/sockd/bench"
)

var update = flag.Bool("update", false, "write the golden files")

func example() *bench.Report {
	return &bench.Report{
		Schema: 1, Target: "http://127.0.0.1:8765", Mode: bench.Fanout, Transport: "websocket", Clients: 1000, Window: 16, Payload: 128, Threads: 1,
		Interrupted: true, Seconds: 2.5, Connected: 1000, Events: bench.Count{Count: 4000, PerSecond: 1600}, Deliveries: bench.Count{Count: 4000000, PerSecond: 1600000},
		Latency: map[string]bench.Latency{
			"delivery": {Count: 4000000, Mean: 6000, P50: 5123.4, P99: 12000, P999: 999.4, Max: 1.5e6},
			"connect":  {Count: 1001, Mean: 4, P50: 4, P99: 5, P999: 6, Max: 7},
		},
		Lost: 2, Late: 1, Doubled: 3, Errors: map[string]uint64{"closed by server": 2, "handshake: 403 \x1b[31mno": 1},
		Generator: bench.Generator{CPUSeconds: 2},
		Server:    &bench.Server{PID: 7, CPUSeconds: 2.4, CPUPercent: 96, CPUPerUnit: .6, Unit: "delivery", RSS: 12345678, Anon: 2345678, BytesPerClient: 1234},
	}
}

func TestReportIsGolden(t *testing.T) {
	t.Parallel()
	var text, js bytes.Buffer
	if err := example().WriteText(&text); err != nil {
		t.Fatal(err)
	}
	out := json.NewEncoder(&js)
	out.SetIndent("", "  ")
	if err := out.Encode(example()); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"testdata/report.golden.txt": text.Bytes(), "testdata/report.golden.json": js.Bytes()} {
		if *update {
			if err := os.WriteFile(name, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s (-update writes it): %v\n%s", name, err, got)
		}
	}
}

func TestGrouped(t *testing.T) {
	t.Parallel()
	for in, want := range map[float64]string{0: "0", 999.4: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -999: "-999"} {
		if got := bench.Grouped(in); got != want {
			t.Errorf("%v: got %s, want %s", in, got, want)
		}
	}
}
