package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sockd/sockd/config"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	file := write(t, filepath.Join(t.TempDir(), "sockd.toml"), `[instance.near]
port = 1
[instance.open]
host = "0.0.0.0"
port = 2
[instance.off]
host = "0.0.0.0"
port = 3
enabled = false
[instance.guarded]
host = "::"
port = 4
[instance.guarded.auth]
mode = "token"
tokens = ["x"]
`)
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	list := config.Warnings(c)
	if len(list) != 1 {
		t.Fatalf("got %v", list)
	}
	if got, want := list[0].Error(), file+":4:1: instance.open.host: other machines can reach it, and without [instance.open.auth] anybody may connect"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestContents changes a file that a key names, and nothing else.
func TestContents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	schema := write(t, filepath.Join(dir, "s.json"), `{"type": "array"}`)
	file := write(t, filepath.Join(dir, "sockd.toml"), `[instance.a]
port = 1
[instance.a.on.message]
schema = "s.json"
[instance.a.on.other]
schema = '{"type": "string"}'
`)
	load := func() *config.Config {
		c, err := config.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := load()
	x := before.Instances["a"]
	if got := x.SchemaOf(x.On["message"]); got != `{"type": "array"}` {
		t.Errorf("got %q from the file", got)
	}
	if got := x.SchemaOf(x.On["other"]); got != `{"type": "string"}` {
		t.Errorf("got %q of a text", got)
	}
	write(t, schema, `{"type": "array", "maxItems": 1}`)
	after := load()
	if before.Digest == after.Digest {
		t.Error("the digest is the same")
	}
	changes := config.Diff(before, after)
	if len(changes) != 1 || changes[0].Key != "on.message.schema" || changes[0].Class != config.Live {
		t.Errorf("got %+v", changes)
	}
}

// TestChecks has the caller find faults in keys that are sound for this package.
func TestChecks(t *testing.T) {
	t.Parallel()
	file := write(t, filepath.Join(t.TempDir(), "sockd.toml"), "[instance.a]\nport = 1\n[instance.a.on.message]\nargs = \"bad\"\n[instance.b]\nport = 0\n")
	asked := 0
	_, err := config.Load(file, func(*config.Instance) []config.Complaint {
		asked++
		return []config.Complaint{{Key: []string{"on", "message", "args"}, Message: "does not compile"}}
	})
	want := file + ":4:1: instance.a.on.message.args: does not compile\n" + file + ":6:1: instance.b.port: must be from 1 to 65535"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if asked != 1 {
		t.Errorf("asked %d times: an instance with faults is not checked further", asked)
	}
}
