package worker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/worker"
)

// run starts a worker for the length of a test.
func run(t *testing.T, o worker.Options, s *sink) (*worker.Worker, func()) {
	t.Helper()
	w, err := worker.New(o, s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.Run(ctx)
	}()
	stop := sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return w, stop
}

// until looks at the status again and again, for at most 20 seconds.
func until(t *testing.T, w *worker.Worker, want func(worker.Status) bool) worker.Status {
	t.Helper()
	limit, again := time.NewTimer(20*time.Second), time.NewTicker(5*time.Millisecond)
	defer limit.Stop()
	defer again.Stop()
	for {
		if s := w.Status(); want(s) {
			return s
		}
		select {
		case <-again.C:
		case <-limit.C:
			t.Fatalf("waited in vain: status is %+v, stats are %+v", w.Status(), w.Stats())
		}
	}
}

func is(state worker.State) func(worker.Status) bool {
	return func(s worker.Status) bool { return s.State == state }
}

func send(t *testing.T, w *worker.Worker, e worker.Event) uint64 {
	t.Helper()
	if e.Type == "" {
		e.Type = "event"
	}
	id, err := w.Send(e)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func ask(t *testing.T, w *worker.Worker, s *sink, event, args string) string {
	t.Helper()
	id := send(t, w, worker.Event{Name: event, SID: "me", Args: json.RawMessage(args), Ack: true})
	a := receive(t, s.acks, "the answer to "+event)
	if a.id != id {
		t.Fatalf("got the answer to %d, want %d", a.id, id)
	}
	return string(a.args)
}

func TestTalk(t *testing.T) {
	t.Parallel()
	s := newSink()
	w, stop := run(t, selfOptions("echo", t.TempDir()), s)
	if got, want := ask(t, w, s, "ask", "[1, \"<a>\\n\",\n{\"b\":null}]"), `[1,"<a>\n",{"b":null}]`; got != want {
		t.Errorf("ack: got %s, want %s", got, want)
	}
	for _, c := range []struct{ line, want string }{
		{`{"emit":"x","args":[1],"to":"room:a","except":"s1","namespace":"/n"}`, "emit x"},
		{`{"emit":"y"}`, "emit y"},
		{`{"join":"a","sid":"s1"}`, "join s1/a"},
		{`{"leave":["a","b"],"sid":"s1","namespace":"/n"}`, "leave s1/na"},
		{`{"disconnect":"s1"}`, "disconnect s1/"},
	} {
		arg, _ := json.Marshal([]string{c.line})
		send(t, w, worker.Event{Name: "print", Args: arg})
		if got := receive(t, s.said, c.line); got != c.want {
			t.Errorf("%s: got %q, want %q", c.line, got, c.want)
		}
	}
	s.mu.Lock()
	x, y := s.emits[0], s.emits[1]
	s.mu.Unlock()
	if x.To[0] != "room:a" || x.Except[0] != "sid:s1" || x.Namespace != "/n" || string(x.Args) != "[1]" {
		t.Errorf("emit with targets: got %+v", x)
	}
	if y.To[0] != "all" || y.Namespace != "/" || string(y.Args) != "[]" || y.Except != nil {
		t.Errorf("emit without: got %+v", y)
	}
	send(t, w, worker.Event{Type: "connect", SID: "good", Ack: true})
	send(t, w, worker.Event{Type: "connect", SID: "bad", Ack: true})
	for _, want := range []string{"accept", `refuse no{"code":7}`} {
		if got := receive(t, s.said, want); got != want {
			t.Errorf("connect: got %q, want %q", got, want)
		}
	}
	st := w.Status()
	if st.State != worker.Ready || st.PID == 0 || st.Restarts != 0 || st.Rule != "2 path" {
		t.Errorf("got %+v", st)
	}
	stop()
	if st := w.Status(); st.State != worker.Stopped || st.PID != 0 {
		t.Errorf("after the end: got %+v", st)
	}
	if _, err := w.Send(worker.Event{Type: "event"}); !errors.Is(err, worker.ErrDown) {
		t.Errorf("after the end: got %v, want %v", err, worker.ErrDown)
	}
}

func TestNothingOfTheDaemonReachesTheWorker(t *testing.T) {
	t.Parallel()
	dir, s := t.TempDir(), newSink()
	if err := os.WriteFile(filepath.Join(dir, "e.env"), []byte("A=1\nB=\"$A ${HOME} $SECRET\"\nC='$A'\nD=\\$A\nE=file\nexport F=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := selfOptions("echo", dir)
	o.EnvFiles = []string{"e.env"}
	o.Env["E"] = "own"
	o.System = []string{"PATH=/other/ve/bin:/usr/bin:/bin", "HOME=/h", "VIRTUAL_ENV=/other/ve", "CONDA_PREFIX=/other/conda", "PYTHONHOME=/p", "PYTHONPATH=/pp",
		"NODE_OPTIONS=x", "SECRET=s", "LC_ALL=C", "XDG_DATA_HOME=/x", "LISTEN_FDS=1", "NOTIFY_SOCKET=/n", "LD_PRELOAD=", "TZ=UTC", "SOCKD_STATE_DIR=/s"}
	w, _ := run(t, o, s)
	var got [][]string
	if err := json.Unmarshal([]byte(ask(t, w, s, "env", "[]")), &got); err != nil {
		t.Fatal(err)
	}
	want := "A=1 B=1 /h  C=$A D=$A E=own F=x HOME=/h LC_ALL=C PATH=/usr/bin:/bin PORT=3001 SOCKD_INSTANCE=test SOCKD_URL=http://127.0.0.1:3001 TZ=UTC " +
		roleVar + "=echo XDG_DATA_HOME=/x"
	if have := strings.Join(got[0], " "); have != want {
		t.Errorf("got  %s\nwant %s", have, want)
	}
}

func TestNoFileOfTheDaemonIsInherited(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "open"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	s := newSink()
	w, _ := run(t, selfOptions("echo", t.TempDir()), s)
	var got [][]string
	_ = json.Unmarshal([]byte(ask(t, w, s, "files", "[]")), &got)
	for _, kind := range got[0] {
		if strings.Contains(kind, f.Name()) || strings.Contains(kind, "socket:") {
			t.Errorf("the worker has %s", kind)
		}
	}
	if len(got[0]) < 3 {
		t.Errorf("got %v, want at least the three pipes", got[0])
	}
}

func TestCrash(t *testing.T) {
	t.Parallel()
	s := newSink()
	o := selfOptions("echo", t.TempDir())
	o.Restart.Initial = time.Millisecond
	w, _ := run(t, o, s)
	until(t, w, is(worker.Ready))
	ids := []uint64{
		send(t, w, worker.Event{Name: "silent", Ack: true}),
		send(t, w, worker.Event{Name: "die once", Ack: true, Keep: true}),
		send(t, w, worker.Event{Name: "kept", Keep: true, Ack: true, Args: json.RawMessage(`["k"]`)}),
	}
	if got := receive(t, s.lost, "the event that had no answer"); got != ids[0] {
		t.Errorf("lost %d, want %d", got, ids[0])
	}
	for i, want := range []string{`["again"]`, `["k"]`} {
		if a := receive(t, s.acks, want); a.id != ids[i+1] || string(a.args) != want {
			t.Errorf("got %d %s, want %d %s", a.id, a.args, ids[i+1], want)
		}
	}
	st := until(t, w, is(worker.Ready))
	if st.Restarts != 1 {
		t.Errorf("restarts = %d, want 1", st.Restarts)
	}
	if n := w.Stats(); n.Waiting+n.Unanswered+n.Bytes != 0 {
		t.Errorf("something is left: %+v", n)
	}
}

func TestGivesUpAndSaysWhy(t *testing.T) {
	t.Parallel()
	s := newSink()
	o := selfOptions("crash", t.TempDir())
	o.Restart = worker.Restart{Initial: time.Millisecond, Max: time.Millisecond, Attempts: 3}
	w, err := worker.New(o, s)
	if err != nil {
		t.Fatal(err)
	}
	waiting := send(t, w, worker.Event{Name: "x"})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { _ = w.Run(ctx); close(done) }()
	st := until(t, w, is(worker.Failed))
	if want := "exit status 3: ModuleNotFoundError: No module named 'app'"; st.Note != want || st.Restarts != 2 || st.PID != 0 {
		t.Errorf("got %+v, want the note %q and 2 restarts", st, want)
	}
	if got := receive(t, s.lost, "the waiting event"); got != waiting {
		t.Errorf("lost %d, want %d", got, waiting)
	}
	if _, err := w.Send(worker.Event{Type: "event"}); !errors.Is(err, worker.ErrDown) {
		t.Errorf("got %v, want %v", err, worker.ErrDown)
	}
	if err := w.Configure(selfOptions("echo", o.Project)); err != nil {
		t.Fatal(err)
	}
	until(t, w, is(worker.Ready))
	if got := ask(t, w, s, "ask", `["x"]`); got != `["x"]` {
		t.Errorf("got %s", got)
	}
	cancel()
	<-done
}

func TestExplicitInterpreterThatIsGone(t *testing.T) {
	t.Parallel()
	o := selfOptions("echo", t.TempDir())
	o.Command, o.Interpreter = []string{"python", "w.py"}, ".venv/bin/python"
	w, _ := run(t, o, newSink())
	st := until(t, w, is(worker.Failed))
	if !strings.Contains(st.Note, filepath.Join(o.Project, ".venv/bin/python")) || st.Restarts != 0 {
		t.Errorf("got %+v, want a note with the path", st)
	}
	// mended, it is taken without being asked
	if err := os.MkdirAll(filepath.Join(o.Project, ".venv/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\ncase $1 in -I) printf '/x\\n/x\\n3.12.1\\n' ;; *) echo '{\"ready\":true}'; cat >/dev/null ;; esac\n"
	if err := os.WriteFile(filepath.Join(o.Project, ".venv/bin/python"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if st := until(t, w, is(worker.Ready)); st.Version != "3.12.1" || st.Rule != "1 interpreter" {
		t.Errorf("got %+v", st)
	}
}

func TestStartFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ script, want string }{
		"first line names nothing": {"#!/nowhere/python\n", "the program that its first line names does not exist"},
		"no first line":            {"hello\n", "exec format error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := selfOptions("echo", t.TempDir())
			o.Command = []string{"./w"}
			o.Restart = worker.Restart{Initial: time.Millisecond, Attempts: 2}
			if err := os.WriteFile(filepath.Join(o.Project, "w"), []byte(c.script), 0o755); err != nil {
				t.Fatal(err)
			}
			w, _ := run(t, o, newSink())
			if st := until(t, w, is(worker.Failed)); !strings.HasSuffix(st.Note, c.want) || !strings.HasPrefix(st.Note, o.Project) {
				t.Errorf("got %+v, want %q", st, c.want)
			}
		})
	}
}

func TestMalformedLines(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	s := newSink()
	o := selfOptions("echo", t.TempDir())
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	w, _ := run(t, o, s)
	for _, line := range []string{"hello", "{}", `{"emit":"a","ack":1}`, `{"emit":"a","args":{}}`, `{"emit":"a","to":"b"}`, `{"join":"r"}`, `{"ack":99}`, `{"ack":-1}`} {
		arg, _ := json.Marshal([]string{line})
		send(t, w, worker.Event{Name: "print", Args: arg})
	}
	if got := ask(t, w, s, "ask", "[]"); got != "[]" {
		t.Errorf("got %s", got)
	}
	if n := w.Stats(); n.Malformed != 8 || n.Unknown != 1 {
		t.Errorf("got %+v, want 8 malformed lines, 1 unknown", n)
	}
	if text := log.String(); !strings.Contains(text, "worker line not understood") || !strings.Contains(text, "n=2 ") || !strings.Contains(text, "reason=hello") {
		t.Errorf("the log does not name the line: %s", text)
	}
}

// lockedBuffer is written by a logger and read by a test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
