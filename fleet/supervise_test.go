package fleet_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/fleet"
	"github.com/sockd/sockd/fleet/control"
)

// spread allows for a jitter of 25 % either way.
func within(d, nominal time.Duration) bool {
	return d >= nominal*3/4 && d <= nominal*5/4
}

func TestBackoffEndsInFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("bad", script{fails: errors.New("poller not ready within 5s")})
		w.run(file(on("bad", 3001), on("good", 3002)))
		<-w.fleet.Settled()
		w.wantState("good", "ready")
		last := time.Now()
		for i, nominal := range []time.Duration{1, 2, 4, 8, 16} {
			w.wantState("bad", "backoff")
			if got := w.is("bad"); got.Restarts != i || got.Note != "poller not ready within 5s" || got.Clients != 0 {
				t.Errorf("status: %+v", got)
			}
			w.wantAddresses("127.0.0.1:3001", "127.0.0.1:3002") // the listener is kept
			for w.count("bad") == i+1 {
				<-time.After(10 * time.Millisecond)
				synctest.Wait()
			}
			if waited := time.Since(last); !within(waited-5*time.Millisecond, nominal*time.Second) {
				t.Errorf("attempt %d after %s, want about %s", i+1, waited, nominal*time.Second)
			}
			last = time.Now()
		}
		w.wantState("bad", "failed")
		w.wantAddresses("127.0.0.1:3002")
		<-time.After(time.Hour)
		if w.count("bad") != 6 || w.count("good") != 1 {
			t.Errorf("%d starts of bad, %d of good", w.count("bad"), w.count("good"))
		}

		// An edit that concerns it gives it another chance, with a fresh budget.
		w.want(w.reload(file(on("bad", 3001), on("good", 3002, clients(1))), noOptions), control.Applied)
		w.wantState("bad", "failed")
		w.act("bad", script{})
		w.want(w.reload(file(on("bad", 3001, clients(1)), on("good", 3002, clients(1))), noOptions), control.Applied)
		w.wantState("bad", "ready")
	})
}

func TestBudgetIsCountedAnewAfterAStableTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("a", script{dies: 31 * time.Second})
		w.run(file(on("a", 3001)))
		<-time.After(20 * time.Minute)
		if n := w.is("a").Restarts; n < 35 || n > 39 {
			t.Errorf("%d restarts in 20 minutes of a member that lives 31 s", n)
		}
	})
}

func TestBudgetHoldsForShortLives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("a", script{dies: 29 * time.Second})
		w.run(file(on("a", 3001)))
		<-time.After(20 * time.Minute)
		w.wantState("a", "failed")
		if got := w.is("a"); got.Restarts != 5 || got.Note != "died" {
			t.Errorf("status: %+v", got)
		}
	})
}

func TestBackoffPolicyIsLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("bad", script{fails: errors.New("no")})
		c := file(on("bad", 3001))
		w.run(c)
		c = file(on("bad", 3001))
		c.Fleet.Restart.Attempts, c.Fleet.Restart.Max = 1000, seconds(1)
		w.want(w.reload(seal(c), noOptions), control.Applied)
		<-time.After(5 * time.Minute)
		w.wantState("bad", "backoff")
		if n := w.count("bad"); n < 230 {
			t.Errorf("%d starts in five minutes, one a second is asked for", n)
		}
	})
}

func TestPanicTakesDownOneInstance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("a", script{panics: true})
		w.run(file(on("a", 3001), on("b", 3002)))
		<-w.fleet.Settled()
		w.wantState("b", "ready")
		w.wantState("a", "backoff")
		if note := w.is("a").Note; note != "panic: at the disco" {
			t.Errorf("note %q", note)
		}
		w.mu.Lock()
		stack := strings.Contains(w.log.String(), "fakes_test.go")
		w.mu.Unlock()
		if !stack {
			t.Error("no stack in the log")
		}
		w.act("a", script{})
		<-time.After(2 * time.Second)
		w.wantState("a", "ready")
		if got := w.is("a"); got.Restarts != 1 || got.Note != "" {
			t.Errorf("status: %+v", got)
		}
	})
}

func TestRemovedMemberDrainsInTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("gone", script{drains: 4 * time.Second})
		w.act("off", script{drains: 4 * time.Second})
		w.run(file(on("a", 3001), on("gone", 3002), on("off", 3003)))
		begun := time.Now()
		w.want(w.reload(file(on("a", 3001), on("off", 3003, off)), noOptions), control.Applied)
		if took := time.Since(begun); took != 0 {
			t.Errorf("the reload took %s", took)
		}
		w.wantAddresses("127.0.0.1:3001")
		w.wantState("off", "draining")
		if n := len(w.fleet.Status().Instances); n != 2 {
			t.Errorf("%d instances in the status", n)
		}
		// The end of the fleet waits for them.
		<-time.After(time.Second)
		w.stop()
		if took := time.Since(begun); took != 4*time.Second || !w.last("gone").over {
			t.Errorf("stopped after %s", took)
		}
	})
}

