package worker_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/worker"
	"github.com/sockd/sockd/instance/worker/interpreter"
)

// pass lets fake time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func expect(t *testing.T, w *worker.Worker, when string, state worker.State, restarts int) {
	t.Helper()
	if s := w.Status(); s.State != state || s.Restarts != restarts {
		t.Errorf("%s: got %+v, want %s with %d restarts", when, s, state, restarts)
	}
}

func TestBackoffGrowsAndEnds(t *testing.T) {
	t.Parallel()
	m := &machine{script: func(p *process) { p.line() }}
	inBubble(t, m, worker.Options{}, func(w *worker.Worker, s *sink) {
		expect(t, w, "after the first end", worker.Backoff, 0)
		pass(750*time.Millisecond - time.Millisecond)
		expect(t, w, "before the shortest first pause", worker.Backoff, 0)
		pass(500*time.Millisecond + 2*time.Millisecond)
		expect(t, w, "after the longest first pause", worker.Backoff, 1)
		pass(20 * time.Second)
		expect(t, w, "after five ends", worker.Failed, 4)
		pass(time.Hour)
		expect(t, w, "an hour later", worker.Failed, 4)
		m.script = serve
		w.Restart()
		synctest.Wait()
		expect(t, w, "restarted by hand", worker.Ready, 5)
	})
}

func TestPauses(t *testing.T) {
	t.Parallel()
	r := worker.Restart{Initial: time.Second, Max: 5 * time.Second}
	for n, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 4: 5 * time.Second, 1000: 5 * time.Second} {
		for range 100 {
			if got := worker.Pause(r, n); got < want*3/4 || got > want*5/4 {
				t.Errorf("pause %d: got %v, want %v ± 25 %%", n, got, want)
			}
		}
	}
}

func TestStableTimeForgivesEarlierEnds(t *testing.T) {
	t.Parallel()
	m := &machine{script: func(p *process) {
		p.line()
		p.say(`{"ready":true}`)
		<-time.After(30 * time.Second)
	}}
	inBubble(t, m, worker.Options{Restart: worker.Restart{Attempts: 2}}, func(w *worker.Worker, s *sink) {
		pass(10 * time.Minute)
		if n := w.Status().Restarts; n < 15 {
			t.Errorf("got %d restarts in 10 minutes, want it never to give up", n)
		}
	})
}

func TestNotReadyInTime(t *testing.T) {
	t.Parallel()
	m := &machine{script: func(p *process) { <-p.signals }}
	m.script = func(p *process) {
		p.line()
		if got := <-p.signals; got != syscall.SIGKILL {
			t.Errorf("got %v, want %v", got, syscall.SIGKILL)
		}
	}
	inBubble(t, m, worker.Options{ReadyTimeout: 3 * time.Second}, func(w *worker.Worker, s *sink) {
		id := send(t, w, worker.Event{Name: "early"})
		pass(3*time.Second - time.Millisecond)
		expect(t, w, "just before", worker.Starting, 0)
		m.script = serve
		pass(time.Millisecond)
		expect(t, w, "just after", worker.Backoff, 0)
		if note := w.Status().Note; note != "not ready within 3s" {
			t.Errorf("note is %q", note)
		}
		pass(2 * time.Second)
		expect(t, w, "after the pause", worker.Ready, 1)
		if n := w.Stats(); len(s.lost) != 0 || n.Waiting != 0 || n.Lines != 2 || id == 0 {
			t.Errorf("the early event was not handed over: %+v", n)
		}
	})
}

