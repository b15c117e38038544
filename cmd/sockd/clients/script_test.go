package clients_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// notAfterUs ends a child with the test's process, also when that is killed or runs into go test's own timeout.
var notAfterUs = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}

// script is a program that runs for patience at most. It is gone when the test ends; reading from it ends with it.
func script(t *testing.T, env map[string]string, words ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.SysProcAttr = notAfterUs
	cmd.WaitDelay = time.Second // for the pipes, should a child of its own hold them
	cmd.Env = append(os.Environ(), "CLIENTS="+modules)
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	t.Cleanup(func() {
		cancel()
		if cmd.Process != nil && cmd.ProcessState == nil {
			_ = cmd.Wait() // it has been killed: how it ended says nothing
		}
	})
	return cmd
}

// pass runs a script that has to end with 0.
func pass(t *testing.T, env map[string]string, words ...string) {
	t.Helper()
	if out, err := script(t, env, words...).CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", words, err, out)
	}
}

// begin starts a script with pipes to and from it.
func begin(t *testing.T, env map[string]string, words ...string) (cmd *exec.Cmd, in io.Writer, out io.Reader) {
	t.Helper()
	cmd = script(t, env, words...)
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, in, out
}

// talk is a script that is given commands while it runs.
type talk struct {
	t   *testing.T
	in  io.Writer
	out *json.Decoder
}

func converse(t *testing.T, env map[string]string, words ...string) *talk {
	t.Helper()
	_, in, out := begin(t, env, words...)
	c := &talk{t: t, in: in, out: json.NewDecoder(out)}
	var hello string
	if err := c.out.Decode(&hello); err != nil {
		t.Fatalf("%v: %v", words, err)
	}
	return c
}

// ask sends one command and returns its result.
func (c *talk) ask(format string, args ...any) any {
	c.t.Helper()
	command := fmt.Sprintf(format, args...)
	if _, err := fmt.Fprintln(c.in, command); err != nil {
		c.t.Fatalf("%s: %v", command, err)
	}
	var answer struct {
		OK  any
		Err string
	}
	if err := c.out.Decode(&answer); err != nil {
		c.t.Fatalf("%s: %v", command, err)
	}
	if answer.Err != "" {
		c.t.Fatalf("%s: %s", command, answer.Err)
	}
	return answer.OK
}
