package control_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sockd/sockd/fleet/control"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\ngot:\n%s\nwant:\n%s", file, got, want)
	}
}

// example is the fleet of the table in the product's documentation.
func example() control.Status {
	return control.Status{
		Schema: control.Schema,
		Fleet: control.FleetStatus{
			Name: "dev", File: "/home/ann/dev/sockd.toml", PID: 4211, State: control.Running, Revision: 14,
			ConfigState: control.ConfigRejected,
			ConfigError: &control.Fault{File: "sockd.toml", Line: 41, Col: 1, Message: `unknown key "prot" in [instance.api]`, Hint: `did you mean "port"?`},
			UptimeS:     51 * 3600, StartedAt: now.Add(-51 * time.Hour),
			Version: "0.1.0", AppliedAt: now.Add(-3 * time.Minute), JudgedAt: now.Add(-12 * time.Second),
		},
		Instances: []control.InstanceStatus{
			{
				Name: "api", State: "ready", Address: "127.0.0.1:3001", Port: 3001, Clients: 128, Rooms: 14, EventsIn: 4200, EventsOut: 91000,
				ReadyMS: 3.25, UptimeS: 51 * 3600, RateIn: 42, RateOut: 910, Path: "/socket.io/",
				Worker: &control.WorkerStatus{State: "ready", Interpreter: "/home/ann/dev/.venv/bin/python", Version: "3.12.4", Rule: ".venv", PID: 4300},
			},
			{Name: "shop", State: "backoff", Address: "127.0.0.1:3003", Port: 3003, Restarts: 5, Note: "port 3003 in use by pid 911 (node)"},
		},
	}
}

// crowded has everything that is too long.
func crowded() control.Status {
	s := example()
	s.Fleet.Name = strings.Repeat("very-long-", 12)
	s.Fleet.ConfigState, s.Fleet.ConfigError = control.ConfigPending, nil
	s.Fleet.Pending = []string{"fleet.pollers 0 → 4"}
	s.Instances = nil
	for range 7 {
		s.Instances = append(s.Instances, control.InstanceStatus{
			Name: "an-instance-with-a-name-of-fifty-characters-and-more", State: "degraded",
			Address: "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:65535", Clients: 1234567, Rooms: 7654321, RateIn: 123456, RateOut: 12345678,
			RetryQueue: 99999, Restarts: 123456789, UptimeS: 400 * 86400, Note: "worker: exit status 1\x1b[2J\nTraceback: " + strings.Repeat("x", 90),
			Worker: &control.WorkerStatus{State: "backoff", Interpreter: "node", Version: "22.1.0"},
		})
	}
	return s
}

// ordinary is a fleet as most people have one: seven-letter names, five-digit ports, one that waits and one that leaves.
func ordinary() control.Status {
	s := example()
	s.Fleet.ConfigState, s.Fleet.ConfigError = control.ConfigApplied, nil
	s.Instances = []control.InstanceStatus{
		{Name: "backend", State: "ready", Address: "127.0.0.1:24110", Port: 24110, Clients: 3, UptimeS: 7200, RateIn: 2, RateOut: 6},
		{Name: "preview", State: "backoff", Address: "127.0.0.1:24111", Port: 24111, Restarts: 12, Note: "port 24111 in use by pid 12911 (python3)"},
		{Name: "reports", State: "draining", Address: "127.0.0.1:24112", Port: 24112, Clients: 1200},
		{Name: "website", State: "disabled", Address: "127.0.0.1:24113", Port: 24113},
	}
	return s
}

// long has names of 40 letters that differ only at their end.
func long() control.Status {
	s := ordinary()
	for i := range s.Instances {
		s.Instances[i].Name = fmt.Sprintf("the-quick-brown-fox-jumps-over-a-lazy-%02d", i+1)
		s.Instances[i].Rooms = i
	}
	return s
}

// sixes listens on IPv6 addresses, with something in every column.
func sixes() control.Status {
	s := ordinary()
	for i := range s.Instances {
		in := &s.Instances[i]
		in.Address, in.Rooms, in.RetryQueue, in.Restarts = fmt.Sprintf("[2001:db8:85a3::8a2e:370:7348]:%d", in.Port), 2, 1, i
	}
	s.Instances[3].Address = "[::1]:24113"
	return s
}

