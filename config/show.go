package config

import (
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Show writes c as one TOML file, with includes and [defaults] resolved, defaults filled in, paths absolute and secrets masked.
// [Load] reads it back with the same meaning, but for the masked secrets: a key that is not supported yet is left out while it
// has its default, and a secret from a file is shown as that file. The order is that of the documentation, instances by name.
func Show(w io.Writer, c *Config) error {
	return show(w, c, leaf.shown)
}

// Copy is Show for who wants to load it again: whole is false if a secret that stands in the file itself had to be masked.
func Copy(w io.Writer, c *Config) (whole bool, err error) {
	whole = true
	err = show(w, c, func(l leaf) string {
		if l.secret && l.value.Len() > 0 {
			whole = false
		}
		return l.shown()
	})
	return whole, err
}

// ShowOrigins is Show of the file at path, with a comment behind each value that says where it was written, or that nobody wrote it. Such a key
// has its default. The error is that of [Load].
func ShowOrigins(w io.Writer, path string, checks ...Check) error {
	c, l, err := loadTree(path, os.LookupEnv, false, checks...)
	if err != nil {
		return err
	}
	return (&printer{text: leaf.shown, origin: l.origin}).show(w, c)
}

// origin says where a key was written.
func (l *loader) origin(key keyPath) string {
	n := l.root
	if key[0] == "instance" {
		n, key = l.merged[key[1]], key[2:]
	}
	if n = n.get(key...); n == nil {
		return "default"
	}
	at := n.place()
	return at.file + ":" + strconv.Itoa(at.line)
}

func show(w io.Writer, c *Config, text func(leaf) string) error {
	return (&printer{text: text}).show(w, c)
}

func (p *printer) show(w io.Writer, c *Config) error {
	if !c.Admin.Written {
		p.skip = "admin.listen" // to write it would fix the port
	}
	p.table([]string{"fleet"}, reflect.ValueOf(c.Fleet))
	p.table([]string{"admin"}, reflect.ValueOf(c.Admin))
	p.table([]string{"log"}, reflect.ValueOf(c.Log))
	for _, name := range slices.Sorted(maps.Keys(c.Instances)) {
		p.table([]string{"instance", name}, reflect.ValueOf(*c.Instances[name]))
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// printer writes tables: first the keys of a table, then the tables inside it, as TOML demands.
type printer struct {
	b    strings.Builder
	text func(leaf) string
	skip string // a key that is left out

	origin func(keyPath) string // nil = is not shown
	listed bool                 // in an element of a list of tables, whose place is that of the list
}

func (p *printer) table(key keyPath, v reflect.Value) { p.write(key, v, "["+headerKey(key)+"]") }

func (p *printer) write(key keyPath, v reflect.Value, header string) {
	var lines []string
	for _, f := range fields(v.Type()) {
		if kind(f.Type) == kindLeaf {
			if line := p.line(key, f, v); line != "" {
				lines = append(lines, line)
			}
		}
	}
	if len(lines) > 0 || !alwaysThere(key) {
		if p.b.Len() > 0 {
			p.b.WriteByte('\n')
		}
		p.b.WriteString(header + "\n" + strings.Join(lines, ""))
	}
	for _, f := range fields(v.Type()) {
		p.nested(appended(key, f.key), v.FieldByIndex(f.Index))
	}
}

// alwaysThere reports whether a table may lack its header, as Load makes it anyway.
func alwaysThere(key keyPath) bool {
	return key[0] != "instance" || len(key) > 2 && plainTables[key[len(key)-1]]
}

// plainTables are the tables of an instance that exist without being written.
var plainTables = func() map[string]bool {
	set := make(map[string]bool)
	for _, f := range fields(reflect.TypeFor[Instance]()) {
		set[f.key] = kind(f.Type) == kindTable
	}
	return set
}()

// line returns one key with its value, or "" for a key that Show leaves out.
func (p *printer) line(key keyPath, f field, v reflect.Value) string {
	l := leaf{key: appended(key, f.key), field: f.StructField, value: v.FieldByIndex(f.Index), secret: holdsSecret(f.Type)}
	if l.value.Kind() == reflect.Map && l.value.Len() == 0 || p.skip != "" && keyPath(l.key).String() == p.skip {
		return ""
	}
	if f.Tag.Get("later") == "true" && isDefault(f, l.value) {
		return ""
	}
	for _, g := range fields(v.Type()) {
		if l.secret && g.key == f.key+fileSuffix && v.FieldByIndex(g.Index).String() != "" {
			return ""
		}
	}
	line := quoteKey(f.key) + " = " + p.text(l)
	if p.origin != nil && !p.listed {
		line += " # " + p.origin(l.key)
	}
	return line + "\n"
}

func isDefault(f field, v reflect.Value) bool {
	d := reflect.New(v.Type()).Elem()
	if err := setDefault(d, f.Tag.Get("default")); err != nil {
		return false
	}
	return literal(d) == literal(v)
}

func (p *printer) nested(key keyPath, v reflect.Value) {
	switch kind(v.Type()) {
	case kindTable:
		p.table(key, v)
	case kindOptional:
		if !v.IsNil() {
			p.table(key, v.Elem())
		}
	case kindNamed:
		for _, name := range sortedNames(v) {
			p.table(appended(key, name), v.MapIndex(reflect.ValueOf(name)).Elem())
		}
	case kindTables:
		p.listed = true
		for i := range v.Len() {
			p.write(key, v.Index(i), "["+"["+headerKey(key)+"]"+"]")
		}
		p.listed = false
	}
}

func headerKey(key keyPath) string {
	parts := make([]string, len(key))
	for i, k := range key {
		parts[i] = quoteKey(k)
	}
	return strings.Join(parts, ".")
}
