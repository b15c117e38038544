package config

import (
	"io"
	"reflect"

	"github.com/BurntSushi/toml"
)

// LoadAll is Load with its own variables, and with the keys that are not supported yet if later is true: their rules are tested too.
func LoadAll(path string, env map[string]string, later bool) (*Config, error) {
	return load(path, func(name string) (string, bool) { s, ok := env[name]; return s, ok }, later)
}

// ShowSecrets is Show without masks.
func ShowSecrets(w io.Writer, c *Config) error { return show(w, c, leaf.text) }

// Find is Lookup in a given environment.
var Find = find

var (
	Expand        = expand
	Nearest       = nearest
	ParseDuration = parseDuration
	ParseSize     = parseSize
	ParsePort     = parsePort
)

// Documents are the tables that a file consists of.
var Documents = reflect.TypeFor[document]()

// Fields lists the keys of a table type.
func Fields(t reflect.Type) (list []reflect.StructField) {
	for _, f := range fields(t) {
		list = append(list, f.StructField)
	}
	return list
}

// IsLeaf reports whether a field is a key with a value, not a table.
func IsLeaf(t reflect.Type) bool { return kind(t) == kindLeaf }

// SetDefault checks the tag default of a field.
func SetDefault(v reflect.Value, text string) error { return setDefault(v, text) }

// HasForm reports whether the tag check knows a rule.
func HasForm(name string) bool { _, ok := forms[name]; return ok }

// OtherHalf is the key that a secret excludes.
var OtherHalf = otherHalf

// Unplaced returns a key that the library finds in a text and the scanner does not, or "". ok is false if the library refuses the text,
// or the scanner's bounds do.
func Unplaced(text string) (key string, ok bool) {
	root, limit, _ := scan(text)
	if limit != "" {
		return "", false
	}
	var doc map[string]any
	md, err := toml.Decode(text, &doc)
	if err != nil {
		return "", false
	}
	for _, k := range md.Keys() {
		if !placed(root, k) {
			return k.String(), true
		}
	}
	return "", true
}

// placed reports whether any of the tables that the parts may lead through has the key: the library does not say which element
// of an array it means.
func placed(m *mark, key []string) bool {
	if len(key) == 0 {
		return true
	}
	if c := m.sub[key[0]]; c != nil && placed(c, key[1:]) {
		return true
	}
	for _, i := range m.items {
		if placed(i, key) {
			return true
		}
	}
	return false
}
