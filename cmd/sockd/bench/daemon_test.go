package bench_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// tryTime bounds every wait.
const tryTime = 60 * time.Second

var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sockd-bench-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "sockd")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/sockd/sockd/cmd/sockd").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build: %v\n%s", err, out))
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// daemon is a running sockd with a hub, and an instance that acknowledges.
type daemon struct {
	hub, ack string // URLs
	pid      int
}

const file = `
[admin]
listen = "off"
[fleet]
watch = "off"
drain = "0s"
[instance.hub]
port = %d
namespaces = ["/", "/room"]
[instance.hub.ingest]
path = "/ingest"
[instance.ack]
port = %d
[instance.ack.on.bench]
to = "none"
ack = true
`

func start(t *testing.T) daemon {
	t.Helper()
	dir := t.TempDir()
	hub, ack := freePort(t), freePort(t)
	toml := filepath.Join(dir, "sockd.toml")
	if err := os.WriteFile(toml, fmt.Appendf(nil, file, hub, ack), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(program, "fleet", "run", "-q", "-c", toml, "--state-dir", filepath.Join(dir, "s"))
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("stderr: %s", stderr.Bytes())
		}
	})
	d := daemon{hub: "http://127.0.0.1:" + strconv.Itoa(hub), ack: "http://127.0.0.1:" + strconv.Itoa(ack), pid: cmd.Process.Pid}
	awaitPort(t, hub)
	awaitPort(t, ack)
	return d
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().(*net.TCPAddr).Port
}

func awaitPort(t *testing.T, port int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); time.Since(begun) < tryTime; <-tick.C {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			_ = conn.Close()
			return
		}
	}
	t.Fatal("the daemon does not listen")
}
