package fleet_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/fleet"
	"github.com/sockd/sockd/fleet/control"
)

func (w *world) order(do func(context.Context, []string) error, names ...string) {
	w.t.Helper()
	if err := do(context.Background(), names); err != nil {
		w.t.Fatalf("order on %v: %v", names, err)
	}
	synctest.Wait()
}

// wait waits at most a minute.
func (w *world) wait(goal control.Goal, names ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := w.fleet.Wait(ctx, names, goal)
	return err
}

func TestStopIsRememberedOverReloads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("a", script{drains: 2 * time.Second})
		w.run(file(on("a", 3001), on("b", 3002)))
		w.order(w.fleet.Stop, "a")
		w.wantState("a", "draining")
		w.wantAddresses("127.0.0.1:3002")
		if err := w.wait(control.GoalStopped, "a"); err != nil {
			t.Fatal(err)
		}
		w.wantState("a", "stopped")
		w.wantState("b", "ready")

		r := w.reload(file(on("a", 3001, clients(7)), on("b", 3002, clients(7))), noOptions)
		w.want(r, control.Applied)
		wantSteps(t, r.Steps, "update a limits.clients, stays stopped", "update b limits.clients")
		w.want(w.reload(file(on("a", 3005, clients(7)), on("b", 3002, clients(7))), noOptions), control.Applied)
		w.wantState("a", "stopped")
		if got := w.is("a"); !strings.Contains(got.Note, "stopped by an operator") || got.Port != 3005 {
			t.Errorf("status: %+v", got)
		}
		w.wantAddresses("127.0.0.1:3002")

		w.order(w.fleet.Start, "a")
		w.wantState("a", "ready")
		w.wantAddresses("127.0.0.1:3002", "127.0.0.1:3005")
		if got := w.last("a").current().Limits.Clients; got != 7 {
			t.Errorf("started with limits.clients = %d", got)
		}
		if got := w.is("a"); got.Note != "" {
			t.Errorf("note %q", got.Note)
		}
	})
}

// What an instance that rests would be started with is judged all the same.
func TestFaultOfAStoppedInstanceRefusesTheEdit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001), on("b", 3002)))
		w.order(w.fleet.Stop, "a")
		w.refuse("a", errors.New("rule: no jq"))
		w.want(w.reload(file(on("a", 3001, clients(7)), on("b", 3002)), noOptions), control.Rejected)
	})
}

func TestDisablingEndsTheOperatorsWord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001), on("b", 3002)))
		w.order(w.fleet.Stop, "a")
		w.want(w.reload(file(on("a", 3001, off), on("b", 3002)), noOptions), control.Applied)
		w.wantState("a", "disabled")
		if err := w.fleet.Start(t.Context(), []string{"b", "a"}); err == nil || !strings.Contains(err.Error(), `"a" is disabled in the file`) {
			t.Errorf("start of a disabled instance: %v", err)
		}
		w.want(w.reload(file(on("a", 3001), on("b", 3002)), noOptions), control.Applied)
		w.wantState("a", "ready")
	})
}

func TestFailedIsLeftByAnOrder(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"start", "restart"} {
		t.Run(order, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.act("bad", script{fails: errors.New("no")})
				w.run(file(on("bad", 3001), on("good", 3002)))
				if err := w.wait(control.GoalSettled); err != nil {
					t.Fatal(err)
				}
				w.wantState("bad", "backoff")
				if err := w.wait(control.GoalReady, "bad"); err != nil {
					t.Fatalf("an instance that fails for good is not waited for: %v", err)
				}
				w.wantState("bad", "failed")
				do := map[string]func(context.Context, []string) error{"start": w.fleet.Start, "restart": w.fleet.Restart}[order]
				w.order(do, "bad")
				w.wantState("bad", "backoff")
				w.act("bad", script{})
				w.order(do, "bad")
				w.wantState("bad", "ready")
				if w.count("good") != 1 {
					t.Error("good was started again")
				}
			})
		})
	}
}

