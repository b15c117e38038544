package fleet_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/fleet"
	"github.com/sockd/sockd/fleet/control"
	"github.com/sockd/sockd/instance"
)

func TestStatusBeforeRun(t *testing.T) {
	t.Parallel()
	st := fleet.New(fleet.Options{Version: "1"}).Status()
	if st.Schema != 1 || st.Fleet.State != control.Running || st.Instances == nil || len(st.Instances) != 0 {
		t.Errorf("status: %+v", st)
	}
}

// Readers never wait for the fleet's goroutine, and see every state that an instance goes through.
func TestStatusNamesEveryState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("a", script{readyAfter: time.Second, dies: 10 * time.Second, drains: 2 * time.Second})
		w.run(file(on("a", 3001)))
		var seen []string
		look := func() {
			synctest.Wait()
			if s := w.is("a").State; len(seen) == 0 || seen[len(seen)-1] != s {
				seen = append(seen, s)
			}
		}
		for range 150 {
			look()
			<-time.After(100 * time.Millisecond)
		}
		w.act("a", script{drains: 2 * time.Second})
		<-time.After(5 * time.Second)
		look()
		w.want(w.reload(file(on("a", 3001, off)), noOptions), control.Applied)
		look()
		<-time.After(3 * time.Second)
		look()
		want := []string{"bound", "ready", "backoff", "bound", "ready", "draining", "disabled"}
		if len(seen) < len(want) || seen[0] != want[0] {
			t.Fatalf("seen %v, want %v", seen, want)
		}
		for i := range want {
			if seen[i] != want[i] {
				t.Fatalf("seen %v, want %v", seen, want)
			}
		}
	})
}

// The watchdog is fed as long as the pollers answer, whatever the notes say.
func TestPollersAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if !fleet.New(w.options()).PollersAnswer() {
			t.Error("before the start: got false")
		}
		w.run(file(on("a", 3001), on("b", 3002)))
		for _, c := range []struct {
			cause instance.Cause
			want  bool
		}{{"", true}, {instance.CauseWorker, true}, {instance.CauseJournal, true}, {instance.CausePollers, false}} {
			b := w.last("b")
			w.mu.Lock()
			b.cause = c.cause
			w.mu.Unlock()
			if got := w.fleet.PollersAnswer(); got != c.want || w.is("b").Cause != string(c.cause) {
				t.Errorf("%q: got %v and the cause %q, want %v", c.cause, got, w.is("b").Cause, c.want)
			}
		}
	})
}
