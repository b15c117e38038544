package clients_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// ownExample is a copy of an example, with any port, in a folder where things may be added.
func ownExample(t *testing.T, name string) (dir, file string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(examples, name))); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "sockd.toml")
	if err := os.WriteFile(file, []byte(anyPorts(t, file)), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, file
}

// The worker in Python runs in the virtual environment of its folder, not in that of the daemon.
func TestPythonWorkerFromOutside(t *testing.T) {
	t.Parallel()
	dir, file := ownExample(t, "python-worker")
	if out, err := exec.Command("/usr/bin/python3", "-m", "venv", "--without-pip", filepath.Join(dir, ".venv")).CombinedOutput(); err != nil {
		t.Fatalf("venv: %v\n%s", err, out)
	}
	url := runFile(t, file, "VIRTUAL_ENV=/nowhere", "PYTHONHOME=/nowhere").url("python")
	a, b := watch(t, url, nil), watch(t, url, map[string]string{"TRANSPORTS": "polling"})
	a.emit("sum", []int{1, 2, 39}, "and answer")
	a.expect(`["answer",42]`)
	b.emit("measure", map[string]string{"$bytes": "seven ü"})
	a.expect(`["measured",8,"` + filepath.Join(dir, ".venv") + `"]`)
	a.emit("sum", []string{"no number"}, "and answer")
	a.expectStart(`["answer",{"error":{"code":`)
	a.emit("sum", []int{1}, "and answer") // it goes on
	a.expect(`["answer",1]`)
	select {
	case l := <-b.lines:
		t.Errorf("who measured was told %s", l)
	default:
	}
}

// The worker under Node decides who is in which room; it is started by the first event, which is not lost.
func TestNodeWorkerFromOutside(t *testing.T) {
	t.Parallel()
	_, file := ownExample(t, "node-worker")
	url := runFile(t, file).url("node")
	a, b, c := watch(t, url, nil), watch(t, url, nil), watch(t, url, nil)
	for _, w := range []*watcher{a, b} {
		w.emit("enter", "red", "and answer")
		w.expect(`["answer",true]`)
	}
	c.emit("enter", "pink", "and answer")
	c.expect(`["answer",false]`)
	c.emit("enter", "blue", "and answer")
	c.expect(`["answer",true]`)
	a.emit("say", "red", "hello", "and answer")
	a.expect(`["answer"]`)
	b.expect(`["said","red","hello"]`)
	c.emit("say", "red", "from outside", "and answer")
	c.expect(`["answer"]`)
	for _, w := range []*watcher{a, b} {
		w.expect(`["said","red","from outside"]`)
	}
}

// Three lines of shell.
func TestShellWorkerFromOutside(t *testing.T) {
	t.Parallel()
	_, file := ownExample(t, "shell-worker")
	url := runFile(t, file).url("shell")
	a, b := watch(t, url, nil), watch(t, url, nil)
	a.emit("time")
	for _, w := range []*watcher{a, b} {
		if got := w.next(); !regexp.MustCompile(`^\["time","\d\d:\d\d:\d\d"\]$`).MatchString(got) {
			t.Errorf("told %s", got)
		}
	}
}
