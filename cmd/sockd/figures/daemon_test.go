package figures_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sockd/sockd/fleet/control"
)

// patience bounds every wait.
const patience = 60 * time.Second

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sockd-figures-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "sockd")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/sockd/sockd/cmd/sockd").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build: %v\n%s", err, out))
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// daemon is a running sockd.
type daemon struct {
	t      testing.TB
	file   string
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	ended  chan struct{}
	ctl    *control.Client
	ready  time.Duration // from the fork to the last instance
}

// fleetOf writes the file of n instances named i0, i1, … on these ports.
func fleetOf(ports []int, extra string) string {
	var b strings.Builder
	b.WriteString("[admin]\nlisten = \"off\"\n[fleet]\nwatch = \"off\"\ndrain = \"0s\"\n[defaults]\nlimits = { clients = 20000 }\n")
	for i, p := range ports {
		fmt.Fprintf(&b, "[instance.i%d]\nport = %d\n", i, p)
	}
	return b.String() + extra
}

// freePorts returns n ports that were free a moment ago, below the range from which the kernel takes those of clients.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for p := 12000; p < 30000 && len(ports) < n; p++ {
		if ln, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(p)); err == nil {
			_ = ln.Close()
			ports = append(ports, p)
		}
	}
	if len(ports) < n {
		t.Fatal("not enough free ports")
	}
	return ports
}

// start runs the daemon until every one of n instances is ready.
func start(t testing.TB, toml string, n int) *daemon {
	t.Helper()
	dir := t.TempDir()
	d := &daemon{t: t, file: filepath.Join(dir, "sockd.toml"), stderr: new(bytes.Buffer), ended: make(chan struct{})}
	d.write(toml)
	d.cmd = exec.Command(binary, "fleet", "run", "-q", "-c", d.file, "--state-dir", filepath.Join(dir, "s"))
	d.cmd.Stderr = d.stderr
	begun := time.Now()
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = d.cmd.Wait(); close(d.ended) }()
	t.Cleanup(d.stop)
	d.ctl = control.Dial(filepath.Join(dir, "s", "control.sock"))
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for time.Since(begun) < patience {
		if d.readyCount() == n {
			d.ready = time.Since(begun)
			return d
		}
		select {
		case <-tick.C:
		case <-d.ended:
			t.Fatalf("the daemon ended: %s", d.stderr)
		}
	}
	t.Fatalf("%d of %d instances are ready: %s", d.readyCount(), n, d.stderr)
	return nil
}

func (d *daemon) write(toml string) {
	if err := os.WriteFile(d.file, []byte(toml), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *daemon) readyCount() int {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	st, err := d.ctl.Status(ctx)
	if err != nil {
		return -1
	}
	n := 0
	for _, in := range st.Instances {
		if in.State == "ready" {
			n++
		}
	}
	return n
}

func (d *daemon) stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.ended:
	case <-time.After(patience):
		_ = d.cmd.Process.Kill()
		<-d.ended
	}
}

// proc returns a number of /proc/PID/status, in bytes where it has the unit kB.
func (d *daemon) proc(key string) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + key + `:\s+(\d+)( kB)?`).FindSubmatch(b)
	if m == nil {
		d.t.Fatalf("no %s in status", key)
	}
	n, _ := strconv.Atoi(string(m[1]))
	if len(m[2]) > 0 {
		n *= 1024
	}
	return n
}

// goroutines ends the daemon by SIGQUIT and counts the goroutines that its runtime prints.
func (d *daemon) goroutines() int {
	_ = d.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-d.ended:
	case <-time.After(patience):
		d.t.Fatal("SIGQUIT did not end the daemon")
	}
	return len(regexp.MustCompile(`(?m)^goroutine \d+ `).FindAll(d.stderr.Bytes(), -1))
}
