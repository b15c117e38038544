package config

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decoder fills structs from nodes. It goes on after a fault, so that one run finds them all.
type decoder struct {
	*faults
	lookup func(string) (string, bool) // of environment variables
	files  *[]string                   // secrets and other files that the configuration consists of
	looked *[]string                   // these, and those that are not there
	sight  *sight

	contents map[string]string       // of files
	later    bool                    // accept keys and values that are not supported yet; for tests of their rules
	partial  bool                    // [defaults]: nothing is required
	blanks   map[blank]reflect.Value // filled with defaults once; never written to, their slices are shared
}

// fill gives v its defaults and then what n says.
func (d *decoder) fill(n *node, v reflect.Value) {
	folder := filepath.Dir(n.src.path)
	key := blank{v.Type(), folder}
	if _, ok := d.blanks[key]; !ok {
		b := reflect.New(v.Type()).Elem()
		setDefaults(b, folder)
		if d.blanks == nil {
			d.blanks = make(map[blank]reflect.Value)
		}
		d.blanks[key] = b
	}
	v.Set(d.blanks[key])
	d.table(n, v)
}

// blank names a table in which nothing is written yet. Relative defaults depend on the folder of the file.
type blank struct {
	table  reflect.Type
	folder string
}

func (d *decoder) table(n *node, v reflect.Value) {
	if n.table == nil {
		d.mismatch(n, "a table")
		return
	}
	known := fields(v.Type())
	var meant []string // known keys that are there under a mistyped name
	for _, name := range n.names() {
		i := slices.IndexFunc(known, func(f field) bool { return f.key == name })
		if i < 0 {
			meant = append(meant, d.unknown(n.table[name], known))
			continue
		}
		d.field(n.table[name], known[i], v.FieldByIndex(known[i].Index))
	}
	for _, f := range known {
		if n.table[f.key] == nil && required(f) && !d.partial && n.table[otherHalf(f.key)] == nil && !slices.Contains(meant, f.key) {
			d.below(n, []string{f.key}, "is required")
		}
	}
	for _, f := range known {
		if f.Tag.Get("path") == pathSecret && n.table[f.key] != nil {
			d.secret(n, f, v)
		}
	}
}

func required(f field) bool {
	_, hasDefault := f.Tag.Lookup("default")
	return !hasDefault && kind(f.Type) == kindLeaf && f.Type.Kind() != reflect.Map
}

// unknown reports a key that does not exist and returns the one that was probably meant, or "".
func (d *decoder) unknown(n *node, known []field) string {
	if d.full() {
		return ""
	}
	var keys []string
	for _, f := range known {
		keys = append(keys, f.key)
	}
	last := len(n.key) - 1
	where := "at the top of the file"
	if last > 0 {
		where = "in [" + n.key[:last].String() + "]"
	}
	e := n.src.fault(n.off, fmt.Sprintf("unknown key %q %s", cut(n.key[last]), where))
	meant := closest(n.key[last], keys)
	e.Hint = didYouMean(meant)
	d.add(e)
	return meant
}

// field decodes one key, whatever its shape.
func (d *decoder) field(n *node, f field, v reflect.Value) {
	if f.Tag.Get("later") == "true" && !d.later {
		d.at(n, "not supported yet")
	}
	switch kind(v.Type()) {
	case kindTable:
		d.table(n, v)
	case kindOptional:
		v.Set(reflect.New(v.Type().Elem()))
		d.fill(n, v.Elem())
	case kindNamed:
		d.named(n, v)
	case kindTables:
		d.tables(n, v)
	default:
		if d.leaf(n, v) {
			d.check(n, f, v)
			d.paths(n, f, v)
		}
	}
}

func (d *decoder) named(n *node, v reflect.Value) {
	if n.table == nil {
		d.mismatch(n, "a table")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, name := range n.names() {
		c := n.table[name]
		if name == "" {
			d.at(c, "the name is empty")
			continue
		}
		if v.Type() == reflect.TypeFor[map[string]*Namespace]() && name[0] != '*' && name[0] != '/' {
			d.at(c, `the name of a namespace starts with "/"`)
		}
		if v.Type() == reflect.TypeFor[map[string]*JSONReply]() && name[0] != '/' {
			d.at(c, `the path starts with "/"`)
		}
		entry := reflect.New(v.Type().Elem().Elem())
		d.fill(c, entry.Elem())
		v.SetMapIndex(reflect.ValueOf(name), entry)
	}
}

func (d *decoder) tables(n *node, v reflect.Value) {
	if n.list == nil {
		d.mismatch(n, "an array of tables")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.list), len(n.list)))
	for i, c := range n.list {
		d.fill(c, v.Index(i))
	}
}

