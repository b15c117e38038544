package clients_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet"
	"github.com/sockd/sockd/fleet/control"
)

// The leak tests run a fleet in this process, so they do not run beside tests that start processes of their own: those
// hold descriptors and goroutines too.

// usage is what may not grow.
type usage struct{ goroutines, files, heap int }

func measure(t *testing.T) usage {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.GC() // what finalizers of the first one let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), len(files), int(m.HeapAlloc)}
}

// returns waits until goroutines and descriptors are at most what they were, and then compares the heap. Connections and
// goroutines end soon after what they belonged to, without a signal that reaches this far.
func returns(t *testing.T, before usage) {
	t.Helper()
	const heapNoise = 1 << 20
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	after := measure(t)
	for end := time.Now().Add(patience); after.goroutines > before.goroutines || after.files > before.files; <-tick.C {
		if after = measure(t); time.Now().After(end) {
			break
		}
	}
	t.Logf("before %+v, after %+v", before, after)
	if after.goroutines > before.goroutines || after.files > before.files || after.heap > before.heap+heapNoise {
		stacks := make([]byte, 1<<20)
		t.Errorf("before %+v, after %+v\n%s", before, after, stacks[:runtime.Stack(stacks, true)])
	}
}

// inside is a fleet in this process.
type inside struct {
	t    *testing.T
	file string
	*fleet.Fleet
}

func runInside(t *testing.T, toml string) *inside {
	t.Helper()
	f := &inside{t: t, file: filepath.Join(t.TempDir(), "sockd.toml")}
	f.write(toml)
	f.Fleet = fleet.New(fleet.Options{
		Load:     func() (*config.Config, error) { return config.Load(f.file) },
		MaxFiles: 4096,
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	select {
	case <-f.Settled():
	case <-time.After(patience):
		t.Fatalf("not settled: %+v", f.Status())
	}
	return f
}

func (f *inside) write(toml string) {
	f.t.Helper()
	if err := os.WriteFile(f.file, []byte(toml), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *inside) apply(toml string) {
	f.t.Helper()
	f.write(toml)
	r, err := f.Reload(context.Background(), control.ReloadOptions{})
	if err != nil || r.Outcome != control.Applied || len(r.Unready) > 0 {
		f.t.Fatalf("reload: %+v %v", r, err)
	}
}

func (f *inside) address(name string) string {
	f.t.Helper()
	for _, in := range f.Status().Instances {
		if in.Name == name {
			return in.Address
		}
	}
	f.t.Fatalf("no instance %q", name)
	return ""
}

// One hundred edits of every class under traffic of the official client: no event is lost, nobody drops, nothing stays.
func TestReloadsLeakNothing(t *testing.T) {
	ports := freePorts(t, 2)
	file := func(i int) string {
		return fmt.Sprintf(`[admin]
listen = "off"
[fleet]
drain = "0s"
[instance.busy]
port = %d
connect_timeout = "%ds"
limits = { clients = %d }
ping = { interval = "%ds", timeout = "20s" }
[instance.round]
port = "auto"
path = "/r%d/"
[instance.e%d]
port = "auto"
`, ports[i%2], 30+i%2, 1000+i, 20+i%5, i%3, i%4)
	}
	f := runInside(t, file(0))
	for i := 1; i <= 10; i++ { // pools and tables reach their size
		f.apply(file(i))
	}
	traffic(t, f.address("busy"), func() {})
	before := measure(t)
	traffic(t, f.address("busy"), func() {
		for i := 11; i <= 110; i++ {
			f.apply(file(i))
		}
	})
	returns(t, before)
}

// traffic runs two clients that send to each other while f runs, and fails if anything was lost.
func traffic(t *testing.T, address string, f func()) {
	t.Helper()
	cmd, in, out := begin(t, map[string]string{"URL": "http://" + address, "TRANSPORTS": "websocket"}, "node", "testdata/traffic.mjs")
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatalf("no traffic: %v", err)
	}
	f()
	fmt.Fprintln(in, "enough")
	said, _ := io.ReadAll(lines)
	if err := cmd.Wait(); err != nil {
		t.Errorf("traffic: %v", err)
	}
	t.Logf("%s", said)
}

// Two hundred times an instance comes and goes, once with loops of its own in ten.
func TestStartsAndStopsLeakNothing(t *testing.T) {
	const rest = "[admin]\nlisten = \"off\"\n[fleet]\ndrain = \"0s\"\n[instance.one]\nport = \"auto\"\n[instance.two]\nport = \"auto\"\n"
	f := runInside(t, rest)
	cycle := func(i int) {
		extra := "[instance.guest]\nport = \"auto\"\n"
		if i%10 == 0 {
			extra += "pollers = 1\n"
		}
		f.apply(rest + extra)
		f.apply(rest)
	}
	for i := range 20 {
		cycle(i)
	}
	before := measure(t)
	for i := range 200 {
		cycle(i)
	}
	returns(t, before)
}
