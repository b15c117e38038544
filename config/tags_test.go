package config_test

import (
	"bytes"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sockd/sockd/config"
)

// everyField visits each field that a file can set, once per table type.
func everyField(t reflect.Type, seen map[reflect.Type]bool, visit func(table reflect.Type, f reflect.StructField)) {
	if seen[t] {
		return
	}
	seen[t] = true
	for _, f := range config.Fields(t) {
		visit(t, f)
		if config.IsLeaf(f.Type) {
			continue
		}
		inner := f.Type
		for inner.Kind() != reflect.Struct {
			inner = inner.Elem()
		}
		everyField(inner, seen, visit)
	}
}

// TestTags reads every tag once: what is wrong in one must not wait for a user.
func TestTags(t *testing.T) {
	t.Parallel()
	classes := []string{"live", "new", "rebind", "worker", "restart", "process"}
	known := []string{"toml", "default", "reload", "check", "path", "later", "soon"}
	leaves := 0
	everyField(config.Documents, make(map[reflect.Type]bool), func(table reflect.Type, f reflect.StructField) {
		name := table.Name() + "." + f.Name
		class := f.Tag.Get("reload")
		switch {
		case f.Type.Kind() == reflect.Struct && !config.IsLeaf(f.Type):
			if class != "" {
				t.Errorf("%s is always there, its keys have classes of their own", name)
			}
		case !slices.Contains(classes, class):
			t.Errorf("%s has the class %q", name, class)
		}
		if text, ok := f.Tag.Lookup("default"); ok {
			if err := config.SetDefault(reflect.New(f.Type).Elem(), text); err != nil {
				t.Errorf("%s: default %q: %v", name, text, err)
			}
		}
		for rule := range strings.SplitSeq(f.Tag.Get("check"), ",") {
			word, _, _ := strings.Cut(rule, "=")
			if !slices.Contains([]string{"", "positive", "min", "max", "some", "unique", "oneof"}, word) && !config.HasForm(word) {
				t.Errorf("%s: no rule %q", name, word)
			}
		}
		for part := range strings.SplitSeq(strings.TrimSuffix(string(f.Tag), `"`), `" `) {
			if key, _, _ := strings.Cut(part, ":"); !slices.Contains(known, key) {
				t.Errorf("%s: no tag %q", name, key)
			}
		}
		if p := f.Tag.Get("path"); !slices.Contains([]string{"", "any", "file", "schema", "secret"}, p) {
			t.Errorf("%s: no kind of path %q", name, p)
		}
		leaves++
	})
	if leaves < 150 {
		t.Errorf("only %d fields were visited", leaves)
	}
}

// TestEverySecretMayStandInAFile: each secret x has a key x_file beside it, and the two exclude each other.
func TestEverySecretMayStandInAFile(t *testing.T) {
	t.Parallel()
	secret := reflect.TypeFor[config.Secret]()
	everyField(config.Documents, make(map[reflect.Type]bool), func(table reflect.Type, f reflect.StructField) {
		key := f.Tag.Get("toml")
		isSecret := f.Type == secret || f.Type.Kind() == reflect.Slice && f.Type.Elem() == secret
		if f.Tag.Get("path") == "secret" && config.OtherHalf(key) == "" {
			t.Errorf("%s.%s is no secret's file", table.Name(), f.Name)
		}
		if !isSecret {
			return
		}
		file := slices.ContainsFunc(config.Fields(table), func(g reflect.StructField) bool {
			return g.Tag.Get("toml") == key+"_file" && g.Tag.Get("path") == "secret"
		})
		if !file || config.OtherHalf(key) != key+"_file" {
			t.Errorf("%s.%s has no %s_file", table.Name(), f.Name, key)
		}
	})
}

func TestReference(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := config.Reference(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "keys.golden.md"), b.String())
}
