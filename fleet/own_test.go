package fleet_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/fleet/control"
)

// An instance that has to give its port away keeps its member and its clients, and the plan says so.
func TestGivingWayIsInThePlan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("r", 0, ports(3001, 3003))))
		m := w.last("r")
		m.polling = 2
		after := file(on("r", 0, ports(3001, 3003)), on("f", 3001))
		for _, o := range []control.ReloadOptions{{DryRun: true}, {}} {
			r := w.reload(after, o)
			wantSteps(t, r.Steps, "rebind r 127.0.0.1:3001-3003, leaves 3001 to f, 2 polling clients reconnect", "start f 127.0.0.1:3001")
		}
		if w.last("r") != m || len(m.cfgs) != 1 {
			t.Error("r was restarted or changed")
		}
		if got := w.is("r"); got.Port != 3002 {
			t.Errorf("r at %d", got.Port)
		}
	})
}

func TestNobodyGivesWayWithoutAnotherPort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hold("127.0.0.1:3002", true)
		w.run(file(on("r", 0, ports(3001, 3002)), on("f", 3009)))
		r := w.reload(file(on("r", 0, ports(3001, 3002)), on("f", 3001)), noOptions)
		w.want(r, control.Rejected)
		if want := "instance.f: port 3001 is in use by instance r of this fleet, which finds no other one in 3001-3002"; r.Error == nil || r.Error.Message != want || r.Error.Hint == "" {
			t.Errorf("fault %+v, want %s", r.Error, want)
		}
		w.wantAddresses("127.0.0.1:3001", "127.0.0.1:3009")
		if w.servedBy("127.0.0.1:3001") != "r" || w.servedBy("127.0.0.1:3009") != "f" {
			t.Error("something moved")
		}
	})
}

// A port that our own instance got meanwhile is not blamed on our own process.
func TestPortOfAnotherInstance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hold("127.0.0.1:40001", true)
		w.run(file(on("f", 40001)))
		<-w.fleet.Settled()
		w.wantState("f", "backoff")
		w.hold("127.0.0.1:40001", false)
		w.want(w.reload(file(on("f", 40001), on("any", 0, anyPort, host("0.0.0.0"))), noOptions), control.Applied)
		if got := w.is("any"); got.Port != 40001 {
			t.Fatalf("any at %d", got.Port)
		}
		<-time.After(10 * time.Second)
		synctest.Wait()
		if got := w.is("f"); got.State != "backoff" || got.Note != "port 40001 in use by instance any of this fleet" {
			t.Errorf("status: %+v", got)
		}
		// The next edit that concerns it gets it its port.
		w.want(w.reload(file(on("f", 40001, clients(1)), on("any", 0, anyPort, host("0.0.0.0"))), noOptions), control.Applied)
		if w.servedBy("127.0.0.1:40001") != "f" {
			t.Errorf("status: %+v %+v", w.is("f"), w.is("any"))
		}
	})
}

// A range does not take the fixed port of one that is down.
func TestRangeLeavesFixedPortsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hold("127.0.0.1:3001", true)
		w.run(file(on("f", 3001)))
		<-w.fleet.Settled()
		w.hold("127.0.0.1:3001", false)
		w.want(w.reload(file(on("f", 3001), on("r", 0, ports(3001, 3002))), noOptions), control.Applied)
		if got := w.is("r"); got.Port != 3002 {
			t.Errorf("r at %d", got.Port)
		}
	})
}

func TestRangeThatWaitsLeavesFixedPortsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hold("127.0.0.1:3001", true)
		w.hold("127.0.0.1:3002", true)
		w.run(file(on("f", 3001)))
		<-time.After(time.Hour) // its attempts are seconds apart by now
		w.want(w.reload(file(on("f", 3001), on("r", 0, ports(3001, 3002))), noOptions), control.Applied)
		w.hold("127.0.0.1:3001", false)
		<-time.After(10 * time.Second)
		synctest.Wait()
		if w.servedBy("127.0.0.1:3001") != "f" {
			t.Errorf("3001 is served by %q", w.servedBy("127.0.0.1:3001"))
		}
		w.wantState("r", "backoff")
	})
}

func TestLateLookupOfAnOldAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		found := make(chan struct{})
		o := w.options()
		o.Holder = func(_ string, port int) (int, string) {
			if port == 3001 {
				<-found
				return 1, "slow"
			}
			return 2, "quick"
		}
		w.hold("127.0.0.1:3001", true)
		w.hold("127.0.0.1:3002", true)
		w.runWith(file(on("a", 3001), on("b", 3009)), o)
		w.want(w.reload(file(on("a", 3001, off), on("b", 3009)), noOptions), control.Applied)
		w.want(w.reload(file(on("a", 3002), on("b", 3009)), noOptions), control.Applied)
		if note := w.is("a").Note; note != "port 3002 in use by pid 2 (quick)" {
			t.Errorf("note %q", note)
		}
		close(found)
		synctest.Wait()
		if note := w.is("a").Note; note != "port 3002 in use by pid 2 (quick)" {
			t.Errorf("the old lookup came late: note %q", note)
		}
	})
}

func TestPollingClientsOfAMove(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001), on("b", 3002), on("c", 3003)))
		w.last("a").polling, w.last("c").polling = 1, 5
		r := w.reload(file(on("a", 3002), on("b", 3001), on("c", 3003, clients(2))), noOptions)
		w.want(r, control.Applied)
		wantSteps(t, r.Steps, "rebind a 127.0.0.1:3001 → 127.0.0.1:3002, 1 polling client reconnects",
			"rebind b 127.0.0.1:3002 → 127.0.0.1:3001", "update c limits.clients")
	})
}

func (w *world) lines(text string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Count(w.log.String(), text)
}

// The watcher sees the same save a moment after somebody has had it judged.
func TestRefusalIsLoggedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		w.hold("127.0.0.1:3005", true)
		changed := func() control.Report {
			r, err := w.fleet.Changed(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		for i, save := range []func(){
			func() { w.save(nil, errSyntax) },           // cannot be read
			func() { w.save(file(on("a", 3005)), nil) }, // cannot be applied
			func() { w.save(file(), nil) },              // held
			func() { w.save(nil, errSyntax) },           // the first again: not the one before
		} {
			save()
			r := w.reloadAgain(noOptions)
			<-time.After(300 * time.Millisecond)
			if again := changed(); again.Outcome != r.Outcome || len(again.Errors) != 1 || again.Errors[0] != r.Errors[0] {
				t.Errorf("save %d: the watcher got %+v, the command %+v", i, again, r)
			}
			if n := w.lines("config refused"); n != i+1 {
				t.Fatalf("save %d: %d lines, want %d", i, n, i+1)
			}
		}
		// Another day, and another fault, are news.
		<-time.After(time.Minute)
		changed()
		if n := w.lines("config refused"); n != 5 {
			t.Errorf("%d lines after a minute, want 5", n)
		}
	})
}

func TestLifeIsLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := w.options()
		o.StateDir = t.TempDir()
		w.act("a", script{drains: 2 * time.Second})
		w.runWith(file(on("a", 3001), on("b", 3002)), o)
		c := file(on("a", 3001), on("b", 3002))
		c.Fleet.Drain = seconds(9)
		w.want(w.reload(seal(c), noOptions), control.Applied)
		w.stop()
		for text, want := range map[string]int{
			`msg="fleet started"`:                          1,
			"file /etc/sockd.toml, state in " + o.StateDir: 1,
			`reason="update fleet.drain"`:                  1,
			`msg="instance stopped" instance=a took=2s`:    1,
			`msg="instance stopped" instance=b took=0s`:    1,
			`msg="fleet stopped" took=2s`:                  1,
		} {
			if n := w.lines(text); n != want {
				t.Errorf("%d lines with %s, want %d", n, text, want)
			}
		}
		if t.Failed() {
			t.Log(w.log.String())
		}
	})
}
