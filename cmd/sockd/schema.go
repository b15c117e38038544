package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/sockd/sockd/config"
	"github.com/urfave/cli/v2"
)

func schemaCommand() *cli.Command {
	return &cli.Command{Name: "schema", Usage: "print a JSON Schema of the file, for editors", Before: noArguments, Action: configSchema}
}

func configSchema(c *cli.Context) error {
	s, err := schemaOfFile()
	if err != nil {
		return err
	}
	return writeJSON(c.App.Writer, s)
}

// schema is the part of JSON Schema 2020-12 that a file's description needs. The order of the fields is that of the output.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Ref         string             `json:"$ref,omitempty"`
	Type        string             `json:"type,omitempty"`
	Enum        []any              `json:"enum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Minimum     *int               `json:"minimum,omitempty"`
	Maximum     *int               `json:"maximum,omitempty"`
	AnyOf       []*schema          `json:"anyOf,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Default     any                `json:"default,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Others      any                `json:"additionalProperties,omitempty"` // a *schema, or false
	Defs        map[string]*schema `json:"$defs,omitempty"`
}

// schemaOfFile is made from the reference of all keys, and so knows what [config.Load] knows. Keys that are not supported yet are left out,
// as they are refused. Nothing is required: what an instance needs may come from [defaults].
func schemaOfFile() (*schema, error) {
	var table bytes.Buffer
	if err := config.Reference(&table); err != nil {
		return nil, err
	}
	root := newTable("")
	for line := range strings.Lines(table.String()) {
		cells := tableCells(line)
		key, isKey := strings.CutPrefix(cells[0], "`")
		if len(cells) != 5 || !isKey || strings.HasPrefix(cells[4], "not yet") {
			continue
		}
		key = strings.Trim(strings.TrimSuffix(key, "`"), "[]")
		root.add(splitKey(key), schemaOfKey(cells[1], cells[2], cells[3]))
	}
	root.Schema, root.Title = "https://json-schema.org/draft/2020-12/schema", "sockd.toml"
	instance, _ := root.Properties["instance"].Others.(*schema)
	root.Defs = map[string]*schema{"instance": instance}
	ref := &schema{Ref: "#/$defs/instance"}
	root.Properties["instance"].Others = ref
	root.Properties["defaults"] = ref
	return root, nil
}

func newTable(description string) *schema {
	return &schema{Type: "object", Description: description, Properties: make(map[string]*schema), Others: false}
}

// tableCells takes a row of a Markdown table apart.
func tableCells(line string) []string {
	const bar = "\x00"
	line = strings.Trim(strings.ReplaceAll(strings.TrimSpace(line), `\|`, bar), "|")
	cells := strings.Split(line, "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], bar, "|"))
	}
	return cells
}

// splitKey splits at the points outside quotes.
func splitKey(key string) []string {
	quoted := false
	return strings.FieldsFunc(key, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == '.' && !quoted
	})
}

// add puts one key, or a table of its own, where path leads. What stands for a name, such as NAME or "EVENT", is any name.
func (s *schema) add(path []string, leaf *schema) {
	name, isList := strings.CutSuffix(path[0], "[]")
	if isPlaceholder(name) {
		inner, ok := s.Others.(*schema)
		if !ok {
			inner = newTable("")
			s.Others = inner
		}
		if len(path) > 1 {
			inner.add(path[1:], leaf)
		}
		return
	}
	if len(path) == 1 {
		if s.Properties[name] == nil {
			s.Properties[name] = leaf
		}
		return
	}
	inner := s.Properties[name]
	if inner == nil {
		inner = newTable("")
		s.Properties[name] = inner
	}
	if isList {
		inner = inner.Items
	}
	inner.add(path[1:], leaf)
}

func isPlaceholder(name string) bool { return name == "NAME" || strings.HasPrefix(name, `"`) }

// Values of the file that stand in a string. Any of them may be a variable.
const (
	anyVariable     = `|.*\$\{.*`
	durationPattern = `^(0|[0-9]+d|([0-9]+d)?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+` + anyVariable + `)$`
	sizePattern     = `^([0-9]+(\.[0-9]+)? ?([KMGT]i?B|kB|B)` + anyVariable + `)$`
	portPattern     = `^(auto|[0-9]+( *- *[0-9]+)?` + anyVariable + `)$`
)

// schemaOfKey describes one key by its row: the type in the words of the reference, the default, and what a change costs.
func schemaOfKey(typ, def, class string) *schema {
	s := schemaOfType(typ)
	s.Description = strings.ReplaceAll(typ, "`", "") + "; a change is " + class
	var value any
	if json.Unmarshal([]byte(strings.Trim(def, "`")), &value) == nil {
		s.Default = value
	}
	return s
}

func schemaOfType(typ string) *schema {
	text := &schema{Type: "string"}
	if words, ok := strings.CutPrefix(typ, "any of "); ok {
		return &schema{Type: "array", Items: enumeration(words)}
	}
	if enum := enumeration(typ); enum != nil {
		return enum
	}
	switch typ {
	case "table":
		return newTable("")
	case "array of tables":
		return &schema{Type: "array", Items: newTable("")}
	case "duration":
		text.Pattern = durationPattern
	case "size":
		text.Pattern = sizePattern
	case "port, range or `auto`":
		lowest, highest := 1, 65535
		text.Pattern = portPattern
		return &schema{AnyOf: []*schema{{Type: "integer", Minimum: &lowest, Maximum: &highest}, text}}
	case "string", "path", "secret":
	case "strings", "paths":
		return &schema{Type: "array", Items: text}
	case "string or strings":
		return &schema{AnyOf: []*schema{text, {Type: "array", Items: text}}}
	case "`true`, `{args}` or jq":
		return &schema{AnyOf: []*schema{{Type: "boolean"}, text}}
	case "table of strings":
		return &schema{Type: "object", Others: text}
	case "bool":
		return &schema{Type: "boolean"}
	case "int":
		return &schema{Type: "integer"}
	case "number":
		return &schema{Type: "number"}
	default: // a type of which nothing can be said here
		return &schema{}
	}
	return text
}

// enumeration reads `a` `b`; nil for anything else.
func enumeration(typ string) *schema {
	var words []any
	for word := range strings.FieldsSeq(typ) {
		inside, err := strconv.Unquote(word)
		if word[0] != '`' || err != nil {
			return nil
		}
		words = append(words, inside)
	}
	return &schema{AnyOf: []*schema{{Enum: words}, {Type: "string", Pattern: `\$\{`}}}
}
