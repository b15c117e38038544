package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockd/sockd/config"
)

// kept loads text from a folder of its own and has it kept.
func kept(t *testing.T, text string) (place, *config.Config) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sockd.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	p := placeIn(t)
	if err := p.create(); err != nil {
		t.Fatal(err)
	}
	k := newKeeper(p, slog.New(slog.DiscardHandler))
	k.applied(&config.Config{}) // which the next one replaces
	k.applied(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.run(ctx, nil); err != nil {
		t.Fatal(err)
	}
	return p, cfg
}

func TestLastGoodIsTheSame(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":     "",
		"plain":     "[fleet]\nname = \"a b $$x\"\n[defaults]\nhost = \"::1\"\n[instance.chat]\nport = 3001\nproject = \"sub\"\nnamespaces = [\"/\", \"/x*\"]",
		"no secret": "[admin]\ntoken_file = \"secret\"",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(text, "token_file") {
				secret := filepath.Join(t.TempDir(), "secret")
				if err := os.WriteFile(secret, []byte("s"), 0o600); err != nil {
					t.Fatal(err)
				}
				text = strings.Replace(text, `"secret"`, `"`+secret+`"`, 1)
			}
			p, cfg := kept(t, text)
			got, err := readLastGood(p, cfg.Path)
			if err != nil {
				t.Fatal(err)
			}
			if got.Digest != cfg.Digest || got.Path != cfg.Path {
				t.Errorf("got %s of %s, want %s of %s", got.Digest, got.Path, cfg.Digest, cfg.Path)
			}
			if info, err := os.Stat(filepath.Join(p.dir, lastGoodName)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
			if exists(filepath.Join(p.dir, lastGoodName+".next")) {
				t.Error("a file is left")
			}
		})
	}
}

// A secret is not copied, and what would run without it, or with its mask, does not run.
func TestLastGoodKeepsNoSecret(t *testing.T) {
	t.Parallel()
	p, cfg := kept(t, "[admin]\ntoken = \"hunter2\"\n[instance.chat]\nport = 3001\n")
	if _, err := readLastGood(p, cfg.Path); err == nil || !strings.Contains(err.Error(), "secrets that stand in the file itself") {
		t.Errorf("got %v", err)
	}
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(p.dir, e.Name()))
		if err != nil || strings.Contains(string(data), "hunter2") {
			t.Errorf("%s: %s, %v", e.Name(), data, err)
		}
	}
}

func TestLastGoodIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"not there", "", "no revision of /x/sockd.toml has been applied before"},
		{"of a newer version", "# sockd last-good 2: /x\n[instance.a]\n", "written by a newer sockd (format 2) than this one (format 1)"},
		{"somebody else's", "[instance.a]\nport = 1\n", "not written by sockd"},
		{"broken", "# sockd last-good 1: /x\n[instance.a]\n", "last applied revision: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := placeIn(t)
			if tt.text != "" {
				if err := p.create(); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(p.dir, lastGoodName), []byte(tt.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := readLastGood(p, "/x/sockd.toml"); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
