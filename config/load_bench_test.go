package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockd/sockd/config"
)

// BenchmarkLoad reads a file of 500 instances: most of what an edit of one among many costs.
func BenchmarkLoad(b *testing.B) {
	var text strings.Builder
	for i := range 500 {
		fmt.Fprintf(&text, "[instance.i%d]\nport = %d\n", i, 10000+i)
	}
	file := filepath.Join(b.TempDir(), "sockd.toml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := config.Load(file); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDiff compares two revisions of 500 instances that are the same.
func BenchmarkDiff(b *testing.B) {
	var text strings.Builder
	for i := range 500 {
		fmt.Fprintf(&text, "[instance.i%d]\nport = %d\n", i, 10000+i)
	}
	file := filepath.Join(b.TempDir(), "sockd.toml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	old, err := config.Load(file)
	if err != nil {
		b.Fatal(err)
	}
	next, err := config.Load(file)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if d := config.Diff(old, next); len(d) != 0 {
			b.Fatal(d)
		}
	}
}