func TestWriteTable(t *testing.T) {
	t.Parallel()
	held := example()
	held.Fleet.State = control.Stopping
	held.Fleet.ConfigState = control.ConfigHeld
	held.Fleet.ConfigError = &control.Fault{File: "sockd.toml", Message: "2 of 2 instances would be removed", Hint: "`sockd fleet reload --yes` applies it"}
	empty := example()
	empty.Fleet.ConfigState, empty.Fleet.ConfigError, empty.Instances = control.ConfigApplied, nil, nil

	tests := []struct {
		name string
		s    control.Status
		o    control.TextOptions
	}{
		{"table", example(), control.TextOptions{}},
		{"table-wide", example(), control.TextOptions{Wide: true}},
		{"table-color", example(), control.TextOptions{Color: true}},
		{"table-held", held, control.TextOptions{}},
		{"table-empty", empty, control.TextOptions{}},
		{"table-crowded", crowded(), control.TextOptions{}},
		{"table-ordinary", ordinary(), control.TextOptions{}},
		{"table-ordinary-80", ordinary(), control.TextOptions{Width: 80}},
		{"table-long-names", long(), control.TextOptions{}},
		{"table-ipv6", sixes(), control.TextOptions{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.o.Now = now
			var b bytes.Buffer
			if err := control.WriteTable(&b, tt.s, tt.o); err != nil {
				t.Fatal(err)
			}
			golden(t, tt.name, b.Bytes())
			if !tt.o.Wide && !tt.o.Color {
				checkWidth(t, b.String(), 100)
			}
		})
	}
}

func checkWidth(t *testing.T, text string, width int) {
	t.Helper()
	for line := range strings.SplitSeq(text, "\n") {
		if n := utf8.RuneCountInString(line); n > width {
			t.Fatalf("%d columns: %s", n, line)
		}
	}
}

func TestWriteTableFitsAnyWidth(t *testing.T) {
	t.Parallel()
	for width := 20; width < 240; width++ {
		for _, s := range []control.Status{example(), crowded()} {
			var b bytes.Buffer
			if err := control.WriteTable(&b, s, control.TextOptions{Width: width, Now: now}); err != nil {
				t.Fatal(err)
			}
			checkWidth(t, b.String(), width)
			if strings.ContainsRune(b.String(), '\x1b') {
				t.Fatal("an escape sequence of a note reached the terminal")
			}
		}
	}
}

// What somebody looks for with grep stands there whole: each state, each name, each port, at any width that an ordinary terminal has.
func TestTableKeepsItsWords(t *testing.T) {
	t.Parallel()
	for width := 80; width < 200; width++ {
		for _, s := range []control.Status{ordinary(), long(), sixes()} {
			var b bytes.Buffer
			if err := control.WriteTable(&b, s, control.TextOptions{Width: width, Now: now}); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(b.String()), "\n")
			names := make(map[string]bool)
			for i, line := range lines[len(lines)-len(s.Instances):] {
				in, words := s.Instances[i], strings.Fields(line)
				names[words[0]] = true
				if len(in.Name) < 10 && words[0] != in.Name {
					t.Errorf("width %d: name %s, want %s", width, words[0], in.Name)
				}
				if words[1] != in.State || !strings.HasSuffix(words[2], fmt.Sprintf(":%d", in.Port)) {
					t.Fatalf("width %d: %s", width, line)
				}
			}
			if len(names) != len(s.Instances) {
				t.Fatalf("width %d: two names look the same:\n%s", width, b.String())
			}
		}
	}
}

func TestWriteReport(t *testing.T) {
	t.Parallel()
	steps := []control.Step{
		{Action: control.ActionStop, Instance: "old", Detail: "127.0.0.1:3009"},
		{Action: control.ActionRebind, Instance: "api", Detail: "127.0.0.1:3001 → 127.0.0.1:3005"},
		{Action: control.ActionUpdate, Detail: "fleet.drain"},
		{Action: control.ActionUpdate, Instance: "chat", Detail: "limits.clients, cors.origins"},
		{Action: control.ActionStart, Instance: "shop", Detail: "127.0.0.1:3003"},
	}
	fault := control.Fault{
		File: "sockd.toml", Line: 41, Col: 1, Message: `unknown key "prot" in [instance.api]`, Hint: `did you mean "port"?`,
		Snippet: "prot = 3001\n^",
	}
	tests := []struct {
		name string
		r    control.Report
	}{
		{"report-unchanged", control.Report{Outcome: control.Unchanged, Revision: 3}},
		{"report-planned", control.Report{Outcome: control.Planned, Revision: 3, Steps: steps, Pending: []string{"fleet.pollers 0 → 4"}}},
		{"report-applied", control.Report{
			Outcome: control.Applied, Revision: 4, Steps: steps, TookMS: 12.345,
			Unready: []control.Unready{{Instance: "shop", State: "backoff", Note: "port 3003 in use by pid 911 (node)"}},
		}},
		{"report-rejected", control.Report{Outcome: control.Rejected, Revision: 3, Error: &fault, Errors: []control.Fault{fault, {File: "sockd.toml", Message: "no instances"}}}},
		{"report-rolled-back", control.Report{Outcome: control.RolledBack, Revision: 3, Errors: []control.Fault{{Message: "instance.api: listen 0.0.0.0:3001: port 3001 in use"}}}},
		{"report-held", control.Report{Outcome: control.Held, Revision: 3, Errors: []control.Fault{{File: "sockd.toml", Message: "3 of 4 instances would be removed", Hint: "`sockd fleet reload --yes` applies it"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := control.WriteReport(&b, tt.r, control.TextOptions{}); err != nil {
				t.Fatal(err)
			}
			golden(t, tt.name, b.Bytes())
			checkWidth(t, b.String(), 100)
		})
	}
}
