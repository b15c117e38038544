package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// leaf is one key with a value, or a table that may be absent and is there.
type leaf struct {
	key    []string
	field  reflect.StructField // of the key, or of the map or slice that holds the table
	value  reflect.Value       // invalid for a table
	header bool                // a table
	secret bool
}

// text returns the value as it stands in a TOML file, secrets in the clear.
func (l leaf) text() string {
	if l.header {
		return "set"
	}
	return literal(l.value)
}

// shown returns text, or its mask.
func (l leaf) shown() string {
	switch {
	case !l.secret:
		return l.text()
	case l.value.Kind() == reflect.String:
		return strconv.Quote(l.value.Interface().(Secret).String())
	}
	masked := make([]string, l.value.Len())
	for i := range masked {
		masked[i] = mask
	}
	return literal(reflect.ValueOf(masked))
}

// walk visits the keys below the struct v in the order of their definition, map entries in the order of their names.
func walk(prefix []string, v reflect.Value, visit func(leaf)) {
	for _, f := range fields(v.Type()) {
		walkField(appended(prefix, f.key), f.StructField, v.FieldByIndex(f.Index), visit)
	}
}

func walkField(key []string, f reflect.StructField, v reflect.Value, visit func(leaf)) {
	switch kind(v.Type()) {
	case kindTable:
		walk(key, v, visit)
	case kindOptional:
		if !v.IsNil() {
			visit(leaf{key: key, field: f, header: true})
			walk(key, v.Elem(), visit)
		}
	case kindNamed:
		for _, name := range sortedNames(v) {
			visit(leaf{key: appended(key, name), field: f, header: true})
			walk(appended(key, name), v.MapIndex(reflect.ValueOf(name)).Elem(), visit)
		}
	case kindTables:
		for i := range v.Len() {
			at := slices.Clone(key)
			at[len(at)-1] += "[" + strconv.Itoa(i) + "]"
			visit(leaf{key: at, field: f, header: true})
			walk(at, v.Index(i), visit)
		}
	default:
		visit(leaf{key: key, field: f, value: v, secret: holdsSecret(v.Type())})
	}
}

// field is a struct field that has a key in the file.
type field struct {
	reflect.StructField
	key string
}

// fields returns the keys of a table type. A field without a tag, or with "-", has none. The slice is shared.
func fields(t reflect.Type) []field { return tables()[t] }

// tables describes every table type once: reading the tags anew for each of many instances is what would make an edit slow.
var tables = sync.OnceValue(func() map[reflect.Type][]field {
	known := make(map[reflect.Type][]field)
	learn(known, reflect.TypeFor[document]())
	learn(known, reflect.TypeFor[Instance]())
	return known
})

func learn(known map[reflect.Type][]field, t reflect.Type) {
	if _, ok := known[t]; ok {
		return
	}
	var list []field
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("toml")
		if key == "" || key == "-" {
			continue
		}
		list = append(list, field{f, key})
		known[t] = list
		switch kind(f.Type) {
		case kindTable:
			learn(known, f.Type)
		case kindOptional, kindTables:
			learn(known, f.Type.Elem())
		case kindNamed:
			learn(known, f.Type.Elem().Elem())
		}
	}
	known[t] = list
}

// The shapes that a field may have.
const (
	kindLeaf     = iota
	kindTable    // struct: always there, filled with defaults
	kindOptional // *struct: nil if the table is not written
	kindNamed    // map[string]*struct: [on.NAME]
	kindTables   // []struct: [[also]] or an array of inline tables
)

func kind(t reflect.Type) int {
	switch {
	case t == typePort || t == typeAck:
		return kindLeaf
	case t.Kind() == reflect.Struct:
		return kindTable
	case t.Kind() == reflect.Pointer:
		return kindOptional
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Pointer:
		return kindNamed
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return kindTables
	}
	return kindLeaf
}

var (
	typeDuration = reflect.TypeFor[Duration]()
	typeSize     = reflect.TypeFor[Size]()
	typePort     = reflect.TypeFor[Port]()
	typeStrings  = reflect.TypeFor[Strings]()
	typeAck      = reflect.TypeFor[Ack]()
	typeSecret   = reflect.TypeFor[Secret]()
)

func holdsSecret(t reflect.Type) bool {
	return t == typeSecret || t.Kind() == reflect.Slice && t.Elem() == typeSecret
}

func sortedNames(m reflect.Value) []string {
	var names []string
	for _, k := range m.MapKeys() {
		names = append(names, k.String())
	}
	slices.Sort(names)
	return names
}

// appended returns a new slice, so that siblings do not share the last element.
func appended(key []string, part string) []string {
	return append(slices.Clip(key), part)
}

// literal writes a value as TOML. A dollar sign is doubled, because Load expands ${VAR}.
func literal(v reflect.Value) string {
	switch v.Type() {
	case typeDuration:
		return strconv.Quote(Duration(v.Int()).String())
	case typeSize:
		return strconv.Quote(Size(v.Int()).String())
	case typePort:
		x := v.Interface().(Port)
		if x.Fixed() {
			return x.String()
		}
		return strconv.Quote(x.String())
	case typeAck:
		x := v.Interface().(Ack)
		if x.Expr == "" {
			return strconv.FormatBool(x.Always)
		}
		return quote(x.Expr)
	}
	switch v.Kind() {
	case reflect.String:
		return quote(v.String())
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Float64:
		return float(v.Float())
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = literal(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		var parts []string
		for _, name := range sortedNames(v) {
			parts = append(parts, quoteKey(name)+" = "+literal(v.MapIndex(reflect.ValueOf(name))))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v.Interface())
}

// float keeps a point in a whole number, as TOML demands of a float.
func float(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// quote writes a string value.
func quote(s string) string { return basicString(strings.ReplaceAll(s, "$", "$$")) }

// basicString writes a string between double quotes, with TOML's escapes, which are not all Go's.
func basicString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r >= 0x7f && r < 0xa0:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
