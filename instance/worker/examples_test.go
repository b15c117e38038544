package worker_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/worker"
)

// example runs a worker of the examples in a copy of its folder.
func example(t *testing.T, name string, command ...string) (*worker.Worker, *sink, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "examples", name))); err != nil {
		t.Fatal(err)
	}
	if name == "python-worker" {
		if out, err := exec.Command("python3", "-m", "venv", "--without-pip", filepath.Join(dir, ".venv")).CombinedOutput(); err != nil {
			t.Fatalf("venv: %v\n%s", err, out)
		}
	}
	s := newSink()
	w, _ := run(t, worker.Options{Instance: name, Project: dir, Command: command}, s)
	return w, s, dir
}

func (s *sink) first() worker.Emit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.emits[0]
}

func TestPythonExample(t *testing.T) {
	t.Parallel()
	w, s, dir := example(t, "python-worker", "python", "worker.py")
	if got := ask(t, w, s, "sum", "[[1,2,3]]"); got != "[6]" {
		t.Errorf("sum: got %s", got)
	}
	if got := ask(t, w, s, "sum", `[["a"]]`); !strings.Contains(got, `"code":"worker"`) {
		t.Errorf("a sum of words: got %s, want an error", got)
	}
	args, err := worker.EncodeBinary(json.RawMessage(`[{"_placeholder":true,"num":0}]`), [][]byte{make([]byte, 300)})
	if err != nil {
		t.Fatal(err)
	}
	send(t, w, worker.Event{Name: "measure", SID: "me", Args: args})
	receive(t, s.said, "measured")
	e := s.first()
	var got []any
	if _ = json.Unmarshal(e.Args, &got); got[0] != 300.0 || e.Except[0] != "sid:me" {
		t.Errorf("measure: got %+v", e)
	}
	if prefix, _ := got[1].(string); prefix != filepath.Join(dir, ".venv") {
		t.Errorf("it runs in %s, want the environment of its own folder", prefix)
	}
	if st := w.Status(); st.Rule != "3 .venv" || st.Interpreter != filepath.Join(dir, ".venv/bin/python") || st.Version == "" {
		t.Errorf("got %+v", st)
	}
}

func TestNodeExample(t *testing.T) {
	t.Parallel()
	w, s, _ := example(t, "node-worker", "node", "worker.mjs")
	if got := ask(t, w, s, "enter", `["pink"]`); got != "[false]" {
		t.Errorf("an unknown room: got %s", got)
	}
	if got := ask(t, w, s, "enter", `["red"]`); got != "[true]" {
		t.Errorf("a known one: got %s", got)
	}
	if got := receive(t, s.said, "the join"); got != "join me/red" {
		t.Errorf("got %q", got)
	}
	id := send(t, w, worker.Event{Name: "say", SID: "me", Args: json.RawMessage(`["red","hi"]`), Keep: true, Ack: true})
	receive(t, s.said, "what was said")
	if e := s.first(); e.To[0] != "room:red" || string(e.Args) != `["red","hi"]` {
		t.Errorf("got %+v", e)
	}
	if a := receive(t, s.acks, "the confirmation"); a.id != id {
		t.Errorf("got the answer to %d, want %d", a.id, id)
	}
}

func TestShellExample(t *testing.T) {
	t.Parallel()
	w, s, _ := example(t, "shell-worker", "sh", "worker.sh")
	send(t, w, worker.Event{Name: "time"})
	receive(t, s.said, "the time")
	if e := s.first(); !regexp.MustCompile(`^\["\d\d:\d\d:\d\d"\]$`).Match(e.Args) {
		t.Errorf("got %s", e.Args)
	}
}

// TestEachProjectItsOwnPython runs two projects under a daemon that was itself started in a third environment.
func TestEachProjectItsOwnPython(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	venv := func(dir string) string {
		path := filepath.Join(top, dir)
		if out, err := exec.Command("python3", "-m", "venv", "--without-pip", path).CombinedOutput(); err != nil {
			t.Fatalf("venv: %v\n%s", err, out)
		}
		return path
	}
	other, own := venv("other/ve"), venv("with/.venv")
	const script = `
import sys, json, os
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    m = json.loads(line)
    if "id" in m: print(json.dumps({"ack": m["id"], "args": [sys.prefix, os.environ.get("VIRTUAL_ENV", ""), os.environ.get("DAEMON_SECRET", "")]}), flush=True)
`
	for project, want := range map[string][]string{"with": {own, own, ""}, "without": {"", "", ""}} {
		dir := filepath.Join(top, project)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "w.py"), []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		s := newSink()
		w, _ := run(t, worker.Options{Project: dir, Command: []string{"python", "w.py"},
			System: append(os.Environ(), "PATH="+other+"/bin:"+os.Getenv("PATH"), "VIRTUAL_ENV="+other, "DAEMON_SECRET=leak")}, s)
		var got []string
		if err := json.Unmarshal([]byte(ask(t, w, s, "who", "[]")), &got); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.Join(got, " "), other) || got[1] != want[1] || got[2] != "" || want[0] != "" && got[0] != want[0] {
			t.Errorf("%s: got %q, want %q", project, got, want)
		}
	}
}
