package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/config/watch"
)

// What is saved after a file was read and before the watcher looks at it is not missed: nobody would ever tell.
func TestNoEditIsLostBetweenReadingAndWatching(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, before, after string }{
		{"of a good file", "[instance.b]\nport = 3002\n", "[instance.b]\nport = 3003\n"},
		{"of a faulty one", "[instance.b]\nport = 3002x\n", "[instance.b]\nport = 3003\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file, part := filepath.Join(dir, "sockd.toml"), filepath.Join(dir, "part.toml")
			write := func(path, text string) {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(file, "include = [\"part.toml\"]\n")
			write(part, c.before)
			w, err := watch.New(0)
			if err != nil {
				t.Fatal(err)
			}
			reads := 0
			load := func(path string) (*config.Config, error) {
				cfg, err := config.Load(path)
				if reads++; reads == 1 {
					write(part, c.after)
				}
				return cfg, err
			}
			cfg, err := loadWatched(file, load, w)()
			if err != nil || cfg.Instances["b"].Port.First != 3003 || reads != 2 {
				t.Fatalf("got %v, %v after %d reads", cfg, err, reads)
			}
		})
	}
}
