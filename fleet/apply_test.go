package fleet_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet"
	"github.com/sockd/sockd/fleet/control"
)

var (
	noOptions control.ReloadOptions
	errSyntax = errors.New("unexpected end of file")
)

func TestStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("slow", script{readyAfter: time.Second})
		w.run(file(on("fast", 3001), on("slow", 3002), on("none", 3003, off)))
		w.wantState("fast", "ready")
		w.wantState("slow", "bound")
		w.wantState("none", "disabled")
		select {
		case <-w.fleet.Settled():
			t.Error("settled before slow is ready")
		default:
		}
		<-w.fleet.Settled()
		w.wantState("slow", "ready")
		w.wantAddresses("127.0.0.1:3001", "127.0.0.1:3002")

		st := w.fleet.Status()
		f := st.Fleet
		if st.Schema != 1 || f.Name != "dev" || f.File != "/etc/sockd.toml" || f.State != control.Running || f.Revision != 1 ||
			f.ConfigState != control.ConfigApplied || f.ConfigError != nil || f.Version != "1.2.3" || f.UptimeS != 1 || f.StartedAt.Location() != time.UTC {
			t.Errorf("status of the fleet: %+v", f)
		}
		fast := w.is("fast")
		if fast.Address != "127.0.0.1:3001" || fast.Port != 3001 || fast.Clients != 7 || fast.ReadyMS != 1.5 || fast.UptimeS != 1 || fast.Worker != nil {
			t.Errorf("status of fast: %+v", fast)
		}
		if len(w.applied) != 1 || w.applied[0] != w.file {
			t.Error("Applied was not called once with the first configuration")
		}
	})
}

func TestStartOfNothingSettles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file())
		<-w.fleet.Settled()
	})
}

func TestStartRefused(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	tests := []struct {
		name string
		set  func(*world)
		file *config.Config
		want string
	}{
		{"the file is broken", func(w *world) { w.fault = broken }, nil, "broken"},
		{"an instance cannot be made", func(w *world) { w.refusing["b"] = broken }, file(on("a", 3001), on("b", 3002)), "instance.b: broken"},
		{"two want one address", func(*world) {}, file(on("a", 3001), on("b", 3001)), "instance.b: 127.0.0.1:3001 is also the address of instance a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.file = tt.file
			tt.set(w)
			f := fleet.New(w.options())
			if err := f.Run(t.Context()); err == nil || err.Error() != tt.want {
				t.Errorf("Run: %v, want %s", err, tt.want)
			}
			w.wantAddresses()
			if _, err := f.Reload(t.Context(), noOptions); !errors.Is(err, fleet.ErrStopped) {
				t.Errorf("Reload: %v, want ErrStopped", err)
			}
		})
	}
}

func TestEditTouchesOnlyWhatItConcerns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("keep", 3001), on("gone", 3002), on("limits", 3003), on("path", 3004), on("off", 3005)))
		keep, limits, old := w.last("keep"), w.last("limits"), w.last("path")
		r := w.reload(file(on("keep", 3001), on("limits", 3003, clients(5)), on("path", 3004, path("/x/")), on("new", 3006), on("off", 3005, off)), noOptions)
		w.want(r, control.Applied)
		if r.Revision != 2 || r.TookMS < 0 {
			t.Errorf("report: %+v", r)
		}
		wantSteps(t, r.Steps, "stop gone 127.0.0.1:3002", "disable off 127.0.0.1:3005", "replace path path", "update limits limits.clients", "start new 127.0.0.1:3006")
		if w.last("keep") != keep || len(keep.cfgs) != 1 {
			t.Error("keep was touched")
		}
		if w.last("limits") != limits || limits.current().Limits.Clients != 5 {
			t.Error("limits was not changed in place")
		}
		if w.last("path") == old || !old.over {
			t.Error("path was not replaced")
		}
		w.wantState("path", "ready")
		w.wantState("new", "ready")
		w.wantState("off", "disabled")
		w.wantAddresses("127.0.0.1:3001", "127.0.0.1:3003", "127.0.0.1:3004", "127.0.0.1:3006")
		if n := len(w.fleet.Status().Instances); n != 5 {
			t.Errorf("%d instances in the status, want 5", n)
		}
		// The successor got the listener before the old one was told to go, and it was never closed.
		i, j := slices.Index(w.journal, "mute path"), slices.Index(w.journal, "drain path")
		if i < 0 || j < i || slices.Contains(w.journal, "close 127.0.0.1:3004") {
			t.Errorf("replacing: %v", w.journal)
		}
		if n := strings.Count(w.log.String(), "config applied"); n != 2 || !strings.Contains(w.log.String(), "took=") {
			t.Errorf("%d lines of applied plans, want 2:\n%s", n, w.log.String())
		}
	})
}

