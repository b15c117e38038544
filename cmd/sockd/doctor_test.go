package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
)

func loaded(t *testing.T, text string) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sockd.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func want(t *testing.T, f finding, verdict, detail, remedy string) {
	t.Helper()
	if f.Verdict != verdict || !strings.Contains(f.Detail, detail) || !strings.Contains(f.Remedy, remedy) || (f.Verdict == fine) != (f.Remedy == "") {
		t.Errorf("got %+v, want %s, %q, %q", f, verdict, detail, remedy)
	}
}

func TestDoctorFindsABusyPort(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	addr := ln.Addr().(*net.TCPAddr)
	in := &config.Instance{Enabled: true, Host: "127.0.0.1", Port: config.Port{First: addr.Port, Last: addr.Port}}
	p := &patient{}
	want(t, checkPort(t.Context(), p, "chat", in), wrong, "in use by pid", "stop that process")
	p.status = &control.Status{Instances: []control.InstanceStatus{{Name: "chat", State: "ready", Address: addr.String()}}}
	want(t, checkPort(t.Context(), p, "chat", in), fine, "ready", "")
	p.status = nil
	in.Port.Last = min(addr.Port+20, 65535)
	want(t, checkPort(t.Context(), p, "chat", in), fine, "free", "")
	in.Host, in.Port = "192.0.2.1", config.Port{First: 3001, Last: 3001}
	want(t, checkPort(t.Context(), p, "chat", in), wrong, "192.0.2.1", "another port or address")
}

func TestDoctorReadsNoSecretAloud(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open, closed := filepath.Join(dir, "open"), filepath.Join(dir, "closed")
	for name, mode := range map[string]os.FileMode{open: 0o644, closed: 0o600} {
		if err := os.WriteFile(name, []byte("s"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	cfg := &config.Config{
		Admin: config.Admin{TokenFile: closed},
		Instances: map[string]*config.Instance{
			"a": {Auth: &config.Auth{TokensFile: open, JWT: &config.JWT{SecretFile: filepath.Join(dir, "gone")}}},
			"b": {Namespace: map[string]*config.Namespace{"/x": {Auth: &config.Auth{TokensFile: open}}}, Ingest: &config.Ingest{}, TLS: &config.TLS{KeyFile: closed}},
		},
	}
	list := checkSecrets(cfg)
	if len(list) != 3 {
		t.Fatalf("got %+v", list)
	}
	want(t, list[0], fine, closed, "")
	want(t, list[1], wrong, "gone", "make the file")
	want(t, list[2], wrong, "0644, others may read it", "chmod 600 "+open)
}

func TestDoctorCountsFiles(t *testing.T) {
	t.Parallel()
	want(t, checkFiles(loaded(t, "[instance.a]\nport = 1\nlimits = { clients = 10 }\n")), fine, "add up to 10", "")
	want(t, checkFiles(loaded(t, "[instance.a]\nport = 1\nlimits = { clients = 900000000 }\n")), wrong, "one instance alone", "LimitNOFILE")
	var text strings.Builder
	for _, name := range []string{"a", "b", "c"} {
		text.WriteString("[instance." + name + "]\nport = \"auto\"\n")
	}
	cfg := loaded(t, text.String())
	for _, in := range cfg.Instances {
		in.Limits.Clients = allowedFiles(t) - spareFiles
	}
	want(t, checkFiles(cfg), doubt, "add up to", "lower limits.clients")
}

func allowedFiles(t *testing.T) int {
	t.Helper()
	n, err := raiseFileLimit()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDoctorLooksAtTheClock(t *testing.T) {
	t.Parallel()
	cfg := loaded(t, "")
	want(t, checkClock(&patient{cfg: cfg}), fine, "T", "")
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(cfg.Path, later, later); err != nil {
		t.Fatal(err)
	}
	want(t, checkClock(&patient{cfg: cfg}), wrong, "but the file was saved at", "set the clock")
}

func TestDoctorTriesTheWatcher(t *testing.T) {
	t.Parallel()
	want(t, checkWatch(t.Context(), loaded(t, "")), fine, "edits are seen at once", "")
	want(t, checkWatch(t.Context(), loaded(t, "[fleet]\nwatch = \"off\"\n")), fine, `"off"`, "")
}

func TestDoctorKnowsTheDead(t *testing.T) {
	t.Parallel()
	p := &patient{place: placeIn(t)}
	want(t, checkLeftovers(p), fine, "not running", "")
	want(t, checkState(p), fine, "not there yet", "")
	h, err := acquire(p.place)
	if err != nil {
		t.Fatal(err)
	}
	want(t, checkLeftovers(p), wrong, "does not answer", "--force")
	p.status = &control.Status{}
	want(t, checkLeftovers(p), fine, "running (pid", "")
	p.status = nil
	if err := h.lock.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, checkLeftovers(p), fine, "was killed", "")
	want(t, checkState(p), fine, p.place.dir, "")
	if err := os.Chmod(p.place.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	want(t, checkState(p), wrong, "others may enter it", "chmod 700")
}