func TestOnDemand(t *testing.T) {
	t.Parallel()
	m := &machine{script: serve}
	inBubble(t, m, worker.Options{OnDemand: true, IdleTimeout: time.Minute}, func(w *worker.Worker, s *sink) {
		pass(time.Hour)
		expect(t, w, "without events", worker.Idle, 0)
		for range 3 {
			id := send(t, w, worker.Event{Name: "x", Ack: true})
			synctest.Wait()
			expect(t, w, "with one", worker.Ready, 0)
			if a := <-s.acks; a.id != id {
				t.Errorf("got the answer to %d, want %d", a.id, id)
			}
			pass(59 * time.Second)
			expect(t, w, "soon after", worker.Ready, 0)
			pass(2 * time.Second)
			expect(t, w, "a minute after", worker.Idle, 0)
		}
		if m.starts() != 3 || w.Status().PID != 0 {
			t.Errorf("%d starts, want 3; %+v", m.starts(), w.Status())
		}
	})
}

func TestUnconfirmedEventKeepsAWorkerFromRest(t *testing.T) {
	t.Parallel()
	m := &machine{script: func(p *process) {
		p.line()
		p.say(`{"ready":true}`)
		p.line()
		<-time.After(10 * time.Minute)
		p.say(`{"ack":1}`)
		p.line()
	}}
	inBubble(t, m, worker.Options{OnDemand: true, IdleTimeout: time.Minute}, func(w *worker.Worker, s *sink) {
		send(t, w, worker.Event{Name: "x", Keep: true})
		pass(9 * time.Minute)
		expect(t, w, "before the confirmation", worker.Ready, 0)
		pass(4 * time.Minute)
		expect(t, w, "after it", worker.Idle, 0)
	})
}

func TestAnswerThatNeverComes(t *testing.T) {
	t.Parallel()
	m := &machine{script: func(p *process) {
		p.line()
		p.say(`{"ready":true}`)
		for p.line() != "" {
		}
	}}
	inBubble(t, m, worker.Options{AnswerTimeout: 5 * time.Second, Queue: 2}, func(w *worker.Worker, s *sink) {
		asked, kept := send(t, w, worker.Event{Ack: true}), send(t, w, worker.Event{Keep: true})
		if _, err := w.Send(worker.Event{Type: "event"}); !errors.Is(err, worker.ErrFull) {
			t.Errorf("got %v, want %v", err, worker.ErrFull)
		}
		pass(7 * time.Second)
		if got := <-s.lost; got != asked || len(s.lost) != 0 {
			t.Errorf("lost %d and %d more, want only %d and not %d", got, len(s.lost), asked, kept)
		}
		if n := w.Stats(); n.Unanswered != 1 {
			t.Errorf("got %+v, want one unanswered", n)
		}
	})
}