func wantSteps(t *testing.T, steps []control.Step, want ...string) {
	t.Helper()
	var got []string
	for _, s := range steps {
		got = append(got, strings.Join(strings.Fields(s.Action+" "+s.Instance+" "+s.Detail), " "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("steps\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSameMeaningIsNoEdit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		r := w.reload(file(on("a", 3001)), noOptions)
		w.want(r, control.Unchanged)
		if r.Revision != 1 || len(w.applied) != 1 {
			t.Errorf("revision %d, applied %d times", r.Revision, len(w.applied))
		}
	})
}

func TestPortMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		m := w.last("a")
		r := w.reload(file(on("a", 3009)), noOptions)
		w.want(r, control.Applied)
		wantSteps(t, r.Steps, "rebind a 127.0.0.1:3001 → 127.0.0.1:3009")
		w.wantAddresses("127.0.0.1:3009")
		if w.last("a") != m || w.servedBy("127.0.0.1:3009") != "a" {
			t.Error("the member did not move")
		}
		want := []string{"bind 127.0.0.1:3009", "serve a 127.0.0.1:3009", "close 127.0.0.1:3001"}
		if got := w.journal[len(w.journal)-3:]; !slices.Equal(got, want) {
			t.Errorf("order %v, want %v", got, want)
		}
		if got := w.is("a"); got.Port != 3009 || got.Restarts != 0 {
			t.Errorf("status: %+v", got)
		}
	})
}

