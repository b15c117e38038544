package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/sockd/sockd/config"
)

// The schema knows every key that is supported, each with a type.
func TestSchemaIsComplete(t *testing.T) {
	t.Parallel()
	s, err := schemaOfFile()
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	if err := config.Reference(&table); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(table.String()) {
		cells := tableCells(line)
		if !strings.HasPrefix(cells[0], "`") || strings.HasPrefix(cells[0], "`[") {
			continue
		}
		key := strings.Trim(cells[0], "`")
		found := find(s, s, splitKey(key))
		if supported := !strings.HasPrefix(cells[4], "not yet"); (found != nil) != supported {
			t.Errorf("%s: in the schema %v, supported %v", key, found != nil, supported)
		}
		if found != nil && found.Description == "" {
			t.Errorf("%s: no description", key)
		}
		seen++
	}
	if seen < 60 {
		t.Errorf("only %d keys", seen)
	}
	if d := s.Properties["defaults"]; d == nil || d.Ref == "" {
		t.Error("no defaults")
	}
}

// find follows a key as the validator of an editor does.
func find(root, s *schema, path []string) *schema {
	for _, name := range path {
		if s.Ref != "" {
			s = root.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")]
		}
		name, isList := strings.CutSuffix(name, "[]")
		next := s.Properties[name]
		if isPlaceholder(name) {
			next, _ = s.Others.(*schema)
		}
		if isList && next != nil {
			next = next.Items
		}
		if next == nil {
			return nil
		}
		s = next
	}
	return s
}

func TestSchemaOfType(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typ       string
		good, bad string
	}{
		{"duration", "30s 1h30m 1d 1d12h 0 1.5s 100ms ${T} 1${T:-s}", "30 s 1x -"},
		{"size", "1MiB 1MB 10B 1.5KiB 64kB ${S}", "1 MiB 1Mb x"},
		{"port, range or `auto`", "auto 8765 8765-8785 ${PORT:-1}", "any 1- -1 x"},
	} {
		s := schemaOfType(tt.typ)
		if s.Pattern == "" {
			s = s.AnyOf[len(s.AnyOf)-1]
		}
		pattern := regexp.MustCompile(s.Pattern)
		for _, v := range strings.Fields(tt.good) {
			if !pattern.MatchString(v) {
				t.Errorf("%s: %q is refused", tt.typ, v)
			}
		}
		for _, v := range strings.Fields(tt.bad) {
			if pattern.MatchString(v) {
				t.Errorf("%s: %q is accepted", tt.typ, v)
			}
		}
	}
	if e := schemaOfType("`a` `b`"); len(e.AnyOf) == 0 || len(e.AnyOf[0].Enum) != 2 {
		t.Errorf("an enumeration: %+v", e)
	}
	if e := schemaOfType("`true`, `{args}` or jq"); len(e.AnyOf) != 2 || e.AnyOf[0].Type != "boolean" {
		t.Errorf("an ack: %+v", e)
	}
}
