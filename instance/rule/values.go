package rule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"

	"github.com/itchyny/gojq"
)

// decode reads one JSON text as programs want it: numbers keep their digits. Texts nested deeper than 10,000 levels are refused.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON text")
	}
	return v, nil
}

// copied returns v as a value that gojq accepts, sharing nothing that can change with v.
func copied(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, int, float64, json.Number:
		return v, nil
	case json.RawMessage:
		if len(v) == 0 {
			return nil, nil
		}
		return decode(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = copied(v[i]); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		table := make(map[string]any, len(v))
		for key, value := range v {
			value, err := copied(value)
			if err != nil {
				return nil, err
			}
			table[key] = value
		}
		return table, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return decode(text)
}

// maxDepth is how deeply what a program makes may be nested: an event is an array around it, and 10,000 is what decoders take.
const maxDepth = 9990

var errDeep = fmt.Errorf("%w: nested deeper than %d levels", ErrOutput, maxDepth)

// appendJSON appends v, a value of gojq, as JSON with sorted keys. It stops with [ErrOutput] once b is longer than limit: a value of a few bytes
// in memory can be an endless text, because its parts may be shared.
func appendJSON(b []byte, v any, limit, depth int) ([]byte, error) {
	if len(b) > limit {
		return b, ErrOutput
	}
	if depth > maxDepth {
		return b, errDeep
	}
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case json.Number:
		return appendText(b, string(v), limit)
	case *big.Int:
		return appendText(b, v.String(), limit)
	case []any:
		return appendArray(b, v, limit, depth)
	case map[string]any:
		return appendObject(b, v, limit, depth)
	case string:
		if len(v) > limit-len(b) {
			return b, ErrOutput
		}
	case float64:
	default:
		return b, fmt.Errorf("unknown value %T", v)
	}
	text, err := gojq.Marshal(v)
	if err != nil {
		return b, err
	}
	return appendText(b, string(text), limit)
}

func appendText(b []byte, s string, limit int) ([]byte, error) {
	if len(s) > limit-len(b) {
		return b, ErrOutput
	}
	return append(b, s...), nil
}

func appendArray(b []byte, list []any, limit, depth int) (_ []byte, err error) {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendJSON(b, v, limit, depth+1); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

func appendObject(b []byte, table map[string]any, limit, depth int) (_ []byte, err error) {
	keys := make([]string, 0, len(table))
	for key := range table {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	b = append(b, '{')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendJSON(b, key, limit, depth+1); err != nil {
			return b, err
		}
		b = append(b, ':')
		if b, err = appendJSON(b, table[key], limit, depth+1); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}