func TestPortsChangeHands(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		before, after *config.Config
		want          map[string]string // address → instance
	}{
		{
			"two swap", file(on("a", 3001), on("b", 3002)), file(on("a", 3002), on("b", 3001)),
			map[string]string{"127.0.0.1:3001": "b", "127.0.0.1:3002": "a"},
		},
		{
			"three in a ring", file(on("a", 3001), on("b", 3002), on("c", 3003)), file(on("a", 3002), on("b", 3003), on("c", 3001)),
			map[string]string{"127.0.0.1:3001": "c", "127.0.0.1:3002": "a", "127.0.0.1:3003": "b"},
		},
		{
			"a chain to a new address", file(on("a", 3001), on("b", 3002)), file(on("a", 3002), on("b", 3003)),
			map[string]string{"127.0.0.1:3002": "a", "127.0.0.1:3003": "b"},
		},
		{
			"an added one takes what a removed one leaves", file(on("a", 3001), on("b", 3002)), file(on("c", 3001), on("b", 3002)),
			map[string]string{"127.0.0.1:3001": "c", "127.0.0.1:3002": "b"},
		},
		{
			"a replaced one takes what a disabled one leaves", file(on("a", 3001), on("b", 3002)), file(on("a", 3001, off), on("b", 3001, path("/x/"))),
			map[string]string{"127.0.0.1:3001": "b"},
		},
		{
			"swap and another path", file(on("a", 3001), on("b", 3002)), file(on("a", 3002, path("/x/")), on("b", 3001)),
			map[string]string{"127.0.0.1:3001": "b", "127.0.0.1:3002": "a"},
		},
		{
			"an added one takes the port of a removed one on every host", file(on("a", 3001), on("b", 3002)), file(on("c", 3001, host("0.0.0.0")), on("b", 3002)),
			map[string]string{"0.0.0.0:3001": "c", "127.0.0.1:3002": "b"},
		},
		{
			"two swap, and the host changes", file(on("a", 3001), on("b", 3002)), file(on("a", 3002, host("0.0.0.0")), on("b", 3001)),
			map[string]string{"0.0.0.0:3002": "a", "127.0.0.1:3001": "b"},
		},
		{
			"a range that may keep its port gives way to a fixed one", file(on("r", 0, ports(3001, 3003))), file(on("r", 0, ports(3001, 3003)), on("f", 3001)),
			map[string]string{"127.0.0.1:3001": "f", "127.0.0.1:3002": "r"},
		},
		{
			"auto gives way to a fixed port", file(on("r", 0, anyPort)), file(on("r", 0, anyPort), on("f", 40001)),
			map[string]string{"127.0.0.1:40001": "f", "127.0.0.1:40002": "r"},
		},
		{
			"a range gives way to the same port on every host", file(on("r", 0, ports(3001, 3003))), file(on("r", 0, ports(3001, 3003)), on("f", 3001, host("0.0.0.0"))),
			map[string]string{"0.0.0.0:3001": "f", "127.0.0.1:3002": "r"},
		},
		{
			"a range gives way to one that moves to every host", file(on("r", 0, ports(3001, 3003)), on("f", 3009)), file(on("r", 0, ports(3001, 3003)), on("f", 3001, host("0.0.0.0"))),
			map[string]string{"0.0.0.0:3001": "f", "127.0.0.1:3002": "r"},
		},
		{
			"a range that is changed as well gives way", file(on("r", 0, ports(3001, 3003))), file(on("r", 0, ports(3001, 3003), clients(1)), on("f", 3001)),
			map[string]string{"127.0.0.1:3001": "f", "127.0.0.1:3002": "r"},
		},
		{
			"a range gives way to a fixed port that the edit makes another range", file(on("a", 0, ports(3001, 3005))), file(on("a", 0, ports(3002, 3005)), on("b", 3001)),
			map[string]string{"127.0.0.1:3001": "b", "127.0.0.1:3002": "a"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.run(tt.before)
				w.want(w.reload(tt.after, noOptions), control.Applied)
				for addr, name := range tt.want {
					if got := w.servedBy(addr); got != name {
						t.Errorf("%s is served by %q, want %q", addr, got, name)
					}
					w.wantState(name, "ready")
				}
				if n := len(w.addresses()); n != len(tt.want) {
					t.Errorf("bound %v", w.addresses())
				}
			})
		})
	}
}

func TestSamePortOnAnotherHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001), on("b", 3002)))
		m := w.last("a")
		w.want(w.reload(file(on("a", 3001, host("0.0.0.0")), on("b", 3002)), noOptions), control.Applied)
		w.wantAddresses("0.0.0.0:3001", "127.0.0.1:3002")
		if w.last("a") != m || w.servedBy("0.0.0.0:3001") != "a" {
			t.Error("the member did not move")
		}

		// A stranger on another local address makes the wildcard impossible: everything is as before.
		w.hold("10.0.0.9:3002", true)
		r := w.reload(file(on("a", 3001, host("0.0.0.0"), clients(3)), on("b", 3002, host("0.0.0.0"))), noOptions)
		w.want(r, control.RolledBack)
		w.wantAddresses("0.0.0.0:3001", "127.0.0.1:3002")
		if w.servedBy("127.0.0.1:3002") != "b" || w.last("a").current().Limits.Clients != 0 {
			t.Error("not everything was undone")
		}
		if want := "instance.b: listen 0.0.0.0:3002: port 3002 in use by pid 911 (node)"; r.Error == nil || r.Error.Message != want {
			t.Errorf("fault %+v, want %s", r.Error, want)
		}
		st := w.fleet.Status().Fleet
		if st.ConfigState != control.ConfigRejected || st.Revision != 2 {
			t.Errorf("status: %+v", st)
		}
	})
}