// leaf decodes one value and reports whether it has the right type.
func (d *decoder) leaf(n *node, v reflect.Value) bool {
	switch v.Type() {
	case typeDuration:
		return parsed(d, n, v, `a duration in quotes such as "30s"`, parseDuration)
	case typeSize:
		return parsed(d, n, v, `a size in quotes such as "1MiB" or "1MB"`, parseSize)
	case typePort:
		if i, ok := n.value.(int64); ok {
			return assign(d, n, v, strconv.FormatInt(i, 10), parsePort)
		}
		return parsed(d, n, v, `a port number, a range such as "8765-8785" or "auto"`, parsePort)
	case typeStrings:
		if _, ok := n.value.(string); ok {
			n = &node{src: n.src, off: n.off, key: n.key, list: []*node{n}}
		}
		return d.slice(n, v, "a string or an array of strings")
	case typeAck:
		return d.ack(n, v)
	}
	switch v.Kind() {
	case reflect.Slice:
		return d.slice(n, v, "an array of strings")
	case reflect.Map:
		return d.stringMap(n, v)
	case reflect.String:
		s, ok := d.text(n, "a string")
		v.SetString(s)
		return ok
	}
	return d.scalar(n, v)
}

// scalar decodes what TOML has a type of its own for.
func (d *decoder) scalar(n *node, v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Bool:
		if b, ok := n.value.(bool); ok {
			v.SetBool(b)
			return true
		}
		d.mismatch(n, "true or false, without quotes")
	case reflect.Int:
		if i, ok := n.value.(int64); ok {
			v.SetInt(i)
			return true
		}
		d.mismatch(n, "a whole number")
	case reflect.Float64:
		switch x := n.value.(type) {
		case float64:
			v.SetFloat(x)
			return true
		case int64:
			v.SetFloat(float64(x))
			return true
		}
		d.mismatch(n, "a number")
	}
	return false
}

// parsed decodes a string with a form of its own.
func parsed[T any](d *decoder, n *node, v reflect.Value, want string, parse func(string) (T, error)) bool {
	s, ok := d.text(n, want)
	return ok && assign(d, n, v, s, parse)
}

func assign[T any](d *decoder, n *node, v reflect.Value, s string, parse func(string) (T, error)) bool {
	value, err := parse(s)
	if err != nil {
		d.at(n, "%v", err)
		return false
	}
	v.Set(reflect.ValueOf(value))
	return true
}

func (d *decoder) ack(n *node, v reflect.Value) bool {
	if b, ok := n.value.(bool); ok {
		v.Set(reflect.ValueOf(Ack{Always: b}))
		return true
	}
	s, ok := d.text(n, "true, false or a string")
	v.Set(reflect.ValueOf(Ack{Expr: s}))
	return ok
}

func (d *decoder) slice(n *node, v reflect.Value, want string) bool {
	if n.list == nil {
		d.mismatch(n, want)
		return false
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.list), len(n.list)))
	all := true
	for i, c := range n.list {
		s, ok := d.text(c, "a string")
		v.Index(i).SetString(s)
		all = all && ok
	}
	return all
}

func (d *decoder) stringMap(n *node, v reflect.Value) bool {
	if n.table == nil {
		d.mismatch(n, "a table of strings")
		return false
	}
	v.Set(reflect.MakeMap(v.Type()))
	all := true
	for _, name := range n.names() {
		s, ok := d.text(n.table[name], "a string")
		v.SetMapIndex(reflect.ValueOf(name), reflect.ValueOf(s))
		all = all && ok
	}
	return all
}

// text returns a string with its variables put in.
func (d *decoder) text(n *node, want string) (string, bool) {
	s, ok := n.value.(string)
	if !ok {
		d.mismatch(n, want)
		return "", false
	}
	s, err := expand(s, d.lookup)
	if err != nil {
		d.at(n, "%v", err)
		return "", false
	}
	return s, true
}

func (d *decoder) mismatch(n *node, want string) {
	d.at(n, "must be %s, not %s", want, describe(n))
}

func describe(n *node) string {
	switch n.value.(type) {
	case string:
		return "a string"
	case int64, float64:
		return "a bare number"
	case bool:
		return "a boolean"
	case time.Time:
		return "a date"
	}
	if n.list != nil {
		return "an array"
	}
	return "a table"
}

// setDefaults fills a table from its tags. A test reads every tag once, so that a wrong one cannot reach a user.
func setDefaults(v reflect.Value, folder string) {
	for _, f := range fields(v.Type()) {
		fv := v.FieldByIndex(f.Index)
		if kind(f.Type) == kindTable {
			setDefaults(fv, folder)
			continue
		}
		text, ok := f.Tag.Lookup("default")
		if !ok {
			continue
		}
		if f.Tag.Get("path") != "" && f.Type.Kind() == reflect.String && text != "" {
			text = filepath.Join(folder, text)
		}
		if err := setDefault(fv, text); err != nil {
			panic(fmt.Sprintf("config: the tag of %s: %v", f.Name, err))
		}
	}
}

func setDefault(v reflect.Value, text string) error {
	var err error
	switch x := v.Addr().Interface().(type) {
	case *Duration:
		*x, err = parseDuration(text)
	case *Size:
		*x, err = parseSize(text)
	case *Ack:
		x.Always, err = strconv.ParseBool(text)
	case *bool:
		*x, err = strconv.ParseBool(text)
	case *int:
		*x, err = strconv.Atoi(text)
	case *float64:
		*x, err = strconv.ParseFloat(text, 64)
	default:
		if v.Kind() == reflect.String {
			v.SetString(text)
			return nil
		}
		err = json.NewDecoder(strings.NewReader(text)).Decode(x)
	}
	return err
}
