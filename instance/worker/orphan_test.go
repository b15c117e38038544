package worker_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestKilledDaemonLeavesNoProcess kills a daemon as nothing can prevent, and looks for its worker and the worker's own children.
func TestKilledDaemonLeavesNoProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVar+"=daemon")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	fields := strings.Fields(line)
	if err != nil || len(fields) != 3 {
		t.Fatalf("the daemon said %q, %v", line, err)
	}
	var pids []int
	_ = json.Unmarshal([]byte("["+fields[1]+","+strings.Trim(fields[2], "[]")+"]"), &pids)
	if len(pids) != 2 || !runs(pids[0]) || !runs(pids[1]) {
		t.Fatalf("pids %v, want two that run", pids)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	gone(t, pids...)
}
