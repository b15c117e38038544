package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/sockd/sockd/config"
	"github.com/urfave/cli/v2"
)

// started is a daemon that has been launched. It outlives us.
type started struct {
	cmd  *exec.Cmd
	said <-chan progress // closed when the daemon has closed its end of the pipe
}

// spawn runs this program anew as the daemon of cfg: a session of its own, no input, its output in the log, and of our descriptors only the
// pipe. The environment is handed on whole, since any variable may stand in the file.
func spawn(c *cli.Context, p place, cfg *config.Config) (*started, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("path of this program: %w", err)
	}
	output, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	pipe, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd := exec.Command(exe, daemonArguments(c, p, cfg)...)
	cmd.Dir = workingFolder(cfg)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = output, output, []*os.File{theirs} // no Stdin: /dev/null
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	closeOnExec("/dev/fd")
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the daemon: %w", err)
	}
	said := make(chan progress, 1)
	go listen(pipe, said)
	return &started{cmd, said}, nil
}

func daemonArguments(c *cli.Context, p place, cfg *config.Config) []string {
	args := []string{"fleet", "run", "--background", "--config=" + cfg.Path}
	if c.String("state-dir") != "" {
		args = append(args, "--state-dir="+p.dir)
	}
	for _, name := range []string{"quiet", "verbose", "last-good"} {
		if c.Bool(name) {
			args = append(args, "--"+name)
		}
	}
	return args
}

// workingFolder is the file's: faults name the file as seen from there, wherever the daemon was started.
func workingFolder(cfg *config.Config) string {
	dir := filepath.Dir(cfg.Path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "/"
	}
	return dir
}

// usualFiles is how many descriptors are looked at where they cannot be listed: few callers have more.
const usualFiles = 1024

// closeOnExec keeps what our caller has left open from the daemon. folder lists the descriptors.
func closeOnExec(folder string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		for fd := range usualFiles {
			syscall.CloseOnExec(fd + 3)
		}
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// listen closes said at the end of the pipe. Who reads said takes what comes until ready or ended.
func listen(pipe *os.File, said chan<- progress) {
	defer close(said)
	defer pipe.Close()
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		var one progress
		if json.Unmarshal(lines.Bytes(), &one) == nil {
			said <- one
		}
	}
}

// fate says how the daemon has ended.
func (s *started) fate() string {
	_ = s.cmd.Wait() // its state says more
	return s.cmd.ProcessState.String()
}
