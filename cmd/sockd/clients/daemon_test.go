package clients_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sockd/sockd/fleet/control"
)

// patience bounds every wait; the race detector on a busy machine is slow.
const patience = 60 * time.Second

var (
	binary  string // sockd, built under the race detector
	quick   string // sockd as it is released, for what is a matter of milliseconds
	modules string // the folder that the clients for Node are installed in
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sockd-clients-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if err := prepare(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

func prepare(dir string) error {
	var err error
	if modules, err = filepath.Abs("../../../.ci/clients"); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(modules, "node_modules")); err != nil {
		return fmt.Errorf("%w: run .ci/setup.sh first", err)
	}
	binary, quick = filepath.Join(dir, "sockd"), filepath.Join(dir, "quick")
	for _, words := range [][]string{{"-race", "-o", binary}, {"-o", quick}} {
		cmd := exec.Command("go", append(append([]string{"build"}, words...), "github.com/sockd/sockd/cmd/sockd")...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	return nil
}

// daemon is a running sockd and the file that it runs.
type daemon struct {
	t     *testing.T
	file  string
	state string
	exe   string   // binary or quick
	env   []string // beside that of the test
	cmd   *exec.Cmd
	log   *lockedBuffer
	ended chan struct{}
	ctl   *control.Client
}

// newDaemon writes the file and runs it. When the test ends the daemon has to end with 0 and without a data race.
func newDaemon(t *testing.T, toml string) *daemon {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sockd.toml")
	if err := os.WriteFile(file, []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
	return runFile(t, file)
}

// runFile runs a file where it is; env is of the form NAME=value.
func runFile(t *testing.T, file string, env ...string) *daemon {
	t.Helper()
	return runWith(t, binary, file, env...)
}

func runWith(t *testing.T, exe, file string, env ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, file: file, state: filepath.Join(t.TempDir(), "s"), exe: exe, env: env, log: new(lockedBuffer), ended: make(chan struct{})}
	close(d.ended) // until it runs
	d.ctl = control.Dial(filepath.Join(d.state, "control.sock"))
	t.Cleanup(func() {
		d.end(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("log of the daemon:\n%s", d.log)
		}
	})
	d.run()
	return d
}

func (d *daemon) write(toml string) {
	d.t.Helper()
	if err := os.WriteFile(d.file, []byte(toml), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// run starts the process and waits until every instance is ready.
func (d *daemon) run() {
	d.t.Helper()
	d.cmd = exec.Command(d.exe, "fleet", "run", "-c", d.file, "--state-dir", d.state)
	d.cmd.SysProcAttr = notAfterUs
	d.cmd.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=0"), d.env...)
	d.cmd.Stderr = d.log
	d.cmd.Stdout = d.log
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	ended := make(chan struct{})
	d.ended = ended
	go func(cmd *exec.Cmd) { _ = cmd.Wait(); close(ended) }(d.cmd)
	d.until("all instances ready", func(s control.Status) bool {
		for _, in := range s.Instances {
			if in.State != "ready" && in.State != "disabled" {
				return false
			}
		}
		return len(s.Instances) > 0
	})
}

// end stops the process; TERM has to end it with 0.
func (d *daemon) end(sig os.Signal) {
	d.t.Helper()
	select {
	case <-d.ended:
		return
	default:
	}
	_ = d.cmd.Process.Signal(sig)
	select {
	case <-d.ended:
	case <-time.After(patience):
		_ = d.cmd.Process.Kill()
		<-d.ended
		d.t.Errorf("the daemon did not end after %v", sig)
	}
	if code := d.cmd.ProcessState.ExitCode(); code != 0 && sig == syscall.SIGTERM {
		d.t.Errorf("the daemon ended with %d: %s", code, d.log)
	}
	if bytes.Contains(d.log.Bytes(), []byte("DATA RACE")) {
		d.t.Errorf("data race in the daemon: %s", d.log)
	}
}

func (d *daemon) status() (control.Status, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return d.ctl.Status(ctx)
}

// until polls the status: the daemon offers no other signal to the outside.
func (d *daemon) until(what string, holds func(control.Status) bool) {
	d.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var s control.Status
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if s, err = d.status(); err == nil && holds(s) {
			return
		}
		select {
		case <-d.ended:
			d.t.Fatalf("%s: the daemon has ended: %s", what, d.log)
		default:
		}
	}
	d.t.Fatalf("%s: not within %v: %+v %v\n%s", what, patience, s, err, d.log)
}

// reload asks the daemon to read the file that was just written; the outcome has to be applied.
func (d *daemon) reload(toml string) {
	d.t.Helper()
	d.write(toml)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := d.ctl.Reload(ctx, control.ReloadOptions{})
	if err != nil || r.Outcome != control.Applied && r.Outcome != control.Unchanged { // the watcher may have been faster
		d.t.Fatalf("reload: %+v %v", r, err)
	}
}

// url is where an instance listens.
func (d *daemon) url(name string) string {
	d.t.Helper()
	s, err := d.status()
	if err != nil {
		d.t.Fatal(err)
	}
	for _, in := range s.Instances {
		if in.Name == name {
			return "http://" + in.Address
		}
	}
	d.t.Fatalf("no instance %q in %+v", name, s)
	return ""
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

func (l *lockedBuffer) String() string { return string(l.Bytes()) }
