package config_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sockd/sockd/config"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"/", "/", true},
		{"/", "/admin", false},
		{"*", "/any/thing", true},
		{"*", "", true},
		{"/room-*", "/room-1", true},
		{"/room-*", "/room-", true},
		{"/room-*", "/rooms", false},
		{"*.done", "job.done", true},
		{"*.done", "job.done.not", false},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "acb", false},
		{"a*a", "a", false},
		{"", "", true},
		{"**", "x", true},
	}
	for _, tt := range tests {
		if got := config.Match(tt.pattern, tt.name); got != tt.want {
			t.Errorf("Match(%q, %q) = %v, want %v", tt.pattern, tt.name, got, tt.want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a*b*c", "axxbxxc")
	f.Add("*", "")
	f.Add("**a", "ba")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 64 || len(name) > 256 || !utf8.ValidString(pattern) || !utf8.ValidString(name) {
			return
		}
		parts := strings.Split(pattern, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		re := regexp.MustCompile(`(?s)\A` + strings.Join(parts, `.*`) + `\z`)
		if got, want := config.Match(pattern, name), re.MatchString(name); got != want {
			t.Errorf("Match(%q, %q) = %v, a regular expression says %v", pattern, name, got, want)
		}
	})
}
