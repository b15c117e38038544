package worker

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// child is a process of ours, the leader of its group.
type child struct {
	cmd                   *exec.Cmd
	stdin, stdout, stderr *os.File
	guardPipe             *os.File // open as long as we live; the guard reads the other end
	exited                chan struct{}
	reason                string

	mu   sync.Mutex
	gone bool // the group may be another's
}

func (c *child) PID() int                { return c.cmd.Process.Pid }
func (c *child) Stdin() io.WriteCloser   { return c.stdin }
func (c *child) Stdout() io.ReadCloser   { return c.stdout }
func (c *child) Stderr() io.ReadCloser   { return c.stderr }
func (c *child) Exited() <-chan struct{} { return c.exited }
func (c *child) Reason() string          { return c.reason }

func (c *child) Signal(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gone {
		_ = syscall.Kill(-c.PID(), s)
	}
}

// startChild starts the command of a plan. The goroutine that it leaves behind ends when the process has ended and was waited for.
func startChild(p Plan) (*child, error) {
	c := &child{exited: make(chan struct{})}
	theirs, err := c.pipes()
	if err != nil {
		return nil, err
	}
	c.cmd = &exec.Cmd{Path: p.Argv[0], Args: p.Argv, Env: p.Env, Dir: p.Dir, SysProcAttr: leaderAttr(),
		Stdin: theirs[0], Stdout: theirs[1], Stderr: theirs[2]}
	started := make(chan error)
	go c.live(started)
	err = <-started
	for _, f := range theirs {
		f.Close()
	}
	if err != nil {
		c.closePipes()
		return nil, startError(p, err)
	}
	return c, nil
}

// startError names the path once, and tells a missing program from a script whose first line names one.
func startError(p Plan, err error) error {
	if errors.Is(err, syscall.ENOENT) {
		if _, missing := os.Stat(p.Argv[0]); missing == nil {
			return errors.New(p.Argv[0] + ": the program that its first line names does not exist")
		}
	}
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return errors.New(p.Argv[0] + ": " + err.Error())
}

// pipes makes the three pipes and returns the worker's ends. All are close-on-exec.
func (c *child) pipes() (theirs [3]*os.File, err error) {
	if theirs[0], c.stdin, err = os.Pipe(); err == nil {
		if c.stdout, theirs[1], err = os.Pipe(); err == nil {
			c.stderr, theirs[2], err = os.Pipe()
		}
	}
	if err != nil {
		c.closePipes()
		for _, f := range theirs {
			f.Close()
		}
	}
	return theirs, err
}

func (c *child) closePipes() {
	for _, f := range []*os.File{c.stdin, c.stdout, c.stderr} {
		f.Close() // also of nil, which is an error and nothing more
	}
}

// live forks, waits, and clears the group. Its thread lives as long as the process does, else the parent-death signal would be sent while we live.
func (c *child) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := c.cmd.Start(); err != nil {
		started <- err
		return
	}
	guard := c.guard()
	started <- nil

	c.reason = exitedWell
	if err := c.wait(); err != nil {
		c.reason = err.Error()
	}
	if guard != nil {
		_ = guard.Wait()
		c.guardPipe.Close()
	}
	close(c.exited)
}

// clear kills what is left of the group and lets no further signal through.
func (c *child) clear() {
	c.Signal(syscall.SIGKILL)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
}

// guard puts a shell into the group that kills it when our end of its pipe closes, which the kernel does for a daemon that was killed. It is no loss
// without: on a machine that has no shell, only the leader is certain to end.
func (c *child) guard() *exec.Cmd {
	read, write, err := os.Pipe()
	if err != nil {
		return nil
	}
	defer read.Close()
	cmd := &exec.Cmd{Path: "/bin/sh", Args: []string{"sockd-guard", "-c", `trap "" HUP INT QUIT TERM; read _; kill -9 0`}, Env: []string{}, Dir: "/",
		Stdin: read, SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pgid: c.PID()}}
	if err := cmd.Start(); err != nil {
		write.Close()
		return nil
	}
	c.guardPipe = write
	return cmd
}
