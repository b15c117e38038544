package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/sockd/sockd/fleet/control"
)

// styles are the ways in which editors and tools save a file. Each gets the path of the file and its new text.
var styles = []struct {
	name string
	save func(file, text string) error
}{
	{"in place", write},
	{"in place, in two chunks", func(file, text string) error {
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		half := len(text) / 2
		if _, err := f.WriteString(text[:half]); err != nil {
			return err
		}
		<-time.After(50 * time.Millisecond)
		_, err = f.WriteString(text[half:])
		return err
	}},
	{"emptied, then written", func(file, text string) error {
		if err := os.Truncate(file, 0); err != nil {
			return err
		}
		<-time.After(250 * time.Millisecond) // long enough to be read in between
		return write(file, text)
	}},
	{"a new file renamed over it", func(file, text string) error { return over(file, text, file+".tmp") }},
	{"a new file of another folder renamed over it", func(file, text string) error {
		dir, err := os.MkdirTemp(filepath.Dir(filepath.Dir(file)), "elsewhere")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		return over(file, text, filepath.Join(dir, "new"))
	}},
	{"the old one kept as a backup", func(file, text string) error {
		if err := os.Rename(file, file+"~"); err != nil {
			return err
		}
		return write(file, text)
	}},
	{"as vim does", func(file, text string) error {
		probe := filepath.Join(filepath.Dir(file), "4913")
		return inTurn(
			func() error { return write(probe, "") },
			func() error { return os.Remove(probe) },
			func() error { return os.Rename(file, file+"~") },
			func() error { return write(file, text) },
			func() error { return os.Chmod(file, 0o600) },
			func() error { return os.Remove(file + "~") },
		)
	}},
	{"removed, then made anew", func(file, text string) error {
		return inTurn(func() error { return os.Remove(file) }, func() error { return write(file, text) })
	}},
	{"removed for a while", func(file, text string) error {
		if err := os.Remove(file); err != nil {
			return err
		}
		<-time.After(250 * time.Millisecond)
		return write(file, text)
	}},
	{"linked", func(file, text string) error {
		return inTurn(
			func() error { return write(file+".new", text) },
			func() error { return os.Remove(file) },
			func() error { return os.Link(file+".new", file) },
			func() error { return os.Remove(file + ".new") },
		)
	}},
	{"with the time of before", func(file, text string) error {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		return inTurn(func() error { return write(file, text) }, func() error { return os.Chtimes(file, info.ModTime(), info.ModTime()) })
	}},
	{"sed -i", func(file, text string) error {
		if err := write(file+".text", text); err != nil {
			return err
		}
		defer os.Remove(file + ".text")
		return exec.Command("sed", "-i", "-e", "1r "+file+".text", "-e", "d", file).Run()
	}},
	{"cp", func(file, text string) error {
		if err := write(file+".text", text); err != nil {
			return err
		}
		defer os.Remove(file + ".text")
		return exec.Command("cp", file+".text", file).Run()
	}},
	{"the folder swapped", func(file, text string) error {
		dir := filepath.Dir(file)
		return inTurn(
			func() error { return os.Mkdir(dir+".new", 0o700) },
			func() error { return write(filepath.Join(dir+".new", filepath.Base(file)), text) },
			func() error { return os.Rename(dir, dir+".old") },
			func() error { return os.Rename(dir+".new", dir) },
			func() error { return os.RemoveAll(dir + ".old") },
		)
	}},
	{"a link swapped, as Kubernetes does", func(file, text string) error {
		dir := filepath.Dir(file)
		version, err := os.MkdirTemp(dir, "..version")
		if err != nil {
			return err
		}
		return inTurn(
			func() error { return write(filepath.Join(version, filepath.Base(file)), text) },
			func() error { return relink(filepath.Base(version), filepath.Join(dir, "..data")) },
			func() error { return relink(filepath.Join("..data", filepath.Base(file)), file) },
		)
	}},
	{"behind a link", func(file, text string) error {
		real := filepath.Join(filepath.Dir(filepath.Dir(file)), "dotfiles")
		if err := os.MkdirAll(real, 0o700); err != nil {
			return err
		}
		target := filepath.Join(real, "main.toml")
		return inTurn(func() error { return over(target, text, target+".tmp") }, func() error { return relink(target, file) })
	}},
}

