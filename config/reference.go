package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Reference writes a Markdown table of every key: its type, its default, what a change costs, and whether it is supported yet.
// It is made from the tags that Load itself reads, so it cannot disagree with it. Keys of [defaults] are those of an instance.
func Reference(w io.Writer) error {
	r := &reference{}
	r.b.WriteString("| key | type | default | a change is | supported |\n|---|---|---|---|---|\n")
	for _, f := range fields(reflect.TypeFor[document]()) {
		if f.key != "defaults" {
			r.field(f.key, f, true)
		}
	}
	_, err := io.WriteString(w, r.b.String())
	return err
}

type reference struct{ b strings.Builder }

// names are what stands for the name of an entry of a named table.
var names = map[string]string{"instance": "NAME", "on": `"EVENT"`, "namespace": `"/NAME"`, "json": `"/PATH"`}

func (r *reference) field(key string, f field, supported bool) {
	supported = supported && f.Tag.Get("later") != "true"
	switch kind(f.Type) {
	case kindTable:
		r.fields(key, f.Type, supported)
	case kindOptional:
		r.row("["+key+"]", "table", "absent", f, supported)
		r.fields(key, f.Type.Elem(), supported)
	case kindNamed:
		r.row("["+key+"."+names[f.key]+"]", "tables", "absent", f, supported)
		r.fields(key+"."+names[f.key], f.Type.Elem().Elem(), supported)
	case kindTables:
		r.row(key, "array of tables", "[]", f, supported)
		r.fields(key+"[]", f.Type.Elem(), supported)
	default:
		r.row(key, typeName(f), defaultText(f), f, supported)
	}
}

func (r *reference) fields(key string, t reflect.Type, supported bool) {
	for _, f := range fields(t) {
		r.field(key+"."+f.key, f, supported)
	}
}

func (r *reference) row(key, typ, def string, f field, supported bool) {
	status := "yes"
	if !supported {
		status = "not yet"
	} else if soon := f.Tag.Get("soon"); soon != "" {
		status = fmt.Sprintf("yes, but not yet %q", soon)
	}
	cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
	fmt.Fprintf(&r.b, "| `%s` | %s | %s | %s | %s |\n", cell(key), cell(typ), cell(def), f.Tag.Get("reload"), status)
}

func typeName(f field) string {
	for rule := range strings.SplitSeq(f.Tag.Get("check"), ",") {
		if words, found := strings.CutPrefix(rule, "oneof="); found {
			text := "`" + strings.ReplaceAll(words, "|", "` `") + "`"
			if f.Type.Kind() == reflect.Slice {
				text = "any of " + text
			}
			return text
		}
	}
	switch f.Type {
	case typeDuration:
		return "duration"
	case typeSize:
		return "size"
	case typePort:
		return "port, range or `auto`"
	case typeStrings:
		return "string or strings"
	case typeAck:
		return "`true`, `{args}` or jq"
	case typeSecret:
		return "secret"
	}
	if f.Tag.Get("path") == pathSchema {
		return "JSON Schema, or a path"
	}
	if f.Tag.Get("path") != "" {
		if f.Type.Kind() == reflect.Slice {
			return "paths"
		}
		return "path"
	}
	switch f.Type.Kind() {
	case reflect.Slice:
		return "strings"
	case reflect.Map:
		return "table of strings"
	case reflect.Float64:
		return "number"
	}
	return f.Type.Kind().String()
}

func defaultText(f field) string {
	text, ok := f.Tag.Lookup("default")
	if !ok {
		if f.Type.Kind() == reflect.Map {
			return "{}"
		}
		return "**required**"
	}
	v := reflect.New(f.Type).Elem()
	if err := setDefault(v, text); err != nil {
		return text
	}
	return "`" + literal(v) + "`"
}
