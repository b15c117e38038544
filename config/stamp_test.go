package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sockd/sockd/config"
)

// What lies in client_dir is part of what a revision means, so a reload after a change there is not taken for one without any.
func TestAChangeInClientDirIsAChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func() *config.Config {
		t.Helper()
		c, err := config.Load(filepath.Join(dir, "sockd.toml"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if err := os.Mkdir(filepath.Join(dir, "dist"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("dist/a.js", "old")
	write("dist/b.js", "same")
	write("sockd.toml", "[instance.a]\nport = 1\nclient_dir = \"dist\"\n[instance.b]\nport = 2\n")
	first, again := load(), load()
	if first.Digest != again.Digest || len(config.Diff(first, again)) != 0 {
		t.Errorf("the same folder: %v", config.Diff(first, again))
	}
	write("dist/a.js", "newer")
	second := load()
	changes := config.Diff(first, second)
	if first.Digest == second.Digest || len(changes) != 1 || changes[0].Instance != "a" || changes[0].Key != "client_dir" || changes[0].Class != config.Live {
		t.Errorf("a file that changed: %+v", changes)
	}
	if err := os.RemoveAll(filepath.Join(dir, "dist")); err != nil {
		t.Fatal(err)
	}
	if third := load(); third.Digest == second.Digest {
		t.Error("a folder that is gone is no change")
	}
	if len(first.Files) != 1 {
		t.Errorf("watched: %v", first.Files)
	}
}