func TestRestartKeepsTheListener(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("a", script{drains: time.Second})
		w.run(file(on("a", 3001), on("b", 3002), on("c", 3003, off), on("d", 3004)))
		w.order(w.fleet.Stop, "d")
		before := w.last("a")
		w.order(w.fleet.Restart, "a")
		if w.last("a") == before || w.servedBy("127.0.0.1:3001") != "a" {
			t.Error("a was not replaced on its listener")
		}
		w.mu.Lock()
		binds := strings.Count(strings.Join(w.journal, "\n"), "bind 127.0.0.1:3001")
		w.mu.Unlock()
		if got := w.is("a"); binds != 1 || got.Restarts != 1 || got.State != "ready" {
			t.Errorf("%d binds, status %+v", binds, got)
		}
		if w.count("b") != 1 {
			t.Error("b was restarted too")
		}

		// Without a name: all but what the file or an operator keeps down.
		w.order(w.fleet.Restart)
		if w.count("a") != 3 || w.count("b") != 2 || w.count("c") != 0 || w.count("d") != 1 {
			t.Errorf("members made: a %d, b %d, c %d, d %d", w.count("a"), w.count("b"), w.count("c"), w.count("d"))
		}
		w.order(w.fleet.Restart, "d")
		w.wantState("d", "ready")

		// One that cannot be made leaves the old one in place.
		w.refuse("b", errors.New("no key"))
		if err := w.fleet.Restart(t.Context(), []string{"b"}); err == nil || err.Error() != "instance.b: no key" {
			t.Errorf("restart: %v", err)
		}
		w.wantState("b", "ready")
	})
}

func TestStoppedInstanceLeavesItsPortToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001), on("b", 3002)))
		w.order(w.fleet.Stop, "a")
		w.hold("127.0.0.1:3001", true)
		w.order(w.fleet.Start, "a")
		if err := w.wait(control.GoalSettled, "a"); err != nil {
			t.Fatal(err)
		}
		w.wantState("a", "backoff")
		w.order(w.fleet.Stop, "a")
		w.wantState("a", "stopped")
		w.hold("127.0.0.1:3001", false)
		<-time.After(time.Minute)
		w.wantState("a", "stopped")
	})
}

func TestOrdersOnUnknownNamesDoNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		for name, do := range map[string]func(context.Context, []string) error{"start": w.fleet.Start, "stop": w.fleet.Stop, "restart": w.fleet.Restart} {
			if err := do(t.Context(), []string{"a", "nope"}); !errors.Is(err, control.ErrUnknown) {
				t.Errorf("%s: %v, want ErrUnknown", name, err)
			}
		}
		w.wantState("a", "ready")
		if err := w.wait(control.GoalReady, "nope"); !errors.Is(err, control.ErrUnknown) {
			t.Errorf("wait: %v, want ErrUnknown", err)
		}
		if err := w.wait("tea", "a"); err == nil {
			t.Error("an unknown goal is waited for")
		}
	})
}

func TestWaitEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		then func(*world)
		want error
	}{
		{"with its context", func(*world) {}, context.DeadlineExceeded},
		{"with the instance", func(w *world) { w.reload(file(on("b", 3002), on("c", 3003)), noOptions) }, control.ErrUnknown},
		{"with the fleet", func(w *world) { w.fleet.Shutdown() }, fleet.ErrStopped},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.act("a", script{readyAfter: time.Hour})
				w.run(file(on("a", 3001), on("b", 3002)))
				ended := make(chan error, 1)
				go func() { ended <- w.wait(control.GoalReady, "a") }()
				synctest.Wait()
				tt.then(w)
				if err := <-ended; !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		})
	}
}

func TestShutdownDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("a", script{drains: 3 * time.Second})
		w.run(file(on("a", 3001)))
		begun := time.Now()
		w.fleet.Shutdown()
		w.fleet.Shutdown()
		w.stop()
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("ended after %s", took)
		}
	})
}

// A fleet that starts from what ran last shows why the file does not run, and takes the mended file over.
func TestBootFromTheLastGoodRevision(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := w.options()
		o.Boot = file(on("a", 3001))
		w.fault = errors.New("sockd.toml:1:1: broken")
		w.runWith(nil, o)
		w.wantState("a", "ready")
		st := w.fleet.Status().Fleet
		if st.ConfigState != control.ConfigRejected || st.ConfigError == nil || st.ConfigError.Message != "sockd.toml:1:1: broken" || st.Revision != 1 {
			t.Errorf("status: %+v", st)
		}
		w.want(w.reload(file(on("a", 3001), on("b", 3002)), noOptions), control.Applied)
		w.wantState("b", "ready")
		if got := w.fleet.Status().Fleet; got.ConfigState != control.ConfigApplied {
			t.Errorf("status: %+v", got)
		}
	})
}
