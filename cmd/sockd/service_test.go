package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

// machine is a home with a file, and a systemctl that writes down what it is told.
type machine struct{ home, file, unit, calls string }

func newMachine(t *testing.T) *machine {
	t.Helper()
	if runtime.GOOS == "darwin" {
		t.Fatal("these tests are for systemd")
	}
	home := t.TempDir()
	m := &machine{home: home, file: filepath.Join(home, "my shop", "sockd.toml"), calls: filepath.Join(home, "calls")}
	m.unit = filepath.Join(home, ".config/systemd/user", unitName(m.file)+".service")
	m.write(t, m.file, "[instance.chat]\nport = 443\n[instance.chat.worker]\ncommand = [\"python\", \"-m\", \"app\"]\n")
	m.write(t, filepath.Join(home, "bin/systemctl"), "#!/bin/sh\necho \"$@\" >> '"+m.calls+"'\n")
	if err := os.Chmod(filepath.Join(home, "bin/systemctl"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("SUDO_USER", "")
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("SOCKD_STATE_DIR", "")
	t.Setenv("PATH", filepath.Join(home, "bin")+":/bin:/usr/bin")
	return m
}

func (m *machine) write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// service runs one of the commands and returns its exit code and what it prints.
func (m *machine) service(words ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	app := newApp(&out, &errs)
	app.Commands = []*cli.Command{serviceCommand()}
	words, err := arrange(app, append([]string{"service", "-c", m.file}, words...))
	if err == nil {
		err = app.Run(append([]string{app.Name}, words...))
	}
	return report(&errs, err), out.String(), errs.String()
}

func (m *machine) called(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(m.calls)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

func TestServiceIsInstalledAndRemoved(t *testing.T) {
	m := newMachine(t)
	name := filepath.Base(m.unit)
	code, _, errs := m.service("install", "--user")
	if code != exitOK || !strings.Contains(errs, "systemctl --user daemon-reload && systemctl --user enable --now "+name) || m.called(t) != "" {
		t.Fatalf("install: got %d, %q, calls %q, want the commands to be said and not run", code, errs, m.called(t))
	}
	text, err := os.ReadFile(m.unit)
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(m.home, ".local/state/sockd", folderName(m.file))
	if want := `fleet run -c "` + m.file + `" --state-dir "` + state + `"`; !strings.Contains(string(text), want) {
		t.Errorf("unit: got\n%s\nwant it to hold %s", text, want)
	}
	if info, err := os.Stat(state); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("state folder: got %v, %v, want one of mode 700", info, err)
	}
	if code, _, errs := m.service("install", "--user", "--now"); code != exitOK {
		t.Errorf("install again: got %d, %q", code, errs)
	}
	if got, want := m.called(t), "--user daemon-reload\n--user enable --now "+name+"\n"; got != want {
		t.Errorf("calls: got %q, want %q", got, want)
	}
	if code, _, errs := m.service("uninstall", "--user"); code != exitOK || exists(m.unit) {
		t.Errorf("uninstall: got %d, %q, want the unit to be gone", code, errs)
	}
	if got, want := m.called(t), "--user disable --now "+name+"\n--user daemon-reload\n"; !strings.HasSuffix(got, want) {
		t.Errorf("calls: got %q, want %q at the end", got, want)
	}
	if code, _, _ := m.service("uninstall", "--user"); code != exitFailed {
		t.Errorf("uninstall twice: got %d, want %d", code, exitFailed)
	}
}

func TestServicePrintWritesNothing(t *testing.T) {
	m := newMachine(t)
	for _, words := range [][]string{{"install", "--print"}, {"install", "--print", "--user"}} {
		code, out, errs := m.service(words...)
		if code != exitOK || !strings.Contains(out, "[Service]") || m.called(t) != "" {
			t.Errorf("%q: got %d, %q, %q", words, code, out, errs)
		}
		if !strings.Contains(words[len(words)-1], "user") && !strings.Contains(out, `ReadWritePaths="-`+filepath.Dir(m.file)+`"`) {
			t.Errorf("the worker's project cannot be written to:\n%s", out)
		}
	}
	for _, name := range []string{".config", ".local"} {
		if exists(filepath.Join(m.home, name)) {
			t.Errorf("%s was made", name)
		}
	}
}

func TestServiceSparesOthers(t *testing.T) {
	m := newMachine(t)
	m.write(t, m.unit, "[Unit]\nDescription=mine\n")
	if code, _, errs := m.service("install", "--user"); code != exitFailed || !strings.Contains(errs, "not written by sockd, --force replaces it") {
		t.Errorf("install: got %d, %q", code, errs)
	}
	if code, _, _ := m.service("uninstall", "--user"); code != exitFailed || !exists(m.unit) {
		t.Errorf("uninstall: got %d, the unit is there: %v", code, exists(m.unit))
	}
	if code, _, errs := m.service("install", "--user", "--force"); code != exitOK {
		t.Errorf("install --force: got %d, %q", code, errs)
	}
}

func TestServiceWithoutSystemctl(t *testing.T) {
	m := newMachine(t)
	t.Setenv("PATH", t.TempDir())
	if code, _, errs := m.service("install", "--user"); code != exitOK {
		t.Errorf("install: got %d, %q", code, errs)
	}
	code, _, errs := m.service("install", "--user", "--now")
	if code != exitFailed || !strings.Contains(errs, "systemctl is not here, so the service was not started: systemctl --user daemon-reload") {
		t.Errorf("install --now: got %d, %q", code, errs)
	}
	if code, _, errs := m.service("uninstall", "--user"); code != exitOK || !strings.Contains(errs, "if the service runs: systemctl --user disable") {
		t.Errorf("uninstall: got %d, %q", code, errs)
	}
}

func TestServiceRefuses(t *testing.T) {
	m := newMachine(t)
	if code, _, _ := m.service("install", "--user", "--run-as", "root"); code != exitUsage {
		t.Errorf("--user with --run-as: got %d, want %d", code, exitUsage)
	}
	if code, _, errs := m.service("install", "--print", "--run-as", "nobody-of-that-name"); code != exitFailed {
		t.Errorf("an unknown user: got %d, %q", code, errs)
	}
	if code, _, errs := m.service("install", "--print", "--state-dir", "/"+strings.Repeat("long/", 25)); code != exitFailed || !strings.Contains(errs, "--state-dir gives a shorter one") {
		t.Errorf("a long state folder: got %d, %q", code, errs)
	}
	m.write(t, m.file, "nonsense = 1\n")
	if code, _, _ := m.service("install", "--print"); code != exitConfig {
		t.Errorf("an invalid file: got %d, want %d", code, exitConfig)
	}
}

func TestStatusLine(t *testing.T) {
	in := func(name, state, note string) control.InstanceStatus {
		return control.InstanceStatus{Name: name, State: state, Note: note}
	}
	for _, c := range []struct {
		name   string
		status control.Status
		want   string
	}{
		{"nothing", control.Status{}, "no instances"},
		{"well", control.Status{Instances: []control.InstanceStatus{in("a", "ready", ""), in("b", "ready", "open to other machines")}}, "2 ready"},
		{"busy", control.Status{Instances: []control.InstanceStatus{in("shop", "backoff", "port 3003 in use"), in("a", "ready", ""), in("b", "ready", "")}},
			"2 ready, 1 backoff: shop: port 3003 in use"},
		{"stuck", control.Status{Instances: []control.InstanceStatus{in("a", "degraded", "poller 1 has not answered for 2s")}},
			"1 degraded: a: poller 1 has not answered for 2s"},
		{"rejected", control.Status{Fleet: control.FleetStatus{ConfigError: &control.Fault{File: "sockd.toml", Line: 3, Col: 1, Message: "unknown key"}},
			Instances: []control.InstanceStatus{in("a", "ready", "")}}, "1 ready: sockd.toml:3:1: unknown key"},
	} {
		if got := statusLine(c.status); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
