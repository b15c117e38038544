package config

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// The values of the tag path.
const (
	pathAny    = "any"    // made absolute; may be absent
	pathFile   = "file"   // must be readable
	pathSecret = "secret" // must be readable; its content is the value of the key without "_file"
	pathSchema = "schema" // must be readable and JSON, unless it is a JSON text itself
)

// paths makes the paths of one key absolute, each relative to the file that wrote it. "" stays "".
func (d *decoder) paths(n *node, f field, v reflect.Value) {
	tag := f.Tag.Get("path")
	if tag == "" {
		return
	}
	each(n, v, func(n *node, v reflect.Value) {
		if v.String() == "" {
			return
		}
		if tag == pathSchema && inline(v.String()) {
			d.schema(n, v.String(), "")
			return
		}
		path, err := resolve(v.String(), filepath.Dir(n.src.path), d.lookup)
		if err != nil {
			d.at(n, "%v", err)
			return
		}
		v.SetString(path)
		switch tag {
		case pathFile:
			d.content(n, path)
		case pathSchema:
			if text, ok := d.content(n, path); ok {
				d.schema(n, text, path)
			}
		}
	})
}

// inline reports whether a schema is written as such, and not the path of one.
func inline(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "{") || s == "true" || s == "false"
}

func (d *decoder) schema(n *node, text, path string) {
	var v any
	err := json.Unmarshal([]byte(text), &v)
	switch {
	case err == nil:
	case path == "":
		d.at(n, "must be JSON, or the path of a file with it: %v", err)
	default:
		d.at(n, "%q is not JSON: %v", path, err)
	}
}

// content reads a file that a key names and records it.
func (d *decoder) content(n *node, path string) (string, bool) {
	*d.looked = add(*d.looked, path)
	text, err := d.sight.read(path)
	if err != nil {
		e := d.at(n, "%q: %s", path, reason(err))
		e.err = err
		return "", false
	}
	*d.files = add(*d.files, path)
	d.contents[path] = text
	return text, true
}

func add(list []string, path string) []string {
	if slices.Contains(list, path) {
		return list
	}
	return append(list, path)
}

// secret takes the value of a key x from the file that x_file names. One newline at its end is cut. A list takes one element
// from each line; blank lines count for nothing.
func (d *decoder) secret(n *node, f field, table reflect.Value) {
	at, path := n.table[f.key], table.FieldByIndex(f.Index).String()
	if at.bad || path == "" {
		return
	}
	x := otherHalf(f.key)
	if other := n.table[x]; other != nil && (len(other.list) > 0 || other.list == nil && other.value != "") {
		d.at(at, "%s is written too, a secret stands in one place", x)
		return
	}
	text, ok := d.content(at, path)
	if !ok {
		return
	}
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	if strings.TrimSpace(text) == "" {
		d.at(at, "%q holds nothing", path)
		return
	}
	for _, g := range fields(table.Type()) {
		if v := table.FieldByIndex(g.Index); g.key == x && v.Kind() == reflect.Slice {
			v.Set(reflect.ValueOf(secretLines(text)))
		} else if g.key == x {
			v.SetString(text)
		}
	}
}

func secretLines(text string) []Secret {
	var list []Secret
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, Secret(line))
		}
	}
	return list
}

// each visits the strings of a value with the node of each: the value itself, or the elements of a list.
func each(n *node, v reflect.Value, visit func(*node, reflect.Value)) {
	if v.Kind() != reflect.Slice {
		visit(n, v)
		return
	}
	for i := range v.Len() {
		if n.list == nil {
			visit(n, v.Index(i)) // one string where a list may stand
		} else {
			visit(n.list[i], v.Index(i))
		}
	}
}