func write(file, text string) error { return os.WriteFile(file, []byte(text), 0o600) }

func over(file, text, temporary string) error {
	if err := write(temporary, text); err != nil {
		return err
	}
	return os.Rename(temporary, file)
}

// relink makes name a link to target, unless it is one already: then nothing in its folder changes.
func relink(target, name string) error {
	if now, err := os.Readlink(name); err == nil && now == target {
		return nil
	}
	if err := os.Symlink(target, name+".link"); err != nil {
		return err
	}
	return os.Rename(name+".link", name)
}

func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// saved is a daemon whose file is saved again and again.
type saved struct {
	t      *testing.T
	file   string
	client *control.Client
}

func runDaemon(t *testing.T) *saved {
	t.Helper()
	s := runDaemonOf(t, good(0))
	s.until("the start", runs(0))
	return s
}

// runDaemonOf runs a daemon in the foreground until the test ends; it has to end with 0 then.
func runDaemonOf(t *testing.T, text string) *saved {
	t.Helper()
	dir := t.TempDir()
	s := &saved{t: t, file: filepath.Join(dir, "conf", "sockd.toml")}
	if err := os.Mkdir(filepath.Dir(s.file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := write(s.file, text); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(dir, "state")
	p, err := here().locate(state, s.file)
	if err != nil {
		t.Fatal(err)
	}
	s.client = control.Dial(p.socket)
	var log bytes.Buffer
	cmd := exec.Command("sockd", "fleet", "run", "-c", s.file, "--state-dir", state)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("daemon: %v\n%s", err, &log)
		}
	})
	return s
}

// until asks for the status until it is as it should be.
func (s *saved) until(what string, ok func(control.Status) bool) {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		st, err := s.client.Status(s.t.Context())
		if err == nil && ok(st) {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s: not seen, %+v, %v", what, st, err)
		}
	}
}

func (s *saved) save(style func(file, text string) error, text string) {
	s.t.Helper()
	if err := style(s.file, text); err != nil {
		s.t.Fatal(err)
	}
}

const broken = "[instance.one\nport = "

// good is a file that tells itself from others by its second instance.
func good(n int) string {
	return fmt.Sprintf("[admin]\nlisten = \"off\"\n[instance.one]\nport = \"auto\"\n[instance.n%d]\nport = \"auto\"\n", n)
}

func runs(n int) func(control.Status) bool {
	return func(s control.Status) bool {
		ready := slices.ContainsFunc(s.Instances, func(in control.InstanceStatus) bool { return in.Name == fmt.Sprint("n", n) && in.State == "ready" })
		return ready && s.Fleet.ConfigState == control.ConfigApplied
	}
}

// TestStylesOfSave: whatever the style, a good save is applied, a bad one is reported, and the good one after it is applied again. The
// instance that no edit concerns is never started again.
func TestStylesOfSave(t *testing.T) {
	t.Parallel()
	s := runDaemon(t)
	n := 0
	for _, style := range styles {
		n++
		s.save(style.save, good(n))
		s.until(style.name+": good", runs(n))
		s.save(style.save, broken)
		s.until(style.name+": bad", func(st control.Status) bool { return st.Fleet.ConfigState == control.ConfigRejected })
		n++
		s.save(style.save, good(n))
		s.until(style.name+": good again", runs(n))
	}
	st, err := s.client.Status(t.Context())
	if err != nil || st.Fleet.Revision != n+1 {
		t.Errorf("revision %d, want %d: %v", st.Fleet.Revision, n+1, err)
	}
	for _, in := range st.Instances {
		if in.Name == "one" && (in.Restarts != 0 || in.UptimeS < 1) {
			t.Errorf("it was started again: %+v", in)
		}
	}
}
