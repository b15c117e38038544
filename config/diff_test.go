package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sockd/sockd/config"
)

func loadText(t testing.TB, text string) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sockd.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"one.pem": "1", "two.pem": "2"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(file), name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.LoadAll(file, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	c.Fleet.Name = "" // of the temporary folder
	for _, i := range c.Instances {
		i.Project = ""
	}
	return c
}

func TestDiff(t *testing.T) {
	t.Parallel()
	const a = "[instance.a]\nport = 1\n"
	change := func(key string, class config.Class, old, new string) config.Change {
		return config.Change{Instance: "a", Key: key, Class: class, Old: old, New: new}
	}
	tests := []struct {
		name     string
		old, new string
		want     []config.Change
	}{
		{"nothing", a, "# comment\n" + a, nil},
		{"another spelling", a + `ping = { interval = "60s" }`, a + `ping.interval = "1m"`, nil},
		{"a live key", a, a + "limits.clients = 5", []config.Change{change("limits.clients", config.Live, "10000", "5")}},
		{"a key for new connections", a, a + `ping.timeout = "5s"`, []config.Change{change("ping.timeout", config.New, `"20s"`, `"5s"`)}},
		{"the address", a, "[instance.a]\nport = 2\nhost = '::1'", []config.Change{
			change("host", config.Rebind, `"127.0.0.1"`, `"::1"`), change("port", config.Rebind, "1", "2"),
		}},
		{"a key that needs a restart", a, a + `path = "/ws"`, []config.Change{change("path", config.Restart, `"/socket.io/"`, `"/ws"`)}},
		{"a list", a, a + `namespaces = ["/", "/b"]`, []config.Change{change("namespaces", config.Live, `["/"]`, `["/", "/b"]`)}},
		{"a key of the process", a, a + "[fleet]\npollers = 2", []config.Change{{Key: "fleet.pollers", Class: config.Process, Old: "0", New: "2"}}},
		{"a secret", "[admin]\ntoken = 'a'", "[admin]\ntoken = 'b'", []config.Change{{Key: "admin.token", Class: config.Live, Old: `"***"`, New: `"***"`}}},
		{"an instance is added", "", a, []config.Change{{Instance: "a", Class: config.Added, New: "127.0.0.1:1"}}},
		{"an instance is removed", a, "", []config.Change{{Instance: "a", Class: config.Removed, Old: "127.0.0.1:1"}}},
		{"an instance is disabled", a, a + "enabled = false", []config.Change{change("enabled", config.Disabled, "true", "false")}},
		{"an instance is enabled", a + "enabled = false", a, []config.Change{change("enabled", config.Enabled, "false", "true")}},
		{"a default reaches each instance", a + "[instance.b]\nport = 2", "[defaults]\npollers = 3\n" + a + "[instance.b]\nport = 2\npollers = 0", []config.Change{change("pollers", config.Restart, "0", "3")}},
		{"auth is set", a, a + "auth = { mode = 'token', tokens = ['x'] }", []config.Change{change("auth", config.Live, "", "set")}},
		{"auth is removed", a + "auth = { mode = 'token', tokens = ['x'] }", a, []config.Change{change("auth", config.Live, "set", "")}},
		{"a token is rotated", a + "auth = { mode = 'token', tokens = ['x'] }", a + "auth = { mode = 'token', tokens = ['y', 'x'] }", []config.Change{
			change("auth.tokens", config.Live, `["***"]`, `["***", "***"]`),
		}},
		{"tls is set", a, a + "tls = { cert_file = 'one.pem', key_file = 'one.pem' }", []config.Change{change("tls", config.Rebind, "", "set")}},
		{"the worker is set", a, a + "worker = { command = ['x'] }", []config.Change{change("worker", config.Worker, "", "set")}},
		{"the worker's command", a + "worker = { command = ['x'] }", a + "worker = { command = ['y'], env = { A = '1' } }", []config.Change{
			change("worker.command", config.Worker, `["x"]`, `["y"]`), change("worker.env", config.Worker, "{}", `{A = "1"}`),
		}},
		{"a cluster is set", a, a + "cluster = { url = 'redis://x' }", []config.Change{change("cluster", config.Restart, "", "set")}},
		{"a rule is added", a + "on.x = {}", a + "on = { x = {}, 'y.*' = { to = 'all' } }", []config.Change{change(`on."y.*"`, config.Live, "", "set")}},
		{"a rule is changed", a + "on.x = {}", a + "on.x.to = 'all'", []config.Change{change("on.x.to", config.Live, "[]", `["all"]`)}},
		{"a further emit is added", a + "on.x = { also = [{ emit = 'y' }] }", a + "on.x = { also = [{ emit = 'z' }, { emit = 'y' }] }", []config.Change{
			change("on.x.also[0].emit", config.Live, `"y"`, `"z"`), change("on.x.also[1]", config.Live, "", "set"),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := config.Diff(loadText(t, tt.old), loadText(t, tt.new))
			if !slices.Equal(got, tt.want) {
				t.Errorf("Diff = %+v\nwant %+v", got, tt.want)
			}
		})
	}
	if got := config.Diff(nil, nil); len(got) > 0 {
		t.Errorf("Diff of nothing = %v", got)
	}
}