func TestDisabledMemberIsDrainedThenDisabled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("a", script{drains: 4 * time.Second})
		w.run(file(on("a", 3001)))
		w.want(w.reload(file(on("a", 3001, off)), noOptions), control.Applied)
		w.wantState("a", "draining")
		<-time.After(5 * time.Second)
		synctest.Wait()
		w.wantState("a", "disabled")
		w.want(w.reload(file(on("a", 3001)), noOptions), control.Applied)
		w.wantState("a", "ready")
	})
}

func TestStopOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("a", script{drains: 3 * time.Second})
		w.run(file(on("a", 3001)))
		begun, before := time.Now(), len(w.journal)
		w.cancel()
		<-time.After(time.Second)
		w.wantState("a", "draining")
		if st := w.fleet.Status().Fleet; st.State != control.Stopping {
			t.Errorf("fleet is %s", st.State)
		}
		if _, err := w.fleet.Reload(t.Context(), noOptions); !errors.Is(err, fleet.ErrStopped) {
			t.Errorf("Reload: %v", err)
		}
		w.stop()
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("took %s", took)
		}
		want := []string{"mute a", "close 127.0.0.1:3001", "drain a", "ended a"}
		if got := w.journal[before:]; !slices.Equal(got, want) {
			t.Errorf("order %v, want %v", got, want)
		}
		w.wantState("a", "stopped")
	})
}

func TestStopIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("a", script{stuck: true})
		w.run(file(on("a", 3001)))
		begun := time.Now()
		w.stop()
		if took := time.Since(begun); took != 9*time.Second {
			t.Errorf("took %s, want the drain time and four seconds", took)
		}
	})
}

func TestStopWhileStarting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("slow", script{readyAfter: time.Hour})
		w.act("bad", script{fails: errors.New("no")})
		w.hold("127.0.0.1:3003", true)
		w.run(file(on("slow", 3001), on("bad", 3002), on("busy", 3003)))
		begun := time.Now()
		w.stop()
		if took := time.Since(begun); took != 0 {
			t.Errorf("took %s", took)
		}
	})
}

func TestStopWhileAnEditSettles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		w.act("slow", script{readyAfter: time.Hour})
		w.save(file(on("a", 3001), on("slow", 3002)), nil)
		outcome := make(chan control.Outcome, 1)
		go func() {
			r, _ := w.fleet.Reload(t.Context(), noOptions)
			outcome <- r.Outcome
		}()
		synctest.Wait()
		w.wantState("slow", "bound")
		begun := time.Now()
		w.stop()
		if got := <-outcome; got != control.Applied || time.Since(begun) != 0 {
			t.Errorf("outcome %s, stopped after %s", got, time.Since(begun))
		}
	})
}

func TestRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		add := func(n uint64) {
			w.mu.Lock()
			w.members["a"][0].events += n
			w.mu.Unlock()
		}
		<-time.After(2100 * time.Millisecond)
		add(84)
		<-time.After(2 * time.Second)
		if got := w.is("a"); got.RateIn != 42 || got.RateOut != 420 || got.EventsIn != 84 || got.EventsOut != 840 {
			t.Errorf("status: %+v", got)
		}
		<-time.After(2 * time.Second)
		if got := w.is("a"); got.RateIn != 0 {
			t.Errorf("rate of an idle instance: %v", got.RateIn)
		}
	})
}

// ours counts the goroutines that run code of this package; the runtime starts and ends some of its own at will.
func ours() (n int) {
	buf := make([]byte, 4<<20)
	for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "sockd/fleet.(*") {
			n++
		}
	}
	return n
}

// Not parallel: it counts goroutines.
func TestReloadsLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("gone", script{drains: time.Second})
		one := file(on("a", 3001), on("b", 3002), on("gone", 3003), on("c", 0, anyPort), on("d", 3006))
		two := file(on("a", 3002, clients(2)), on("b", 3001), on("c", 3004, path("/x/")), on("d", 3006, host("0.0.0.0")))
		w.run(one)
		<-w.fleet.Settled()
		synctest.Wait()
		base := ours()
		for range 50 {
			w.want(w.reload(two, noOptions), control.Applied)
			w.want(w.reload(one, noOptions), control.Applied)
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if n := ours(); n != base {
			t.Errorf("%d goroutines after 100 reloads, %d before", n, base)
		}
		if n := len(w.addresses()); n != 5 {
			t.Errorf("bound %v", w.addresses())
		}
	})
}
