package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// digest is over the meaning of c: every value in the order of the definition of its key, with the names and the presence of what is optional.
// Secrets stand in it in the clear, so a rotated one is a change. Keys of fixed tables do not: with hundreds of instances their
// paths were most of the cost of a reload.
func digest(c *Config) string {
	var b []byte
	for _, table := range []any{c.Fleet, c.Admin, c.Log} {
		b = digestTable(b, reflect.ValueOf(table))
	}
	h := sha256.New()
	h.Write(b)
	for _, name := range slices.Sorted(maps.Keys(c.Instances)) {
		b = append(append(b[:0], quoteKey(name)...), '\n')
		x := c.Instances[name]
		h.Write(append(digestTable(b, reflect.ValueOf(x).Elem()), x.ClientStamp...))
		for _, path := range slices.Sorted(maps.Keys(x.Contents)) {
			fmt.Fprintf(h, "%q %q\n", path, x.Contents[path])
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func digestTable(b []byte, v reflect.Value) []byte {
	for _, f := range fields(v.Type()) {
		b = digestField(b, v.FieldByIndex(f.Index))
	}
	return b
}

func digestField(b []byte, v reflect.Value) []byte {
	switch kind(v.Type()) {
	case kindTable:
		return digestTable(b, v)
	case kindOptional:
		if v.IsNil() {
			return append(b, "-\n"...)
		}
		return digestTable(append(b, "+\n"...), v.Elem())
	case kindNamed:
		b = append(strconv.AppendInt(b, int64(v.Len()), 10), '\n')
		for _, name := range sortedNames(v) {
			b = append(append(b, quoteKey(name)...), '\n')
			b = digestTable(b, v.MapIndex(reflect.ValueOf(name)).Elem())
		}
		return b
	case kindTables:
		b = append(strconv.AppendInt(b, int64(v.Len()), 10), '\n')
		for i := range v.Len() {
			b = digestTable(b, v.Index(i))
		}
		return b
	}
	if v.Kind() == reflect.String {
		return append(strconv.AppendQuote(b, v.String()), '\n')
	}
	return append(append(b, literal(v)...), '\n')
}
