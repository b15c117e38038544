package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockd/sockd/config"
)

func seeds(f *testing.F) {
	for _, file := range testFiles(f, "*.toml") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), strings.HasPrefix(filepath.Base(file), "later-"))
	}
}

// FuzzLoad: no bytes make Load panic; a refusal says at least one thing and every fault has its place in the text; what is accepted
// and shown means the same.
func FuzzLoad(f *testing.F) {
	seeds(f)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string, later bool) {
		file := filepath.Join(dir, "sockd.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.LoadAll(file, environment, later)
		if err == nil {
			roundTrip(t, c, later)
			return
		}
		var faults *config.Errors
		if !errors.As(err, &faults) || len(faults.List) == 0 {
			t.Fatalf("Load = %v, %v", c, err)
		}
		lines := strings.Count(text, "\n") + 1
		for _, e := range faults.List {
			if e.File != file {
				continue // included
			}
			if e.Line < 1 || e.Line > lines || e.Col < 1 || e.Message == "" || strings.Count(e.Snippet, "\n") != 1 {
				t.Errorf("fault without a place: %+v", e)
			}
		}
	})
}

// FuzzScan: where the library reads a text, the scanner knows the place of every key.
func FuzzScan(f *testing.F) {
	seeds(f)
	for _, s := range []string{
		"a.b.\"c d\" = 1\n'x' = [1, [2, {y = 3}], 1979-05-27 07:32:00]\n", "[[a.b]]\nc = 1\n[[a.b]]\nc = 2\n[a.b.d]\ne = \"\"\"x\\\"\"\"\"\"\n",
		"a = '''b'''''\nc = \"#\" # d\n", "\"\\u0061\" = 1", "a = {\n b = 1, # x\n c.d = [ ],\n}", "\"\" = 1\n[''.x]\ny = 1", "a = \"\"\"\\\n  b\"\"\"\nc = 2\n",
	} {
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, text string, _ bool) {
		if key, ok := config.Unplaced(strings.TrimPrefix(text, "\ufeff")); ok && key != "" {
			t.Errorf("the scanner does not know where %s stands in\n%s", key, text)
		}
	})
}
