package service_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sockd/sockd/fleet/service"
)

// words reads a line as systemd does: quotes, then backslashes, with %% and, where variables are replaced, $$ standing for one.
func words(line string, variables bool) (list []string) {
	var word strings.Builder
	var quote byte
	inside := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inside = c, true
		case quote == 0 && c == ' ':
			if inside {
				list = append(list, word.String())
			}
			word.Reset()
			inside = false
			continue
		default:
			word.WriteByte(c)
		}
		inside = true
	}
	list = append(list, word.String())
	for i, w := range list {
		w = strings.ReplaceAll(w, "%%", "%")
		if variables && i > 0 {
			w = strings.ReplaceAll(w, "$$", "$")
		}
		list[i] = w
	}
	return list
}

func setting(text, key string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), key+"="); ok {
			return value
		}
	}
	return ""
}

func FuzzPathsInAUnit(f *testing.F) {
	for _, path := range []string{"plain", "a b", "100%", "%%", "%i", `"`, `\`, `\x41`, "'", "$HOME", "$$", "${A}", ";", "#", "a\nb", "\xff", "ä", " ", `\" ;`} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u := plainUnit
		u.Program, u.Config, u.StateDir = "/p"+path, "/c"+path, "/s"+path
		text, err := u.Text(service.Systemd)
		if err != nil {
			return
		}
		got := words(setting(text, "ExecStart"), true)
		if want := []string{u.Program, "fleet", "run", "-c", u.Config, "--state-dir", u.StateDir}; !slices.Equal(got, want) {
			t.Errorf("ExecStart: got %q, want %q", got, want)
		}
		if got := words(setting(text, "ReadWritePaths"), false); !slices.Equal(got, []string{u.StateDir}) {
			t.Errorf("ReadWritePaths: got %q, want %q", got, u.StateDir)
		}
		plain, err := plainUnit.Text(service.Systemd)
		must(t, err)
		if strings.Count(text, "\n") != strings.Count(plain, "\n") && !strings.HasPrefix(path, "/tmp") {
			t.Errorf("a path has added a line:\n%s", text)
		}
	})
}
