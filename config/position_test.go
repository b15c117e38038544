package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sockd/sockd/config"
)

func TestPosition(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "sockd.toml")
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("sockd.toml", "include = [\"*.part\"]\n[defaults]\nhost = \"127.0.0.2\"\n[instance.a]\nport = 1\n[instance.b]\n  host = \"::1\"\n  port = 2\n")
	write("c.part", "# fragment\n[instance]\nc = { path = \"/c/\", port = \"auto\" }\n")
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ instance, key, want string }{
		{"a", "port", "sockd.toml:5:1"},
		{"a", "host", "sockd.toml:3:1"},
		{"a", "namespaces", "sockd.toml:4:1"},
		{"a", "", "sockd.toml:4:1"},
		{"b", "host", "sockd.toml:7:3"},
		{"b", "port", "sockd.toml:8:3"},
		{"c", "port", "c.part:3:21"},
		{"nobody", "port", "sockd.toml:0:0"},
	}
	for _, tt := range tests {
		file, line, col := c.Position(tt.instance, tt.key)
		if got := fmt.Sprintf("%s:%d:%d", filepath.Base(file), line, col); got != tt.want {
			t.Errorf("%s.%s: got %s, want %s", tt.instance, tt.key, got, tt.want)
		}
	}

	// Where something is written is no part of what it means.
	write("sockd.toml", "include = [\"*.part\"]\n\n# moved\n[defaults]\nhost = \"127.0.0.2\"\n[instance.a]\nport = 1\n[instance.b]\nhost = \"::1\"\nport = 2\n")
	moved, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if moved.Digest != c.Digest || len(config.Diff(c, moved)) > 0 {
		t.Error("another place is another meaning")
	}
}