func TestAddressLostWhileUndoing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		m := w.last("a")
		o := w.fleet
		// The stranger comes while the old address is closed: the wildcard clashes with it, and so does the way back.
		m.onMute = func() { w.foreign["127.0.0.1:3001"] = true }
		w.want(w.reload(file(on("a", 3001, host("0.0.0.0"))), noOptions), control.RolledBack)
		synctest.Wait()
		if w.last("a") != m || w.count("a") != 1 || o.Status().Instances[0].State != "degraded" {
			t.Error("the member with its clients is gone")
		}
		if note := w.is("a").Note; note != "port 3001 in use by pid 911 (node)" {
			t.Errorf("note %q", note)
		}
		w.hold("127.0.0.1:3001", false)
		<-time.After(5 * time.Second)
		synctest.Wait()
		if w.servedBy("127.0.0.1:3001") != "a" || w.is("a").Note != "" {
			t.Errorf("not back: %+v", w.is("a"))
		}
	})
}

func TestBusyAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		w.hold("127.0.0.1:3002", true)

		// Changed: the edit is refused as a whole.
		r := w.reload(file(on("a", 3002), on("new", 3003)), noOptions)
		w.want(r, control.Rejected)
		w.wantAddresses("127.0.0.1:3001")
		if w.count("new") != 0 {
			t.Error("a part of the rejected edit runs")
		}
		f := w.fleet.Status().Fleet
		if f.ConfigState != control.ConfigRejected || f.ConfigError == nil || !strings.Contains(f.ConfigError.Message, "port 3002 in use by pid 911 (node)") {
			t.Errorf("status: %+v", f)
		}

		// Added: it waits alone, and the fault is forgotten.
		r = w.reload(file(on("a", 3001), on("new", 3002)), noOptions)
		w.want(r, control.Applied)
		if len(r.Unready) != 1 || r.Unready[0] != (control.Unready{Instance: "new", State: "backoff", Note: "port 3002 in use by pid 911 (node)"}) {
			t.Errorf("unready: %+v", r.Unready)
		}
		w.wantState("a", "ready")
		if f := w.fleet.Status().Fleet; f.ConfigState != control.ConfigApplied || f.ConfigError != nil {
			t.Errorf("status: %+v", f)
		}

		// For ever, and soon after the port is free.
		<-time.After(2 * time.Hour)
		w.wantState("new", "backoff")
		before := w.is("new").Restarts
		<-time.After(10 * time.Minute)
		if n := w.is("new").Restarts - before; n < 119 || n > 170 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		w.hold("127.0.0.1:3002", false)
		<-time.After(5 * time.Second)
		synctest.Wait()
		w.wantState("new", "ready")
		if note := w.is("new").Note; note != "" {
			t.Errorf("note of a ready instance: %q", note)
		}
	})
}

func TestAddressThatCannotBeBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001), on("low", 80)))
		<-w.fleet.Settled()
		w.wantState("low", "backoff")
		if note := w.is("low").Note; note != "listen 127.0.0.1:80: permission denied" {
			t.Errorf("note %q", note)
		}
		<-time.After(5 * time.Minute)
		w.wantState("low", "failed")
		w.want(w.reload(file(on("a", 80), on("low", 80)), noOptions), control.Rejected) // no two at one address
		w.want(w.reload(file(on("a", 81), on("low", 80)), noOptions), control.Rejected)
		w.want(w.reload(file(on("a", 3001), on("low", 3080)), noOptions), control.Applied)
		w.wantState("low", "ready")
	})
}

func TestFaultsBeforeCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001), on("b", 3002)))
		start := len(w.journal)

		w.refuse("c", errors.New("bad rule"))
		r := w.reload(file(on("a", 3009, clients(2)), on("b", 3002), on("c", 3003)), noOptions)
		w.want(r, control.Rejected)
		if len(r.Errors) != 1 || r.Errors[0].Message != "instance.c: bad rule" || r.Error != &r.Errors[0] && *r.Error != r.Errors[0] {
			t.Errorf("faults: %+v", r.Errors)
		}
		if len(w.journal) != start {
			t.Errorf("something happened: %v", w.journal[start:])
		}

		// Settings that a running one could not take are found before another one gets its own.
		w.refuse("b", errors.New("bad glob"))
		r = w.reload(file(on("a", 3009, clients(2)), on("b", 3002, clients(2))), noOptions)
		w.want(r, control.Rejected)
		if a := w.last("a"); len(a.cfgs) != 1 || len(w.journal) != start {
			t.Errorf("a was given %d configurations; %v", len(a.cfgs), w.journal[start:])
		}
		w.wantAddresses("127.0.0.1:3001", "127.0.0.1:3002")
		if rev := w.fleet.Status().Fleet.Revision; rev != 1 {
			t.Errorf("revision %d", rev)
		}

		// The old file again: nothing to do, and nothing wrong any more.
		w.want(w.reload(file(on("a", 3001), on("b", 3002)), noOptions), control.Unchanged)
		if f := w.fleet.Status().Fleet; f.ConfigState != control.ConfigApplied || f.ConfigError != nil {
			t.Errorf("status: %+v", f)
		}
	})
}

func TestRejectedThenFixed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		fault := &config.Errors{List: []*config.Error{
			{File: "sockd.toml", Line: 4, Col: 1, Key: "instance.a.port", Message: "must be positive", Snippet: "port = -1"},
			{File: "sockd.toml", Line: 9, Col: 1, Message: `unknown key "prot"`, Hint: `did you mean "port"?`},
		}}
		w.save(nil, fault)
		r := w.reloadAgain(noOptions)
		w.want(r, control.Rejected)
		if len(r.Errors) != 2 || r.Errors[0].Snippet == "" || r.Errors[0].Message != "instance.a.port: must be positive" || r.Errors[1].Hint == "" {
			t.Errorf("faults: %+v", r.Errors)
		}
		f := w.fleet.Status().Fleet
		if f.ConfigError == nil || *f.ConfigError != (control.Fault{File: "sockd.toml", Line: 4, Col: 1, Message: "instance.a.port: must be positive"}) {
			t.Errorf("config_error: %+v", f.ConfigError)
		}
		w.wantState("a", "ready")
		w.want(w.reload(file(on("a", 3001, clients(1))), noOptions), control.Applied)
		if f := w.fleet.Status().Fleet; f.ConfigState != control.ConfigApplied || f.ConfigError != nil || f.Revision != 2 {
			t.Errorf("status: %+v", f)
		}
	})
}

func TestDryRunLeavesNoTrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001), on("b", 3002)))
		before, dry := len(w.journal), control.ReloadOptions{DryRun: true}

		r := w.reload(file(on("a", 3005), on("b", 3002, clients(1)), on("c", 3003)), dry)
		w.want(r, control.Planned)
		wantSteps(t, r.Steps, "rebind a 127.0.0.1:3001 → 127.0.0.1:3005", "update b limits.clients", "start c 127.0.0.1:3003")
		w.refuse("b", errors.New("bad rule"))
		w.want(w.reloadAgain(dry), control.Rejected)
		w.want(w.reload(file(), dry), control.Held)
		w.save(nil, errors.New("broken"))
		w.want(w.reloadAgain(dry), control.Rejected)

		// The new addresses were tried, nothing else happened.
		if got, want := strings.Join(w.journal[before:], ", "), "bind 127.0.0.1:3005, bind 127.0.0.1:3003, close 127.0.0.1:3003, close 127.0.0.1:3005"; got != want {
			t.Errorf("a dry run did %s, want %s", got, want)
		}
		f := w.fleet.Status().Fleet
		if f.Revision != 1 || f.ConfigState != control.ConfigApplied || f.ConfigError != nil || len(w.fleet.Status().Instances) != 2 {
			t.Errorf("a trace: %+v", f)
		}
	})
}

func TestDryRunSaysWhatWouldBeRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		dry := control.ReloadOptions{DryRun: true}
		w.hold("127.0.0.1:3005", true)
		r := w.reload(file(on("a", 3005), on("b", 3002)), dry)
		w.want(r, control.Rejected)
		if want := "instance.a: listen 127.0.0.1:3005: port 3005 in use by pid 911 (node)"; r.Error == nil || r.Error.Message != want {
			t.Errorf("fault %+v, want %s", r.Error, want)
		}
		// An added one would wait alone.
		r = w.reload(file(on("a", 3001), on("b", 3005)), dry)
		w.want(r, control.Planned)
		if len(r.Unready) != 1 || r.Unready[0] != (control.Unready{Instance: "b", State: "backoff", Note: "port 3005 in use by pid 911 (node)"}) {
			t.Errorf("unready: %+v", r.Unready)
		}
		// What the fleet itself gives up is not in the way.
		r = w.reload(file(on("c", 3001, host("0.0.0.0"))), control.ReloadOptions{DryRun: true, Yes: true})
		w.want(r, control.Planned)
		if len(r.Unready) != 0 {
			t.Errorf("unready: %+v", r.Unready)
		}
		w.want(w.reload(file(on("a", 3001, host("0.0.0.0"))), dry), control.Planned)
		w.wantAddresses("127.0.0.1:3001")
		if f := w.fleet.Status().Fleet; f.ConfigError != nil || w.servedBy("127.0.0.1:3001") != "a" {
			t.Errorf("a trace: %+v", f)
		}
	})
}

func TestMassRemovalIsHeld(t *testing.T) {
	t.Parallel()
	all := file(on("a", 3001), on("b", 3002), on("c", 3003), on("d", 3004))
	tests := []struct {
		name string
		file *config.Config
		held bool
	}{
		{"an empty file", file(), true},
		{"three of four", file(on("a", 3001)), true},
		{"all of four, and new ones", file(on("e", 3005), on("f", 3006), on("g", 3007)), true},
		{"two of four", file(on("a", 3001), on("b", 3002)), false},
		{"all disabled", file(on("a", 3001, off), on("b", 3002, off), on("c", 3003, off), on("d", 3004, off)), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.run(all)
				r := w.reload(tt.file, noOptions)
				if !tt.held {
					w.want(r, control.Applied)
					return
				}
				w.want(r, control.Held)
				f := w.fleet.Status().Fleet
				if f.ConfigState != control.ConfigHeld || f.ConfigError == nil || len(r.Errors) != 1 || len(w.addresses()) != 4 {
					t.Errorf("held: %+v", f)
				}
				w.want(w.reloadAgain(control.ReloadOptions{Yes: true}), control.Applied)
				if f := w.fleet.Status().Fleet; f.ConfigState != control.ConfigApplied || f.ConfigError != nil {
					t.Errorf("after yes: %+v", f)
				}
			})
		})
	}
}

func TestProcessKeysWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		withPollers := func(n int, in ...*named) *config.Config {
			c := file(in...)
			c.Fleet.Pollers = n
			return seal(c)
		}
		r := w.reload(withPollers(4, on("a", 3001, clients(1))), noOptions)
		w.want(r, control.Applied)
		wantSteps(t, r.Steps, "update a limits.clients")
		f := w.fleet.Status().Fleet
		if f.ConfigState != control.ConfigPending || f.ConfigError != nil || len(f.Pending) != 1 || len(r.Pending) != 1 {
			t.Errorf("status: %+v", f)
		}
		// A later edit elsewhere does not forget it, the old value does.
		w.want(w.reload(withPollers(4, on("a", 3001, clients(2))), noOptions), control.Applied)
		if f := w.fleet.Status().Fleet; f.ConfigState != control.ConfigPending {
			t.Errorf("status: %+v", f)
		}
		w.want(w.reload(withPollers(0, on("a", 3001, clients(2))), noOptions), control.Applied)
		if f := w.fleet.Status().Fleet; f.ConfigState != control.ConfigApplied || len(f.Pending) != 0 {
			t.Errorf("status: %+v", f)
		}
	})
}

func TestFleetKeysAreLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		c := file(on("a", 3001))
		c.Fleet.Drain, c.Fleet.StartTimeout, c.Fleet.Name = seconds(9), seconds(8), "other"
		r := w.reload(seal(c), noOptions)
		w.want(r, control.Applied)
		wantSteps(t, r.Steps, "update fleet.drain, fleet.name, fleet.start_timeout")
		env := w.last("a").env
		if env.Drain() != 9*time.Second || env.StartTimeout() != 8*time.Second || w.fleet.Status().Fleet.Name != "other" {
			t.Error("not applied")
		}
	})
}

func TestReloadWaitsForTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		w.act("slow", script{readyAfter: 2 * time.Second})
		w.act("never", script{readyAfter: time.Hour})
		begun := time.Now()
		w.want(w.reload(file(on("a", 3001), on("slow", 3002)), noOptions), control.Applied)
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("took %s, want 2s", took)
		}
		begun = time.Now()
		r := w.reload(file(on("a", 3001), on("slow", 3002), on("never", 3003)), noOptions)
		if took := time.Since(begun); took != 5*time.Second || len(r.Unready) != 1 || r.Unready[0].State != "bound" {
			t.Errorf("took %s, unready %+v", took, r.Unready)
		}
	})
}

func TestRequestsQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		w.act("slow", script{readyAfter: 2 * time.Second})
		w.save(file(on("a", 3001), on("slow", 3002)), nil)
		reports := make(chan control.Report)
		for range 2 {
			go func() {
				r, err := w.fleet.Reload(context.Background(), noOptions)
				if err != nil {
					t.Error(err)
				}
				reports <- r
			}()
		}
		gone, cancel := context.WithCancel(t.Context())
		synctest.Wait()
		cancel()
		if _, err := w.fleet.Reload(gone, noOptions); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		got := []string{string((<-reports).Outcome), string((<-reports).Outcome)} // in any order
		slices.Sort(got)
		if !slices.Equal(got, []string{"applied", "unchanged"}) || w.count("slow") != 1 {
			t.Errorf("outcomes %v, %d starts", got, w.count("slow"))
		}
	})
}

func TestFileThatIsBeingWritten(t *testing.T) {
	t.Parallel()
	good := file(on("a", 3001, clients(1)))
	broken := errors.New("unexpected end of file")
	tests := []struct {
		name  string
		file  *config.Config
		fault error
		whole time.Duration // when the file is whole; 0 = never
		want  control.Outcome
		took  time.Duration
		loads int
	}{
		{"whole at once", good, nil, 0, control.Applied, 0, 1},
		{"empty for 50 ms", file(), nil, 50 * time.Millisecond, control.Applied, 100 * time.Millisecond, 2},
		{"broken for 250 ms", nil, broken, 250 * time.Millisecond, control.Applied, 300 * time.Millisecond, 3},
		{"broken for 550 ms", nil, broken, 550 * time.Millisecond, control.Applied, 600 * time.Millisecond, 4},
		{"broken", nil, broken, 0, control.Rejected, 600 * time.Millisecond, 4},
		{"empty", file(), nil, 0, control.Held, 600 * time.Millisecond, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.run(file(on("a", 3001)))
				w.save(tt.file, tt.fault)
				if tt.whole > 0 {
					time.AfterFunc(tt.whole, func() { w.save(good, nil) })
				}
				loads, begun := w.loads, time.Now()
				r, err := w.fleet.Changed(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				w.want(r, tt.want)
				if took := time.Since(begun); took != tt.took || w.loads-loads != tt.loads {
					t.Errorf("took %s with %d reads, want %s with %d", took, w.loads-loads, tt.took, tt.loads)
				}
			})
		})
	}
}
