package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockd/sockd/config"
)

func TestShowOrigins(t *testing.T) {
	t.Parallel()
	file := write(t, filepath.Join(t.TempDir(), "sockd.toml"), `[defaults]
ping.interval = "3s"
[fleet]
name = "x"
[instance.a]
port = 1
[instance.a.on."x.y"]
to = "all"
also = [{ emit = "y" }]
`)
	var b strings.Builder
	if err := config.ShowOrigins(&b, file); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"name = \"x\" # " + file + ":4\n", "drain = \"5s\" # default\n", "port = 1 # " + file + ":6\n", "interval = \"3s\" # " + file + ":2\n",
		"timeout = \"20s\" # default\n", "to = [\"all\"] # " + file + ":8\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	again, err := config.Load(write(t, filepath.Join(t.TempDir(), "again.toml"), b.String()))
	if err != nil || again.Instances["a"].Ping.Interval != config.Duration(3e9) {
		t.Errorf("read back: %v", err)
	}
}
