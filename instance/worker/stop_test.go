package worker_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/worker"
)

func TestStopKillsTheWholeGroup(t *testing.T) {
	t.Parallel()
	s := newSink()
	w, stop := run(t, selfOptions("echo", t.TempDir()), s)
	var args []int
	if err := json.Unmarshal([]byte(ask(t, w, s, "child", "[]")), &args); err != nil {
		t.Fatal(err)
	}
	pid := w.Status().PID
	stop()
	gone(t, pid, args[0])
}

// gone waits until the processes are no more; one that nobody waits for yet counts as gone.
func gone(t *testing.T, pids ...int) {
	t.Helper()
	limit, again := time.NewTimer(20*time.Second), time.NewTicker(5*time.Millisecond)
	defer limit.Stop()
	defer again.Stop()
	for _, pid := range pids {
		for runs(pid) {
			select {
			case <-again.C:
			case <-limit.C:
				t.Fatalf("process %d is left", pid)
			}
		}
	}
}

func runs(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || !bytes.Contains(stat, []byte(") Z "))
}

func TestStubbornWorkerIsKilled(t *testing.T) {
	t.Parallel()
	o := selfOptions("stall", t.TempDir())
	o.StopTimeout = 50 * time.Millisecond
	w, stop := run(t, o, newSink())
	pid := until(t, w, is(worker.Ready)).PID
	stop()
	gone(t, pid)
}