func TestConfigureRestartsOnlyForWhatIsStarted(t *testing.T) {
	t.Parallel()
	m := &machine{script: serve}
	inBubble(t, m, worker.Options{}, func(w *worker.Worker, s *sink) {
		o := worker.Options{Project: t.TempDir(), Command: []string{"fake"}}
		file := filepath.Join(o.Project, "env")
		write := func(text string) {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want := 1
		for _, c := range []struct {
			name    string
			restart bool
			change  func()
		}{
			{"another project", true, func() {}},
			{"nothing", false, func() {}},
			{"timeouts and restart", false, func() { o.StopTimeout, o.ReadyTimeout, o.Restart.Attempts = 3, 3, 3 }},
			{"watch", false, func() { o.Watch = []string{"*.py"} }},
			{"on demand", false, func() { o.OnDemand = true }},
			{"env", true, func() { o.Env = map[string]string{"A": "1"} }},
			{"equal env", false, func() { o.Env = map[string]string{"A": "1"} }},
			{"env_file", true, func() { write("A=1"); o.EnvFiles = []string{"env"} }},
			{"content of env_file", true, func() { write("A=22") }},
			{"command", true, func() { o.Command = []string{"fake", "x"} }},
			{"interpreter", true, func() { o.Interpreter = "system" }},
			{"port", true, func() { o.Port = 1 }},
		} {
			c.change()
			if err := w.Configure(o); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if c.restart {
				want++
			}
			if got := m.starts(); got != want {
				t.Errorf("%s: %d starts, want %d", c.name, got, want)
				want = got
			}
		}
		expect(t, w, "in the end", worker.Ready, want-1)
		o.Command = nil
		if err := w.Configure(o); err == nil {
			t.Error("an empty command was taken")
		}
	})
}

func TestWatchedFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "a", "b.py")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("1")
	m := &machine{script: serve}
	inBubble(t, m, worker.Options{Watch: []string{filepath.Join(dir, "**/*.py")}}, func(w *worker.Worker, s *sink) {
		pass(time.Minute)
		expect(t, w, "without a change", worker.Ready, 0)
		write("22")
		pass(1200 * time.Millisecond)
		write("333")
		pass(200 * time.Millisecond)
		expect(t, w, "while it is written", worker.Ready, 0)
		pass(2 * time.Second)
		expect(t, w, "after it was written", worker.Ready, 1)
		if err := os.WriteFile(filepath.Join(dir, "c.txt"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		expect(t, w, "after another file was written", worker.Ready, 1)
		_ = os.Remove(file)
		pass(5 * time.Second)
		expect(t, w, "after it was removed", worker.Ready, 2)
	})
}

func TestFilesThatAStartWritesAreNotWatched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, sub := range []string{"app/__pycache__", "app/node_modules/x"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m := &machine{script: serve}
	inBubble(t, m, worker.Options{Watch: []string{filepath.Join(dir, "app"), filepath.Join(dir, "**/*.pyc")}}, func(w *worker.Worker, s *sink) {
		for _, name := range []string{"app/__pycache__/a.pyc", "app/node_modules/x/y.js"} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		pass(5 * time.Second)
		expect(t, w, "after a start's own files", worker.Ready, 0)
		if err := os.WriteFile(filepath.Join(dir, "app", "b.py"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		expect(t, w, "after a new file of the project", worker.Ready, 1)
	})
}

func TestEnvironmentMadeAnewWhileItRuns(t *testing.T) {
	t.Parallel()
	m := &machine{script: serve}
	inBubble(t, m, worker.Options{}, func(w *worker.Worker, s *sink) {
		o := worker.Options{Project: t.TempDir(), Command: []string{"python", "w.py"}}
		if err := w.Configure(o); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		step := func(when string, choice interpreter.Choice, restarts int) {
			m.mu.Lock()
			m.plan.Choice = choice
			m.mu.Unlock()
			if err := os.WriteFile(filepath.Join(o.Project, "uv.lock"), []byte(when), 0o600); err != nil {
				t.Fatal(err)
			}
			pass(5 * time.Second)
			expect(t, w, when, worker.Ready, restarts)
		}
		step("nothing new", interpreter.Choice{}, 1)
		step("away", interpreter.Choice{Note: "system python", Version: "3.9.1"}, 1)
		step("broken", interpreter.Choice{Broken: "x", Version: "3.9.1"}, 1)
		step("made anew", interpreter.Choice{Version: "3.13.0"}, 2)

		o.EnvFiles = []string{"env"}
		if err := os.WriteFile(filepath.Join(o.Project, "env"), []byte("A=1"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := w.Configure(o); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for i, env := range [][]string{nil, {"A=1"}} { // a comment was added; a value was changed
			m.mu.Lock()
			m.plan.Env = env
			m.mu.Unlock()
			if err := os.WriteFile(filepath.Join(o.Project, "env"), []byte(strings.Repeat("#", i+4)), 0o600); err != nil {
				t.Fatal(err)
			}
			pass(5 * time.Second)
			expect(t, w, "after its env_file was written", worker.Ready, 3+i)
		}
	})
}

func TestBrokenEnvironment(t *testing.T) {
	t.Parallel()
	t.Run("explicit interpreter fails at once and for good", func(t *testing.T) {
		t.Parallel()
		m := &machine{script: serve, broken: fmt.Errorf("interpreter x: gone: %w", interpreter.ErrExplicit)}
		inBubble(t, m, worker.Options{}, func(w *worker.Worker, s *sink) {
			expect(t, w, "at once", worker.Failed, 0)
			if note := w.Status().Note; note != "interpreter x: gone" {
				t.Errorf("note is %q", note)
			}
			if m.starts() != 0 {
				t.Error("it was started")
			}
		})
	})
	t.Run("anything else is tried again", func(t *testing.T) {
		t.Parallel()
		m := &machine{script: serve, broken: errBroken}
		inBubble(t, m, worker.Options{}, func(w *worker.Worker, s *sink) {
			expect(t, w, "at once", worker.Backoff, 0)
			m.mu.Lock()
			m.broken = nil
			m.mu.Unlock()
			pass(2 * time.Second)
			expect(t, w, "mended", worker.Ready, 1)
		})
	})
	t.Run("one that was passed over is told", func(t *testing.T) {
		t.Parallel()
		m := &machine{script: serve}
		m.plan.Choice.Broken = "/p/.venv is broken"
		inBubble(t, m, worker.Options{}, func(w *worker.Worker, s *sink) {
			if st := w.Status(); !st.Broken || !strings.HasPrefix(st.Note, "/p/.venv is broken; now on ") {
				t.Errorf("got %+v", st)
			}
		})
	})
}

func TestWorkerThatClosesItsPipes(t *testing.T) {
	t.Parallel()
	for name, shut := range map[string]func(*process){
		"output": func(p *process) { p.out.Close() },
		"input":  func(p *process) { p.in.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &machine{script: func(p *process) {
				p.line()
				p.say(`{"ready":true}`)
				p.line()
				shut(p)
				<-p.signals
			}}
			inBubble(t, m, worker.Options{}, func(w *worker.Worker, s *sink) {
				send(t, w, worker.Event{})
				pass(100 * time.Millisecond)
				send(t, w, worker.Event{})
				pass(time.Second)
				if st := w.Status(); st.State != worker.Backoff || st.Note != "it closed its input or its output" {
					t.Errorf("got %+v", st)
				}
			})
		})
	}
}

func TestOnDemandWorkerMayEndByItself(t *testing.T) {
	t.Parallel()
	m := &machine{script: func(p *process) {
		p.line()
		p.say(`{"ready":true}`)
		p.line()
		p.say(`{"ack":1}`)
		p.reason = "exit status 0"
	}}
	inBubble(t, m, worker.Options{OnDemand: true}, func(w *worker.Worker, s *sink) {
		send(t, w, worker.Event{Ack: true})
		synctest.Wait()
		expect(t, w, "after it ended well", worker.Idle, 0)
	})
}

func TestOrderOverCrashes(t *testing.T) {
	t.Parallel()
	var seen []string
	m := &machine{script: func(p *process) {
		p.line()
		p.say(`{"ready":true}`)
		for i := 0; ; i++ {
			line := p.line()
			if line == "" || p.n < 4 && i == 2 {
				return // with two read and unconfirmed, and a third one read
			}
			var m struct {
				ID    json.Number
				Again bool
			}
			_ = json.Unmarshal([]byte(line), &m)
			if p.n == 4 {
				seen = append(seen, fmt.Sprint(m.ID, m.Again))
				p.say(`{"ack":` + m.ID.String() + `}`)
			}
		}
	}}
	inBubble(t, m, worker.Options{}, func(w *worker.Worker, s *sink) {
		for range 6 {
			send(t, w, worker.Event{Keep: true})
		}
		pass(time.Minute)
		got := strings.Join(seen, " ")
		if !strings.HasPrefix(got, "1true 2true 3true") || len(seen) != 6 || !strings.HasPrefix(seen[5], "6") {
			t.Errorf("got %s, want 1 to 6 in order, the first three marked", got)
		}
	})
}
