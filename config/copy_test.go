package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/sockd/sockd/config"
)

// A copy is whole unless a secret stands in the file itself.
func TestCopyKnowsWhatItMasks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		whole      bool
	}{
		{"nothing", "", true},
		{"no secret", "[instance.a]\nport = 3001\n", true},
		{"an empty secret", "[admin]\ntoken = \"\"\n", true},
		{"a secret", "[admin]\ntoken = \"hunter2\"\n", false},
		{"a secret of an instance", "[instance.a]\nport = 3001\n[instance.a.ingest]\npath = \"/in\"\ntoken = \"hunter2\"\n", false},
		{"a list of secrets", "[instance.a]\nport = 3001\n[instance.a.auth]\nmode = \"token\"\ntokens = [\"hunter2\"]\n", false},
		{"a secret of a file", "[admin]\ntoken_file = \"secret\"\n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range map[string]string{"secret": "hunter2\n", "sockd.toml": tt.text} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c, err := config.Load(filepath.Join(dir, "sockd.toml"))
			if err != nil {
				t.Fatal(err)
			}
			var shown, copied bytes.Buffer
			if err := config.Show(&shown, c); err != nil {
				t.Fatal(err)
			}
			whole, err := config.Copy(&copied, c)
			if err != nil || whole != tt.whole || copied.String() != shown.String() {
				t.Errorf("got %v, %v, want %v\n%s", whole, err, tt.whole, copied.String())
			}
			if bytes.Contains(copied.Bytes(), []byte("hunter2")) {
				t.Errorf("the secret is shown:\n%s", copied.String())
			}
		})
	}
}
