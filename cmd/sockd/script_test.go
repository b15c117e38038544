package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/sockd/sockd/fleet/control"
)

// patience bounds every wait of a transcript.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sockd": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_STATE_HOME", e.WorkDir+"/st")
			e.Setenv("XDG_CONFIG_HOME", e.WorkDir+"/conf")
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("NO_COLOR", "1")
			e.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector's default is a second for each command
			e.Defer(func() { endDaemons(e.WorkDir) })
			return os.Mkdir(e.WorkDir+"/.git", 0o700) // the lookup of sockd.toml ends here
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"await":   await,
			"hold":    holdPort,
			"let-go":  letGo,
			"subst":   subst,
			"empty":   empty,
			"absent":  absent,
			"port":    portOf,
			"clients": openClients,
			"signal":  signalDaemon,
			"mode":    mode,
			"freeze":  freeze,
			"thaw":    thaw,
		},
	})
}

// endDaemons ends those in the background that a transcript has left behind.
func endDaemons(dir string) {
	sockets, _ := filepath.Glob(filepath.Join(dir, "st", "sockd", "*", "control.sock"))
	for _, s := range sockets {
		_ = control.Dial(s).Shutdown(context.Background()) // nobody listens on most of them
	}
}

// exits CODE COMMAND…: the command ends with this code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	if got := exitCode(err); got != want {
		ts.Fatalf("exit code %d, want %d (%v)", got, want, err)
	}
}

func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// await REGEXP COMMAND…: repeats the command until its output or its messages match; "! await" until they do not. What the
// last run wrote is there for stdout and stderr.
func await(ts *testscript.TestScript, neg bool, args []string) {
	want := regexp.MustCompile("(?m)" + args[0])
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); want.MatchString(quietly(ts, args[1:])) == neg; <-tick.C {
		if time.Now().After(end) {
			ts.Logf("no %q within %v", args[0], patience)
			break
		}
	}
	_ = ts.Exec(args[1], args[2:]...) // its code is not the question
	if want.MatchString(ts.ReadFile("stdout")+ts.ReadFile("stderr")) == neg {
		ts.Fatalf("%q: not what was waited for", args[0])
	}
}

// quietly runs a command as ts.Exec does, but leaves nothing in the transcript.
func quietly(ts *testscript.TestScript, args []string) string {
	dir, _, _ := strings.Cut(ts.Getenv("PATH"), string(filepath.ListSeparator)) // where testscript puts the command
	cmd := exec.Command(filepath.Join(dir, args[0]), args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "NO_COLOR", "GORACE", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "SOCKD_CONFIG", "SOCKD_STATE_DIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	cmd.Env = append(cmd.Env, "PWD="+cmd.Dir)
	out, _ := cmd.CombinedOutput()
	return string(out)
}

// taken are the ports that hold has taken, by number.
var taken sync.Map

// hold VAR: takes a port, as another program would, and puts its number into VAR, one that is 20 higher into VAR_LAST, and the owner's pid into
// HOLDER.
func holdPort(ts *testscript.TestScript, _ bool, args []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = ln.Close() })
	port := strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
	taken.Store(port, ln)
	ts.Setenv(args[0], port)
	ts.Setenv(args[0]+"_LAST", strconv.Itoa(ln.Addr().(*net.TCPAddr).Port+20))
	ts.Setenv("HOLDER", strconv.Itoa(os.Getpid()))
}

// let-go PORT: gives up what hold took.
func letGo(ts *testscript.TestScript, _ bool, args []string) {
	ln, ok := taken.LoadAndDelete(args[0])
	if !ok {
		ts.Fatalf("port %s is not held", args[0])
	}
	ts.Check(ln.(net.Listener).Close())
}

// subst FILE…: replaces $VARIABLES in the files.
func subst(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// empty FOLDER…: nothing is in them, or they do not exist.
func empty(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		entries, _ := os.ReadDir(ts.MkAbs(name))
		if (len(entries) == 0) == neg {
			ts.Fatalf("%s holds %v", name, entries)
		}
	}
}

// absent GLOB: nothing matches; "! absent": something does.
func absent(ts *testscript.TestScript, neg bool, args []string) {
	if found, _ := filepath.Glob(ts.MkAbs(args[0])); len(found) > 0 != neg {
		ts.Fatalf("%s: there are %v", args[0], found)
	}
}

// signal NAME: sends TERM, INT, HUP or KILL to the daemon of the working directory. testscript's own kill knows only INT and KILL.
func signalDaemon(ts *testscript.TestScript, _ bool, args []string) {
	names := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}
	ts.Check(syscall.Kill(status(ts).Fleet.PID, names[args[0]]))
}

// freeze and thaw stop the daemon of the working directory without asking it, and let it go on.
func freeze(ts *testscript.TestScript, _ bool, _ []string) {
	pid := status(ts).Fleet.PID
	ts.Setenv("FROZEN", strconv.Itoa(pid))
	ts.Check(syscall.Kill(pid, syscall.SIGSTOP))
	ts.Defer(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
}

func thaw(ts *testscript.TestScript, _ bool, _ []string) {
	pid, err := strconv.Atoi(ts.Getenv("FROZEN"))
	ts.Check(err)
	ts.Check(syscall.Kill(pid, syscall.SIGCONT))
}

// status asks the daemon of the working directory.
func status(ts *testscript.TestScript) (s control.Status) {
	_ = ts.Exec("sockd", "fleet", "status", "--json") // its code is not the question
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &s))
	return s
}

func instanceOf(ts *testscript.TestScript, name string) control.InstanceStatus {
	for _, in := range status(ts).Instances {
		if in.Name == name {
			return in
		}
	}
	ts.Fatalf("no instance %s", name)
	return control.InstanceStatus{}
}

// port NAME VAR: puts the port of an instance into VAR.
func portOf(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[1], strconv.Itoa(instanceOf(ts, args[0]).Port))
}

// clients NAME N: N polling clients open a session and do not poll.
func openClients(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	url := "http://" + instanceOf(ts, args[0]).Address + "/socket.io/?EIO=4&transport=polling"
	for range n {
		r, err := http.Get(url)
		ts.Check(err)
		_, err = io.Copy(io.Discard, r.Body)
		ts.Check(errors.Join(err, r.Body.Close()))
		if r.StatusCode != http.StatusOK {
			ts.Fatalf("handshake: %s", r.Status)
		}
	}
}

// mode OCTAL GLOB: the one file that matches has these permissions.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	found, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%s matches %v", args[1], found)
	}
	info, err := os.Lstat(found[0])
	ts.Check(err)
	if got := strconv.FormatInt(int64(info.Mode().Perm()), 8); got != args[0] {
		ts.Fatalf("%s: mode %s, want %s", found[0], got, args[0])
	}
}
