package config_test

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sockd/sockd/config"
)

var update = flag.Bool("update", false, "write the golden files")

// environment is what the files in testdata see. EMPTY is set to nothing.
var environment = map[string]string{"HOME": "/home/user", "SET": "value", "EMPTY": ""}

// loadTestdata loads a file of testdata. A name that begins with later- is about keys that are not supported yet.
func loadTestdata(file string) (*config.Config, error) {
	return config.LoadAll(file, environment, strings.HasPrefix(filepath.Base(file), "later-"))
}

// golden compares got with a file, after it has taken this machine's folder out of it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	got = strings.ReplaceAll(got, dir, "$DIR")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

func testFiles(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s in testdata: %v", pattern, err)
	}
	return files
}

// TestBad holds one broken file per rule, with all faults that are reported for it.
func TestBad(t *testing.T) {
	t.Parallel()
	for _, file := range testFiles(t, "*.bad.toml") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".bad.toml"), func(t *testing.T) {
			c, err := loadTestdata(file)
			var faults *config.Errors
			if c != nil || !errors.As(err, &faults) {
				t.Fatalf("Load = %v, %v, want *Errors", c, err)
			}
			var b strings.Builder
			for _, f := range faults.List {
				b.WriteString(f.Error() + "\n")
				if f.Snippet != "" {
					b.WriteString("    " + strings.ReplaceAll(f.Snippet, "\n", "\n    ") + "\n")
				}
			}
			golden(t, strings.TrimSuffix(file, ".toml")+".txt", b.String())
		})
	}
}

// TestGood shows what a sound file means, and that what is shown means the same.
func TestGood(t *testing.T) {
	t.Parallel()
	for _, file := range testFiles(t, "*.good.toml") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".good.toml"), func(t *testing.T) {
			c, err := loadTestdata(file)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := config.Show(&b, c); err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".toml")+".txt", b.String()+"# files: "+strings.Join(c.Files, " ")+"\n")
			roundTrip(t, c, strings.HasPrefix(filepath.Base(file), "later-"))
		})
	}
}

// roundTrip shows c, loads that, and wants the same meaning.
func roundTrip(t *testing.T, c *config.Config, later bool) {
	t.Helper()
	var b bytes.Buffer
	if err := config.ShowSecrets(&b, c); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sockd.toml")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := config.LoadAll(file, nil, later)
	if err != nil {
		t.Fatalf("what Show wrote is refused: %v\n%s", err, b.Bytes())
	}
	if again.Digest != c.Digest {
		t.Errorf("what Show wrote means something else: %v\n%s", config.Diff(c, again), b.Bytes())
	}
	if changes := config.Diff(c, again); len(changes) > 0 {
		t.Errorf("what Show wrote differs: %v", changes)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	big := filepath.Join(dir, "big.toml")
	if err := os.WriteFile(big, make([]byte, 4<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(dir, "secret.toml")
	if err := os.WriteFile(secret, nil, 0); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path, want string
		is               error
	}{
		{"missing", filepath.Join(dir, "none.toml"), "no such file", fs.ErrNotExist},
		{"a folder", dir, "is a directory, not a file", nil},
		{"a device", "/dev/null", "is not a regular file", nil},
		{"too large", big, "is larger than 4MiB", nil},
		{"not ours", secret, "permission denied", fs.ErrPermission},
		{"no name", "", "no file is named", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.path == secret && os.Geteuid() == 0 {
				t.Skip("root may read everything")
			}
			_, err := config.Load(tt.path)
			var faults *config.Errors
			if !errors.As(err, &faults) || len(faults.List) != 1 {
				t.Fatalf("Load = %v, want one fault", err)
			}
			if got := err.Error(); got != tt.path+": "+tt.want {
				t.Errorf("Load = %q, want %q", got, tt.path+": "+tt.want)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("Load = %#v, want %v inside", err, tt.is)
			}
		})
	}
}

// TestDigestIsOfTheMeaning writes one meaning in several ways.
func TestDigestIsOfTheMeaning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	digest := func(text string) string {
		t.Helper()
		file := filepath.Join(dir, "sockd.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.LoadAll(file, environment, false)
		if err != nil {
			t.Fatal(err)
		}
		return c.Digest
	}
	want := digest("[instance.a]\nport = 1\nmax_payload = \"1024B\"\nping.interval = \"60s\"\n[instance.b]\nport = 2\nhost = \"127.0.0.1\"")
	for _, same := range []string{
		"# a comment\n[instance.b]\nport = \"2\"\n\n[instance.a]\nmax_payload=\"1KiB\"\nping = { interval = \"1m\" }\nport = 1_\u0030\u00300" + "\n",
		"[defaults]\nhost = \"127.0.0.1\"\n[instance]\na = { port = 0x1, max_payload = \"1KiB\", ping = { interval = \"0h1m\" } }\nb.port = 2\n",
	} {
		same = strings.Replace(same, "1_000", "1", 1)
		if got := digest(same); got != want {
			t.Errorf("another digest for\n%s", same)
		}
	}
	if digest("[instance.a]\nport = 1\n[instance.b]\nport = 2\n") == want {
		t.Error("another meaning has the same digest")
	}
	if digest("[admin]\ntoken = \"a\"") == digest("[admin]\ntoken = \"b\"") {
		t.Error("a rotated secret has the same digest")
	}
}

// TestWatchAfterAFault: a file that heals the fault may be one that is not there yet.
func TestWatchAfterAFault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "sockd.toml")
	text := "include = [\"conf.d/*.toml\"]\n[admin]\ntoken_file = \"token\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(file)
	var faults *config.Errors
	if !errors.As(err, &faults) {
		t.Fatalf("Load = %v", err)
	}
	for _, want := range []string{file, filepath.Join(dir, "token"), filepath.Join(dir, "conf.d", "*.toml")} {
		if !slices.Contains(faults.Watch, want) {
			t.Errorf("Watch = %q lacks %s", faults.Watch, want)
		}
	}
}

func TestManyFaults(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sockd.toml")
	var b strings.Builder
	for i := range 2000 {
		b.WriteString("k" + strings.Repeat("x", i%50) + strings.Repeat("y", i/50) + " = 1\n")
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(file)
	var faults *config.Errors
	if !errors.As(err, &faults) || len(faults.List)+faults.More != 2000 || len(faults.List) != 500 {
		t.Fatalf("%d faults and %d more, want 500 and 1500", len(faults.List), faults.More)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sockd.toml")
	if err := os.WriteFile(file, []byte("[admin]\ntoken = \"hunter2\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := config.Show(&b, c); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "hunter2") || !strings.Contains(b.String(), `token = "***"`) {
		t.Errorf("Show wrote\n%s", b.String())
	}
	for _, change := range config.Diff(nil, c) {
		if strings.Contains(change.New, "hunter2") {
			t.Errorf("Diff shows %+v", change)
		}
	}
}
