package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// node is one value of a document with the place where it was written. Exactly one of value, table and list is set.
type node struct {
	src   *source
	off   int
	key   keyPath // as written: a value that an instance has from [defaults] is defaults.x
	value any     // string, int64, float64, bool or time.Time
	table map[string]*node
	list  []*node
	bad   bool // a fault was reported
}

// get returns the node of a key in a table, or nil.
func (n *node) get(key ...string) *node {
	for _, k := range key {
		if n == nil {
			return nil
		}
		n = n.table[k]
	}
	return n
}

// near returns the node of a key, or of the closest table around it that is written.
func (n *node) near(key ...string) *node {
	for i := len(key); i > 0; i-- {
		if c := n.get(key[:i]...); c != nil {
			return c
		}
	}
	return n
}

// names returns the keys of a table in the order of the files.
func (n *node) names() []string {
	var names []string
	for k := range n.table {
		names = append(names, k)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := n.table[a], n.table[b]
		return cmp.Or(cmp.Compare(x.src.order, y.src.order), cmp.Compare(x.off, y.off), strings.Compare(a, b))
	})
	return names
}

// parse reads a document. A fault of its syntax is the only one that is reported for the file.
func parse(src *source) (*node, *Error) {
	root, limit, off := scan(src.text)
	if limit != "" {
		return nil, src.fault(off, limit)
	}
	doc, err := decode(src.text)
	if err != nil {
		return nil, syntaxFault(src, err)
	}
	return build(src, nil, root, doc), nil
}

// decode calls the library. It gives up by panicking where it thinks it has a bug; for us that is a text like any other that
// cannot be read.
func decode(text string) (doc map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("not readable as TOML: %v", r)
		}
	}()
	_, err = toml.Decode(text, &doc)
	return doc, err
}

func syntaxFault(src *source, err error) *Error {
	p, ok := errors.AsType[toml.ParseError](err)
	if !ok {
		return src.fault(0, err.Error())
	}
	off := p.Position.Start
	if off > 0 && off == len(src.text) {
		off--
	}
	message := strings.TrimSuffix(p.Message, ".")
	if rest, found := strings.CutPrefix(message, "Key "); found {
		message = "key " + rest
	} else if rest, found := strings.CutPrefix(message, "Invalid "); found {
		message = "invalid " + rest
	}
	fault := src.fault(off, message)
	if unquoted(message) {
		fault.Hint = "did you forget the quotes?"
	}
	return fault
}

// unquoted reports whether the library tried to read a bare word as a number or a date.
func unquoted(message string) bool {
	for _, start := range []string{"invalid float", "invalid integer", "invalid datetime", "expected value but found"} {
		if strings.HasPrefix(message, start) {
			return true
		}
	}
	return false
}

// build joins the library's values with our marks.
func build(src *source, key keyPath, m *mark, value any) *node {
	n := &node{src: src, off: m.off, key: key}
	switch x := value.(type) {
	case map[string]any:
		n.table = make(map[string]*node, len(x))
		for k, v := range x {
			n.table[k] = build(src, appended(key, k), m.child(k, m.off), v)
		}
	case []map[string]any:
		n.list = make([]*node, len(x))
		for i, v := range x {
			n.list[i] = build(src, indexed(key, i), m.item(i), v)
		}
	case []any:
		n.list = make([]*node, len(x))
		for i, v := range x {
			n.list[i] = build(src, indexed(key, i), m.item(i), v)
		}
	default:
		n.value = value
	}
	return n
}

// item returns the mark of an array's element.
func (m *mark) item(i int) *mark {
	if i < len(m.items) {
		return m.items[i]
	}
	return m
}

func indexed(key keyPath, i int) keyPath {
	key = slices.Clone(key)
	key[len(key)-1] += fmt.Sprintf("[%d]", i)
	return key
}

// merge returns over with what it does not say taken from under, table by table. Neither is changed. A secret and the file
// that holds it are one choice: who writes one of them does not get the other from below.
func merge(over, under *node) *node {
	if over.table == nil || under == nil || under.table == nil {
		return over
	}
	n := &node{src: over.src, off: over.off, key: over.key, table: make(map[string]*node)}
	for k, u := range under.table {
		if other := otherHalf(k); other == "" || over.table[other] == nil {
			n.table[k] = u
		}
	}
	for k, o := range over.table {
		n.table[k] = merge(o, under.table[k])
	}
	return n
}

// fileSuffix ends the key that names the file of a secret.
const fileSuffix = "_file"

// otherHalf returns the key that may not stand beside k: x for x_file, and the reverse; "" if k has nothing to do with a
// secret.
func otherHalf(k string) string {
	switch x, isFile := strings.CutSuffix(k, fileSuffix); x {
	case "token", "tokens", "secret", "url":
		if isFile {
			return x
		}
		return x + fileSuffix
	}
	return ""
}
