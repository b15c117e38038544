package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/config"
)

// rewrite replaces the text of a file in place, as many editors do.
func rewrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestWhatChangesWhileItIsReadIsReadAgain saves something else while a Load is under way, after it has read the files: the check of an instance
// is the moment for that.
func TestWhatChangesWhileItIsReadIsReadAgain(t *testing.T) {
	t.Parallel()
	const main = "include = [\"conf.d/*.toml\"]\n[instance.a]\nport = 3001\npath = \"/one/\"\nauth = { mode = \"token\", tokens_file = \"tokens\" }\n"
	for _, c := range []struct {
		name string
		save func(t *testing.T, dir string)
		want string // path of a, token of a, path of b
	}{
		{"nothing", func(*testing.T, string) {}, "/one/ first /b/"},
		{"the main file", func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "sockd.toml"), strings.Replace(main, "/one/", "/two/", 1)) // of the same length
		}, "/two/ first /b/"},
		{"the main file and a fragment", func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "sockd.toml"), strings.Replace(main, "/one/", "/two/", 1))
			rewrite(t, filepath.Join(dir, "conf.d", "b.toml"), "[instance.b]\nport = 3002\npath = \"/c/\"\n")
		}, "/two/ first /c/"},
		{"a secret", func(t *testing.T, dir string) { rewrite(t, filepath.Join(dir, "tokens"), "second\n") }, "/one/ second /b/"},
		{"a rename over the main file", func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "new"), strings.Replace(main, "/one/", "/six/", 1))
			if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "sockd.toml")); err != nil {
				t.Fatal(err)
			}
		}, "/six/ first /b/"},
		{"a fragment that goes", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "conf.d", "b.toml")); err != nil {
				t.Fatal(err)
			}
		}, "/one/ first"},
		{"a fragment that comes", func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "conf.d", "c.toml"), "[instance.c]\nport = 3003\n")
		}, "/one/ first /b/ and c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "conf.d"), 0o700); err != nil {
				t.Fatal(err)
			}
			rewrite(t, filepath.Join(dir, "sockd.toml"), main)
			rewrite(t, filepath.Join(dir, "tokens"), "first\n")
			rewrite(t, filepath.Join(dir, "conf.d", "b.toml"), "[instance.b]\nport = 3002\npath = \"/b/\"\n")
			saved := false
			got, err := config.Load(filepath.Join(dir, "sockd.toml"), func(*config.Instance) []config.Complaint {
				if !saved {
					saved = true
					c.save(t, dir)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			a := got.Instances["a"]
			text := a.Path + " " + string(a.Auth.Tokens[0])
			if b := got.Instances["b"]; b != nil {
				text += " " + b.Path
			}
			if got.Instances["c"] != nil {
				text += " and c"
			}
			if text != c.want {
				t.Errorf("got %q, want %q", text, c.want)
			}
			if got.Stale() {
				t.Error("stale right after it was read")
			}
			rewrite(t, filepath.Join(dir, "tokens"), "third, and longer\n")
			if !got.Stale() {
				t.Error("not stale after an edit")
			}
		})
	}
}

// A fault that is only one of a file in the middle of being saved is not reported.
func TestAFaultOfHalfAFileIsReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, part := filepath.Join(dir, "sockd.toml"), filepath.Join(dir, "part.toml")
	rewrite(t, file, "include = [\"part.toml\"]\n[instance.a]\nport = 3001\n")
	rewrite(t, part, "[instance.b]\nport = \n")
	saved := false
	got, err := config.Load(file, func(*config.Instance) []config.Complaint {
		if !saved {
			saved = true
			rewrite(t, part, "[instance.b]\nport = 3002\n")
		}
		return nil
	})
	if err != nil || got.Instances["b"] == nil {
		t.Fatalf("got %v, %v", got, err)
	}
}

// A file that is never the same is refused, and never applied by halves.
func TestAFileThatIsWrittenAllTheTimeIsAFault(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sockd.toml")
	rewrite(t, file, "[instance.a]\nport = 3001\n")
	begun := time.Now()
	_, err := config.Load(file, func(*config.Instance) []config.Complaint {
		rewrite(t, file, "[instance.a]\nport = 3001\n# "+time.Now().String()+"\n")
		return nil
	})
	var faults *config.Errors
	if !errors.As(err, &faults) || len(faults.List) != 1 || faults.List[0].File != file || !strings.Contains(err.Error(), "is being written") {
		t.Fatalf("got %v", err)
	}
	if len(faults.Watch) != 1 || faults.Watch[0] != file || !faults.Stale() {
		t.Errorf("watch %v, stale %v", faults.Watch, faults.Stale())
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// A file whose size the system does not tell, as in /proc, is read like any other.
func TestAFileOfNoTrueSize(t *testing.T) {
	t.Parallel()
	const hostname = "/proc/sys/kernel/ostype"
	if info, err := os.Stat(hostname); err != nil || info.Size() != 0 {
		t.Skip("there is no such file here")
	}
	file := filepath.Join(t.TempDir(), "sockd.toml")
	rewrite(t, file, "[instance.a]\nport = 3001\nauth = { mode = \"token\", tokens_file = \""+hostname+"\" }\n")
	got, err := config.Load(file)
	if err != nil || string(got.Instances["a"].Auth.Tokens[0]) == "" {
		t.Fatalf("got %v", err)
	}
}
