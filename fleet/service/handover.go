package service

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	handoverVariable = "SOCKD_HANDOVER"
	handoverVersion  = 1

	// A successor finds the line to its predecessor at lineFD, and the parts, in their order, from there on.
	lineFD  = 3
	partsFD = 4

	defaultTimeout = 30 * time.Second
	maxReport      = 64 << 10 // bytes of what a successor has to say
)

// Kind says what a [Part] is.
type Kind string

// The kinds of a [Part].
const (
	Listener   Kind = "listener"   // a TCP listener, by the name of its instance, or "admin"
	Activation Kind = "activation" // likewise, but the service manager keeps it, see [Sockets.Parts]
	File       Kind = "file"       // anything else, by a name of the caller's: the lock, the control socket
)

// Part is one open file that goes from a process to its successor. Both have it then: a listener accepts for both, and a lock by flock is held until
// the last of them has closed it, provided that nobody unlocks it.
type Part struct {
	Kind Kind
	Name string
	File *os.File // stays the sender's
}

// manifest is the first line that a successor reads.
type manifest struct {
	Version int            `json:"version"`
	Parts   []manifestPart `json:"parts"`
}

type manifestPart struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
}

// verdict is the only line that it writes.
type verdict struct {
	Ready bool   `json:"ready"`
	Error string `json:"error,omitempty"`
}

// Handover replaces the running process by another program.
type Handover struct {
	Command []string      // the program, an absolute path, and its arguments
	Env     []string      // nil = that of this process
	Dir     string        // working folder; "" = that of this process
	Output  *os.File      // where its stdout and stderr go; nil = those of this process
	Parts   []Part        // what it gets
	Timeout time.Duration // for it to be ready; 0 = 30 s
}

// Successor is a process that serves in our place. It outlives us.
type Successor struct {
	pid  int
	line net.Conn
}

// PID is its process id.
func (s *Successor) PID() int { return s.pid }

// Release tells it that this process has let go of all that only one may have, see [Heir.Released]. The end of this process says the same.
func (s *Successor) Release() error { return s.line.Close() }

// Run starts the program, in a session of its own, and returns when it has said that it is ready; from then on it accepts, and the caller is to stop
// accepting and to drain. After an error there is no other process, and nothing has changed for this one: the other had reported a fault, whose text the
// error has, it had ended, or it was killed because the time was over or ctx had ended.
func (h Handover) Run(ctx context.Context) (*Successor, error) {
	if h.Timeout <= 0 {
		h.Timeout = defaultTimeout
	}
	ours, theirs, err := line()
	if err != nil {
		return nil, err
	}
	cmd, err := h.start(theirs)
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("start the new daemon: %w", err)
	}
	if err := h.await(ctx, ours); err != nil {
		_ = cmd.Process.Kill() // it may have begun to accept
		_ = cmd.Wait()
		ours.Close()
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("the new daemon has ended before it was ready: %v", cmd.ProcessState)
		}
		return nil, err
	}
	s := &Successor{cmd.Process.Pid, ours}
	return s, cmd.Process.Release()
}

// line makes a pair of connected sockets, ours and the successor's.
func line() (net.Conn, *os.File, error) {
	syscall.ForkLock.RLock() // or another child could get them
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	end, theirs := os.NewFile(uintptr(fds[0]), "line"), os.NewFile(uintptr(fds[1]), "line")
	defer end.Close()
	ours, err := net.FileConn(end)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// start closes line.
func (h Handover) start(line *os.File) (*exec.Cmd, error) {
	files := []*os.File{line}
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if len(h.Command) == 0 {
		return nil, errors.New("no program")
	}
	for _, p := range h.Parts {
		f, err := dup(p.File)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", p.Kind, p.Name, err)
		}
		files = append(files, f)
	}
	cmd := exec.Command(h.Command[0], h.Command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = h.Dir, os.Stdout, os.Stderr // no Stdin: /dev/null
	if h.Output != nil {
		cmd.Stdout, cmd.Stderr = h.Output, h.Output
	}
	if cmd.Env = h.Env; cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], fmt.Sprintf("%s=%d", handoverVariable, handoverVersion))
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // what ends our terminal, or our group, does not end it
	return cmd, cmd.Start()
}

// dup returns a file that os/exec can be given. What net's File methods return it would make blocking, in this process too, as the flag belongs to the socket:
// an Accept of ours would then keep its thread, whatever the deadline.
func dup(f *os.File) (*os.File, error) {
	if f == nil {
		return nil, os.ErrInvalid
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var fault error
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	err = raw.Control(func(old uintptr) {
		if fd, fault = syscall.Dup(int(old)); fault == nil {
			syscall.CloseOnExec(fd)
		}
	})
	if err = errors.Join(err, fault); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// await tells the successor what it has and waits for its verdict. An end of the line without one is io.EOF.
func (h Handover) await(ctx context.Context, line net.Conn) error {
	ctx, cancel := context.WithTimeoutCause(ctx, h.Timeout, fmt.Errorf("the new daemon was not ready within %v", h.Timeout))
	defer cancel()
	defer context.AfterFunc(ctx, func() { line.SetDeadline(time.Unix(1, 0)) })()
	v, err := h.ask(line)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	case !v.Ready:
		return fmt.Errorf("the new daemon: %s", strings.TrimSpace(v.Error))
	}
	return nil
}

func (h Handover) ask(line net.Conn) (v verdict, err error) {
	m := manifest{Version: handoverVersion, Parts: make([]manifestPart, len(h.Parts))}
	for i, p := range h.Parts {
		m.Parts[i] = manifestPart{p.Kind, p.Name}
	}
	if err := json.NewEncoder(line).Encode(m); err != nil {
		return v, io.EOF // it reads no more, so it has ended
	}
	text, err := bufio.NewReader(io.LimitReader(line, maxReport)).ReadBytes('\n')
	if err != nil {
		return v, io.EOF
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("the new daemon: answer not understood: %v", err)
	}
	return v, nil
}
