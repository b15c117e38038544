package transport_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

// children are tests that need a process of their own: the test binary runs itself with the variable child set to a name.
var children = map[string]func() error{}

const childVar = "TRANSPORT_TEST_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(childVar); name != "" {
		if err := children[name](); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goroutines, files := runtime.NumGoroutine(), openFiles()
	code := m.Run()
	fuzzing := flag.Lookup("test.fuzz").Value.String() != "" // its workers are not ours to count
	if code == 0 && !fuzzing {
		code = leaks(goroutines, files)
	}
	os.Exit(code)
}

// runChild runs one of children and returns what it printed.
func runChild(t *testing.T, name string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("child %s: %v\n%s", name, err, out)
	}
}

// leaks waits for goroutines and files to return to where they were.
func leaks(goroutines, files int) int {
	limit := time.NewTimer(5 * time.Second)
	defer limit.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		g, f := runtime.NumGoroutine(), openFiles()
		if g <= goroutines && f <= files+2 { // Go's own poller has two files once it was used
			return 0
		}
		select {
		case <-again.C:
		case <-limit.C:
			buf := make([]byte, 1<<20)
			fmt.Printf("leak: goroutines %d, were %d; files %d, were %d\n%s\n", g, goroutines, f, files, buf[:runtime.Stack(buf, true)])
			fmt.Println(strings.Join(fileKinds(), "\n"))
			return 1
		}
	}
}

func openFiles() int { return len(fileKinds()) }

// fileKinds describes the open files of this process; nil where the system does not tell.
func fileKinds() (kinds []string) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if kind, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.HasSuffix(kind, "/fd") {
			kinds = append(kinds, e.Name()+" "+kind)
		}
	}
	return kinds
}
