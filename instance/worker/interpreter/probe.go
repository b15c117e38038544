package interpreter

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// probeTimeout is how long an interpreter may take to tell its version.
	probeTimeout = 3 * time.Second
	// maxOutput bounds what is kept of its answer.
	maxOutput = 16 << 10
	// maxKnown is how many answers are kept; when there are more, all are forgotten.
	maxKnown = 256
)

// question makes a Python say what it is; -I keeps the project and the user's settings out of it.
const question = "import sys; print(sys.executable); print(sys.prefix); print('%d.%d.%d' % sys.version_info[:3])"

// answer is what an interpreter said of itself.
type answer struct {
	version string
	err     string
}

// probe runs the interpreter of a candidate once and remembers what it said until its file or its pyvenv.cfg changes. A fault
// is not kept: what was too slow on a busy machine may answer the next time.
func (d *Detector) probe(ctx context.Context, s *search, c candidate) answer {
	key := string(s.kind) + "\x00" + stamp(c.path) + stamp(filepath.Join(filepath.Dir(filepath.Dir(c.path)), "pyvenv.cfg"))
	for _, name := range []string{".python-version", ".node-version", ".tool-versions", "mise.toml"} { // what a shim answers depends on them
		key += stamp(s.file(name))
	}
	d.mu.Lock()
	a, ok := d.known[key]
	d.mu.Unlock()
	if ok {
		return a
	}
	a = s.interrogate(ctx, c)
	if a.err != "" {
		return a
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || len(d.known) >= maxKnown {
		d.known = map[string]answer{}
	}
	d.known[key] = a
	return a
}

// stamp names a file and its state.
func stamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return path + "\x00"
	}
	return path + "\x00" + strconv.FormatInt(info.ModTime().UnixNano(), 36) + "." + strconv.FormatInt(info.Size(), 36) + "\x00"
}

var versionPattern = regexp.MustCompile(`\d+\.\d+(\.\d+)?`)

func (s *search) interrogate(ctx context.Context, c candidate) answer {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	args := []string{"--version"}
	if s.kind == Python {
		args = []string{"-I", "-c", question}
	}
	out, fault := run(ctx, s, &c, c.path, args...)
	if fault != "" {
		return answer{err: fault}
	}
	if s.kind != Python {
		return answer{version: versionPattern.FindString(out)}
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 || len(numbers(lines[2])) == 0 {
		return answer{err: "its answer is not that of a Python"}
	}
	if c.variable == "VIRTUAL_ENV" && filepath.Clean(lines[1]) != c.prefix && !sameFile(lines[1], c.prefix) {
		return answer{err: "it says that its environment is " + lines[1]}
	}
	return answer{version: lines[2]}
}

// run executes a program in the project with a bare environment and returns its output, or why there is none.
func run(ctx context.Context, s *search, c *candidate, path string, args ...string) (out, fault string) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = s.spec.Project
	cmd.Env = []string{"PATH=" + s.env["PATH"], "HOME=" + s.env["HOME"]}
	for _, name := range []string{"PYENV_ROOT", "PYENV_VERSION", "MISE_DATA_DIR", "VOLTA_HOME", "RBENV_ROOT", "ASDF_DATA_DIR"} { // shims need them
		if v := s.env[name]; v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	if c != nil && c.variable != "" {
		cmd.Env = append(cmd.Env, c.variable+"="+c.prefix)
	}
	var stdout, stderr limited
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() == context.DeadlineExceeded:
		return "", "no answer in time"
	case ctx.Err() != nil:
		return "", "interrupted"
	case err != nil:
		if line := lastLine(stderr.String()); line != "" {
			return "", err.Error() + " (" + line + ")"
		}
		return "", strings.TrimPrefix(err.Error(), "fork/exec ")
	}
	return stdout.String(), ""
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	line := text[strings.LastIndex(text, "\n")+1:]
	if len(line) > 200 {
		line = strings.ToValidUTF8(line[:200], "")
	}
	return line
}

// limited keeps the beginning of what is written to it.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := maxOutput - l.Len(); room > 0 {
		l.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
