package interpreter

import (
	"strings"
)

// table holds the strings of a TOML file by section and key. It knows what the files of these tools need and no more: sections, and keys with a
// string, or with an array whose first string is taken.
type table map[string]map[string]string

func (t table) get(section, key string) string { return t[section][key] }

// has reports whether there is the section or one below it.
func (t table) has(section string) bool {
	for name := range t {
		if name == section || strings.HasPrefix(name, section+".") {
			return true
		}
	}
	return false
}

// scanTOML reads leniently: what it does not understand it passes over.
func scanTOML(text string) table {
	t := table{}
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "["); ok && !strings.Contains(before(rest, "]"), "=") {
			section = unquote(strings.Trim(before(strings.TrimLeft(rest, "["), "]"), " "))
			if t[section] == nil {
				t[section] = map[string]string{}
			}
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if t[section] == nil {
			t[section] = map[string]string{}
		}
		if v, ok := firstString(strings.TrimSpace(value)); ok {
			t[section][unquote(strings.TrimSpace(key))] = v
		}
	}
	return t
}

// firstString returns the string that a value is or begins with.
func firstString(value string) (string, bool) {
	value = strings.TrimLeft(value, "[ ")
	if rest, ok := strings.CutPrefix(value, "{"); ok { // { version = "3.12" }
		_, rest, ok = strings.Cut(rest, "version")
		if _, value, _ = strings.Cut(rest, "="); !ok {
			return "", false
		}
		value = strings.TrimSpace(value)
	}
	for _, q := range []string{`"`, `'`} {
		if rest, ok := strings.CutPrefix(value, q); ok {
			if v, _, closed := strings.Cut(rest, q); closed {
				return v, true
			}
		}
	}
	return "", false
}

func unquote(s string) string { return strings.Trim(s, `"'`) }

func before(s, sep string) string {
	s, _, _ = strings.Cut(s, sep)
	return s
}
