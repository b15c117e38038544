package instance_test

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/transport"
)

// usage is what a process holds once its garbage is collected.
type usage struct{ goroutines, files, heap int }

func measure() usage {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, _ := os.ReadDir("/proc/self/fd")
	return usage{runtime.NumGoroutine(), len(files), int(m.HeapAlloc)}
}

// exceeds tells by how much u is over base, if it is by more than noise.
func (u usage) exceeds(base usage) bool {
	return u.goroutines > base.goroutines+2 || u.files > base.files || u.heap > base.heap+(1<<20)
}

// Two hundred instances come and go on shared loops, each with clients that talk: what they held is given back. Not parallel: it counts what
// the process holds.
func TestStartsAndStopsLeaveNothingBehind(t *testing.T) {
	l := transport.NewLoops(1, 4096)
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	defer l.Stop()
	cycle := func(t *testing.T) { // a test of its own, so that its clean-up is not kept
		r := run(t, l, defaults())
		a, b := dial(t, r.addr, ""), dial(t, r.addr, "")
		a.send(`42["x","` + strings.Repeat("y", 1000) + `"]`)
		b.recv()
		if status, _, _ := request(t, r.addr, "GET", "/readyz"); status != 200 {
			t.Fatalf("readyz: %d", status)
		}
		_ = a.conn.Close()
		_ = b.conn.Close()
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		_ = r.ln.Close()
	}
	for range 20 {
		t.Run("warm", cycle) // pools and tables reach their size
	}
	base := measure()
	for range 200 {
		t.Run("again", cycle)
	}
	var now usage
	for end := time.Now().Add(patience); time.Now().Before(end); runtime.Gosched() { // pollers close files a moment later
		if now = measure(); !now.exceeds(base) {
			return
		}
	}
	t.Errorf("before %+v, after 200 starts and stops %+v", base, now)
}
