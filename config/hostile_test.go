package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/config"
)

// TestHostileFiles: whatever is in a file, the time to answer grows with its size, not with the square of it, and no answer is a
// crash. What is refused before the library sees it has the largest size, the others are small enough for the race detector.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	const size, largest = 128 << 10, 4 << 20
	fill := func(prefix, part, suffix string) string {
		size := size
		if suffix == "" || strings.HasSuffix(part, ".a") {
			size = largest
		}
		return prefix + strings.Repeat(part, (size-len(prefix)-len(suffix))/len(part)) + suffix
	}
	var inline, lines, tables strings.Builder
	inline.WriteString("x = {")
	for i := 0; inline.Len() < size-20; i++ {
		fmt.Fprintf(&inline, "k%d=1,", i)
	}
	for i := 0; lines.Len() < size-20; i++ {
		fmt.Fprintf(&lines, "k%d=1\n", i)
	}
	for i := 0; tables.Len() < size; i++ {
		fmt.Fprintf(&tables, "[instance.i%d]\nport=%d\n", i, i%70000)
	}
	files := map[string]string{
		"open brackets":        fill("a = ", "[", ""),
		"open tables":          fill("a = ", "{a=", ""),
		"one dotted key":       fill("a", ".a", " = 1"),
		"one dotted header":    fill("[a", ".a", "]"),
		"one word":             fill("", "a", ""),
		"one key":              fill("", "a", " = 1"),
		"one string":           fill("[fleet]\nname = \"", "a", "\""),
		"a string of escapes":  fill("[fleet]\nname = \"", `\u0061`, "\""),
		"a string of ends":     fill("[fleet]\nname = \"\"\"", "\\\n", "\"\"\""),
		"dollar signs":         fill("[fleet]\nname = \"", "$$", "\""),
		"variables":            fill("[fleet]\nname = \"", "${SET}", "\""),
		"empty arrays":         fill("x = [", "[],", "]"),
		"array tables":         fill("", "[[x]]\n", "\n"),
		"many keys, one line":  inline.String() + "}",
		"many keys":            lines.String(),
		"many instances":       tables.String(),
		"quotes":               fill("a = ", "\"", ""),
		"new lines":            fill("", "\n", "a"),
		"zeros":                fill("", "\x00", ""),
		"not UTF-8":            fill("a = '", "\xff", "'"),
		"an array of one type": fill("[instance.a]\nnamespaces = [", "1,", "]"),
	}
	dir := t.TempDir()
	for name, text := range files {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, "sockd.toml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			_, err := config.LoadAll(file, environment, false)
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("Load took %v", took)
			}
			if err != nil && len(err.Error()) > 1<<20 {
				t.Errorf("Load = %.200v", err)
			}
		})
	}
}
