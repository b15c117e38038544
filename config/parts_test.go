package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sockd/sockd/config"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "1h30m": 90 * time.Minute, "0s": 0, "0": 0, "1.5s": 1500 * time.Millisecond, "-5s": -5 * time.Second,
		"1d": 24 * time.Hour, "1d12h": 36 * time.Hour, "10m": 10 * time.Minute, "106751d": 106751 * 24 * time.Hour,
	} {
		d, err := config.ParseDuration(text)
		if err != nil || d.Std() != want {
			t.Errorf("%q = %v, %v, want %v", text, d, err, want)
		}
		if again, err := config.ParseDuration(d.String()); err != nil || again != d {
			t.Errorf("%q is shown as %q, which is %v, %v", text, d.String(), again, err)
		}
	}
	for _, text := range []string{"", "5", "5 s", "d", "-1d", "1d-5s", "1d5", "1d1d", "106752d", "106751d24h", "1.5d", "1dd", "ten seconds", "1d+1h", "9999999999h"} {
		if d, err := config.ParseDuration(text); err == nil {
			t.Errorf("%q was taken as %v", text, d)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Size{
		"1MiB": 1 << 20, "1MB": 1e6, "0B": 0, "64KiB": 64 << 10, "1.5GiB": 3 << 29, "10 MB": 1e7, "5kB": 5000, "5KB": 5000, "1TiB": 1 << 40, "-1B": -1,
	} {
		s, err := config.ParseSize(text)
		if err != nil || s != want {
			t.Errorf("%q = %d, %v, want %d", text, s, err, want)
		}
		if again, err := config.ParseSize(s.String()); err != nil || again != s {
			t.Errorf("%q is shown as %q, which is %d, %v", text, s.String(), again, err)
		}
	}
	for _, text := range []string{"", "5", "MB", "1mb", "1M", "0.3B", "1e3B", "0x5B", "99999TiB", "InfMB", "1  MB", "1.MB.", "+1MB"} {
		if s, err := config.ParseSize(text); err == nil {
			t.Errorf("%q was taken as %d", text, s)
		}
	}
}

func TestPort(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Port{
		"8765": {First: 8765, Last: 8765}, "8765-8785": {First: 8765, Last: 8785}, "1 - 2": {First: 1, Last: 2}, "auto": {Auto: true},
	} {
		p, err := config.ParsePort(text)
		if err != nil || p != want {
			t.Errorf("%q = %+v, %v, want %+v", text, p, err, want)
		}
		if again, err := config.ParsePort(p.String()); err != nil || again != p {
			t.Errorf("%q is shown as %q", text, p.String())
		}
	}
	for _, text := range []string{"", "0", "65536", "5-", "-5", "9-8", "http", "1-2-3", "1-70000"} {
		if p, err := config.ParsePort(text); err == nil {
			t.Errorf("%q was taken as %v", text, p)
		}
	}
	if got := (&config.Instance{Host: "::1", Port: config.Port{First: 80, Last: 80}}).Addr(); got != "[::1]:80" {
		t.Errorf("Addr = %s", got)
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	env := map[string]string{"A": "x", "EMPTY": "", "NESTED": "${A}"}
	lookup := func(k string) (string, bool) { s, ok := env[k]; return s, ok }
	for in, want := range map[string]string{
		"": "", "plain": "plain", "${A}": "x", "a${A}b${A}": "axbx", "$$": "$", "$${A}": "${A}", "$A": "$A", "$": "$", "x$": "x$", "$$$$": "$$",
		"${B:-d}": "d", "${A:-d}": "x", "${EMPTY:-d}": "d", "${B:-}": "", "${EMPTY}": "", "${A:?no}": "x", "${NESTED}": "${A}",
		"if $headers.x then {a: $instance} end": "if $headers.x then {a: $instance} end", "${B:-a:-b}": "a:-b",
	} {
		if got, err := config.Expand(in, lookup); got != want || err != nil {
			t.Errorf("Expand(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"${B}", "${B:?no}", "${EMPTY:?}", "${", "${}", "${A", "${1A}", "${A B}", "${A:x}", "${A:=x}", "${:-x}"} {
		if got, err := config.Expand(in, lookup); err == nil {
			t.Errorf("Expand(%q) = %q", in, got)
		}
	}
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want bool
	}{
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.1", "127.0.0.2", false},
		{"0.0.0.0", "127.0.0.1", true},
		{"0.0.0.0", "::1", false},
		{"0.0.0.0", "::", true},
		{"::", "127.0.0.1", true},
		{"::", "::1", true},
		{"127.0.0.1", "::1", false},
		{"localhost", "127.0.0.1", true},
		{"localhost", "::1", false},
		{"LocalHost.", "localhost", true},
		{"::ffff:127.0.0.1", "127.0.0.1", true},
		{"0:0::1", "::1", true},
		{"fe80::1%eth0", "fe80::1%eth1", false},
		{"", "192.0.2.1", true},
		{"a.example", "b.example", false},
		{"a.example", "A.example.", true},
		{"a.example", "127.0.0.1", false},
		{"a.example", "0.0.0.0", true},
	}
	for _, tt := range tests {
		if got := config.Overlap(tt.a, tt.b); got != tt.want {
			t.Errorf("Overlap(%q, %q) = %v", tt.a, tt.b, got)
		}
		if got := config.Overlap(tt.b, tt.a); got != tt.want {
			t.Errorf("Overlap(%q, %q) = %v", tt.b, tt.a, got)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"port", "path", "host", "hosts", "connect_timeout", "on"}
	for word, want := range map[string]string{
		"prot": "port", "Port": "port", "hots": "host", "conect_timeout": "connect_timeout", "connect-timeout": "connect_timeout", "connect": "connect_timeout",
		"verbose": "", "x": "", "": "", "クライアント": "",
	} {
		got := config.Nearest(word, known)
		if want != "" {
			want = fmt.Sprintf("did you mean %q?", want)
		}
		if got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestSecretNeverShows(t *testing.T) {
	t.Parallel()
	s := config.Secret("hunter2")
	for _, format := range []string{"%v", "%s", "%q", "%+v", "%#v"} {
		if got := fmt.Sprintf(format, s); got != "***" && got != `"***"` {
			t.Errorf("%s shows %s", format, got)
		}
	}
	if b, err := s.MarshalText(); err != nil || string(b) != "***" {
		t.Errorf("MarshalText = %s, %v", b, err)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	touch := func(parts ...string) string {
		t.Helper()
		path := filepath.Join(append([]string{root}, parts...)...)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	in := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	above := touch("sockd.toml")
	inRepo := touch("repo", "sockd.toml")
	touch("repo", ".git", "HEAD")
	touch("repo", "a", "b", "file")
	touch("empty", ".hg", "x")
	touch("empty", "a", "file")
	xdg := touch("xdg", "sockd", "sockd.toml")
	home := touch("home", ".config", "sockd", "sockd.toml")
	if err := os.MkdirAll(in("link"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", in("link", "sockd.toml")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, explicit, cwd string
		env                 map[string]string
		want                string
	}{
		{"the flag, which need not exist", "x/none.toml", in("repo"), map[string]string{"SOCKD_CONFIG": "y"}, in("repo", "x", "none.toml")},
		{"the variable", "", in("repo"), map[string]string{"SOCKD_CONFIG": "/y/z.toml"}, "/y/z.toml"},
		{"this folder", "", in("repo"), nil, inRepo},
		{"a parent", "", in("repo", "a", "b"), nil, inRepo},
		{"no repository: up to the root", "", in("home"), nil, above},
		{"not above the repository", "", in("empty", "a"), map[string]string{"XDG_CONFIG_HOME": in("xdg"), "HOME": in("home")}, xdg},
		{"the home folder", "", in("empty"), map[string]string{"HOME": in("home")}, home},
		{"a relative XDG folder counts for nothing", "", in("empty"), map[string]string{"XDG_CONFIG_HOME": "xdg", "HOME": in("home")}, home},
		{"a link that leads nowhere is a broken file", "", in("link"), nil, in("link", "sockd.toml")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := config.Find(tt.explicit, func(k string) string { return tt.env[k] }, tt.cwd)
			if err != nil || got != tt.want {
				t.Errorf("Lookup = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	if _, err := os.Lstat("/etc/sockd/sockd.toml"); err != nil {
		if got, err := config.Find("", func(string) string { return "" }, in("empty")); !errors.Is(err, config.ErrNotFound) {
			t.Errorf("Lookup of nothing = %q, %v", got, err)
		}
	}
}
