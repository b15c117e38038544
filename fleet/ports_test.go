package fleet_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet"
	"github.com/sockd/sockd/fleet/control"
)

func TestPortRanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hold("127.0.0.1:4001", true)
		in := ports(4001, 4004)
		w.run(file(on("a", 0, in), on("b", 0, in), on("c", 4003)))
		w.wantAddresses("127.0.0.1:4002", "127.0.0.1:4003", "127.0.0.1:4004")
		if a := w.is("a"); a.Port != 4002 || a.Address != "127.0.0.1:4002" {
			t.Errorf("status: %+v", a)
		}

		// No port is left for a fourth; one comes free.
		r := w.reload(file(on("a", 0, in), on("b", 0, in), on("c", 4003), on("d", 0, in)), noOptions)
		w.want(r, control.Applied)
		if d := w.is("d"); d.State != "backoff" || d.Note != "ports 4001-4004 all in use" || d.Port != 0 || d.Address != "127.0.0.1:4001-4004" {
			t.Errorf("status: %+v", d)
		}
		w.hold("127.0.0.1:4001", false)
		<-time.After(5 * time.Second)
		synctest.Wait()
		if d := w.is("d"); d.State != "ready" || d.Port != 4001 {
			t.Errorf("status: %+v", d)
		}

		// A range that still holds the port does not move it, another one does.
		w.want(w.reload(file(on("a", 0, ports(4000, 4009)), on("b", 0, ports(5000, 5001)), on("c", 4003), on("d", 0, in)), noOptions), control.Applied)
		if a, b := w.is("a"), w.is("b"); a.Port != 4002 || b.Port != 5000 {
			t.Errorf("a at %d, b at %d", a.Port, b.Port)
		}
	})
}

func TestChosenPortIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		c := file(on("any", 0, anyPort), on("range", 0, ports(4001, 4009)))
		var first [2]int
		for i := range 3 {
			w := newWorld(t)
			w.nextPort = 50000 + 100*i
			if i == 0 {
				w.hold("127.0.0.1:4001", true) // in the way once
			}
			o := w.options()
			o.StateDir = dir
			w.runWith(c, o)
			if i == 0 {
				first = [2]int{w.is("any").Port, w.is("range").Port}
			}
			if got := [2]int{w.is("any").Port, w.is("range").Port}; got != first {
				t.Errorf("start %d: ports %v, want %v", i, got, first)
			}
			w.stop()
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 1 {
			t.Errorf("in the state folder: %v %v", left, err)
		}
	})
}

func TestChosenPortOutlivesTheMember(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("a", script{dies: time.Second})
		w.run(file(on("a", 0, anyPort)))
		port := w.is("a").Port
		<-time.After(4 * time.Second)
		w.act("a", script{})
		if a := w.is("a"); a.Port != port || a.Restarts == 0 {
			t.Errorf("status: %+v, want port %d", a, port)
		}
		// Another host, the same port.
		w.want(w.reload(file(on("a", 0, anyPort, host("0.0.0.0"))), noOptions), control.Applied)
		if a := w.is("a"); a.Port != port || !strings.HasPrefix(a.Address, "0.0.0.0:") {
			t.Errorf("status: %+v, want port %d", a, port)
		}
	})
}

func TestPortsFile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, content, err string
		port               int
	}{
		{"good", `{"version":1,"ports":{"a":4005}}`, "", 4005},
		{"broken", `{"version":1,"po`, "", 4001},
		{"empty", ``, "", 4001},
		{"without version", `{}`, "", 4001},
		{"of another shape", `{"version":1,"ports":[]}`, "", 4001},
		{"a port that is none", `{"version":1,"ports":{"a":-4}}`, "", 4001},
		{"a port out of the range", `{"version":1,"ports":{"a":9}}`, "", 4001},
		{"newer", `{"version":2,"ports":[]}`, "ports.json: version 2: written by a newer sockd than this one", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				o := w.options()
				o.StateDir = t.TempDir()
				if err := os.WriteFile(filepath.Join(o.StateDir, "ports.json"), []byte(tt.content), 0o600); err != nil {
					t.Fatal(err)
				}
				c := file(on("a", 0, ports(4001, 4009)))
				if tt.err != "" {
					w.file = c
					if err := fleet.New(o).Run(t.Context()); err == nil || !strings.HasSuffix(err.Error(), tt.err) {
						t.Errorf("Run: %v", err)
					}
					return
				}
				w.runWith(c, o)
				if got := w.is("a").Port; got != tt.port {
					t.Errorf("port %d, want %d", got, tt.port)
				}
			})
		})
	}
}

func TestStateFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := w.options()
		o.StateDir = filepath.Join(t.TempDir(), "missing")
		w.runWith(file(on("a", 0, anyPort)), o)
		w.wantState("a", "ready")
		if !strings.Contains(w.log.String(), "chosen ports are not kept") {
			t.Errorf("log: %s", w.log.String())
		}
	})
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	auto, three := config.Port{Auto: true}, config.Port{First: 5, Last: 7}
	tests := []struct {
		name     string
		port     config.Port
		has, had int
		want     []int
	}{
		{"fixed", config.Port{First: 5, Last: 5}, 6, 7, []int{5}},
		{"any", auto, 0, 0, []int{0}},
		{"any, remembered", auto, 0, 9, []int{9, 0}},
		{"any, bound and remembered", auto, 8, 9, []int{8, 9, 0}},
		{"any, both the same", auto, 9, 9, []int{9, 0}},
		{"a range", three, 0, 0, []int{5, 6, 7}},
		{"a range, remembered", three, 0, 6, []int{6, 5, 7}},
		{"a range, bound elsewhere", three, 99, 4, []int{5, 6, 7}},
		{"a range, bound and remembered", three, 7, 5, []int{7, 5, 6}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := fleet.Candidates(tt.port, tt.has, tt.had); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func FuzzParsePorts(f *testing.F) {
	f.Add([]byte(`{"version":1,"ports":{"a":4005,"b":70000}}`))
	f.Add([]byte(`{"version":2}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		ports, err := fleet.ParsePorts(data)
		if err != nil && ports != nil {
			t.Error("ports and an error")
		}
		for name, port := range ports {
			if port < 1 || port > 65535 {
				t.Errorf("%s: port %d", name, port)
			}
		}
		again, err2 := fleet.ParsePorts(data)
		if !reflect.DeepEqual(ports, again) || (err == nil) != (err2 == nil) {
			t.Error("not the same twice")
		}
	})
}
