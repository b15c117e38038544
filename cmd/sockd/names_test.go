package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestPick(t *testing.T) {
	t.Parallel()
	known := []string{"api", "api-2", "chat", "shop"}
	for _, tt := range []struct {
		name, patterns, want, fault string
	}{
		{"nothing", "", "", ""},
		{"a name", "chat", "chat", ""},
		{"in the order of the file", "shop api", "api shop", ""},
		{"twice", "api a*", "api api-2", ""},
		{"all", "*", "api api-2 chat shop", ""},
		{"no name", "chta", "", `no instance "chta" in sockd.toml, did you mean "chat"?`},
		{"one of two", "chat nope*", "", `no instance "nope*" in sockd.toml`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := pick(known, strings.Fields(tt.patterns), "sockd.toml")
			if tt.fault != "" {
				var coded *exitError
				if !errors.As(err, &coded) || coded.code != exitUnreachable || err.Error() != tt.fault {
					t.Errorf("got %v, want %s", err, tt.fault)
				}
				return
			}
			if err != nil || !slices.Equal(got, strings.Fields(tt.want)) {
				t.Errorf("got %v, %v, want %s", got, err, tt.want)
			}
		})
	}
	if _, err := pick(nil, []string{"a"}, "f"); err == nil || err.Error() != `no instance "a" in f` {
		t.Errorf("without instances: %v", err)
	}
}
