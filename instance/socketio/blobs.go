package socketio

import (
	"bytes"
	"crypto/rand"
	"encoding"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
)

// encoding/json writes []byte as base64 and has no hook to do otherwise. To find the bytes inside any value without repeating its
// rules for structs, a swapper hands it a copy in which each []byte is replaced by a mark, which is then found in the output.

const (
	nonceBytes = 18                    // unguessable, so that no data of the caller is taken for a mark
	nonceChars = nonceBytes / 3 * 4    // the characters that all marks of one swapper begin with
	markBytes  = nonceBytes + 6        // the nonce and a number
	quotedMark = 1 + markBytes/3*4 + 1 // a mark as JSON, in quotes
	maxDepth   = 1000                  // beyond it a value is taken to be cyclic, as in encoding/json
)

var (
	errDeep     = errors.New("value is nested too deeply or contains itself")
	errEmbedded = errors.New("bytes behind an embedded pointer to an unexported type")

	marshaler     = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// swapper replaces bytes in one value.
type swapper struct {
	nonce [nonceBytes]byte
	blobs [][]byte
}

// value returns v, or if there are bytes in it a copy with marks in their place. Parts without bytes are shared with v.
func (w *swapper) value(v any) (any, error) {
	rv := reflect.ValueOf(v)
	found, err := holdsBytes(rv, 0)
	if !found || err != nil {
		return v, err
	}
	_, _ = rand.Read(w.nonce[:]) // never fails: it ends the process instead
	rv, err = w.swap(rv, 0)
	if err != nil {
		return nil, err
	}
	return rv.Interface(), nil
}

// next returns where the first mark in p is and which blob it stands for, or -1.
func (w *swapper) next(p []byte) (at, blob int) {
	var prefix [1 + nonceChars]byte
	prefix[0] = '"'
	base64.StdEncoding.Encode(prefix[1:], w.nonce[:])
	at = bytes.Index(p, prefix[:])
	if at < 0 {
		return -1, 0
	}
	var mark [markBytes]byte
	if _, err := base64.StdEncoding.Decode(mark[:], p[at+1:at+quotedMark-1]); err != nil {
		return -1, 0
	}
	return at, int(binary.BigEndian.Uint32(mark[nonceBytes+2:]))
}

// isBytes reports whether encoding/json writes values of type t as base64.
func isBytes(t reflect.Type) bool {
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Uint8 {
		return false
	}
	p := reflect.PointerTo(t.Elem())
	return !p.Implements(marshaler) && !p.Implements(textMarshaler)
}

// opaque reports whether v encodes itself.
func opaque(v reflect.Value) bool {
	t := v.Type()
	if t.Implements(marshaler) || t.Implements(textMarshaler) {
		return true
	}
	if t.Kind() == reflect.Pointer || !v.CanAddr() {
		return false
	}
	p := reflect.PointerTo(t)
	return p.Implements(marshaler) || p.Implements(textMarshaler)
}

// field reports whether encoding/json looks at a field of a struct. Of the unexported ones these are embedded structs.
func field(f reflect.StructField) bool {
	if f.Tag.Get("json") == "-" {
		return false
	}
	if f.IsExported() {
		return true
	}
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return f.Anonymous && t.Kind() == reflect.Struct
}

// omitted reports whether encoding/json leaves out v, the value of f, because it is empty bytes.
func omitted(f reflect.StructField, v reflect.Value) bool {
	_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return isBytes(v.Type()) && v.Len() == 0 && strings.Contains(options, "omitempty")
}

// holdsBytes reports whether there are bytes to swap in v.
func holdsBytes(v reflect.Value, depth int) (bool, error) {
	if depth > maxDepth {
		return false, errDeep
	}
	if !v.IsValid() || opaque(v) {
		return false, nil
	}
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		return holdsBytes(v.Elem(), depth+1)
	case reflect.Slice:
		if isBytes(v.Type()) {
			return !v.IsNil(), nil
		}
		return anyElement(v, depth)
	case reflect.Array:
		return anyElement(v, depth)
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if found, err := holdsBytes(it.Value(), depth+1); found || err != nil {
				return found, err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !field(f) || omitted(f, v.Field(i)) {
				continue
			}
			if found, err := holdsBytes(v.Field(i), depth+1); found || err != nil {
				return found, err
			}
		}
	}
	return false, nil
}

func anyElement(v reflect.Value, depth int) (bool, error) {
	switch v.Type().Elem().Kind() {
	case reflect.Interface, reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map, reflect.Struct:
	default:
		return false, nil
	}
	for i := range v.Len() {
		if found, err := holdsBytes(v.Index(i), depth+1); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// swap returns a copy of v with marks for its bytes.
func (w *swapper) swap(v reflect.Value, depth int) (reflect.Value, error) {
	found, err := holdsBytes(v, depth)
	if !found || err != nil {
		return v, err
	}
	switch v.Kind() {
	case reflect.Interface:
		return w.swap(v.Elem(), depth+1)
	case reflect.Pointer:
		c := reflect.New(v.Type().Elem())
		elem, err := w.swap(v.Elem(), depth+1)
		if err == nil {
			c.Elem().Set(elem)
		}
		return c, err
	case reflect.Map:
		return w.swapMap(v, depth)
	case reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		return c, w.swapFields(c, v, depth)
	case reflect.Array:
		c := reflect.New(v.Type()).Elem()
		return c, w.swapElements(c, v, depth)
	default: // reflect.Slice
		if isBytes(v.Type()) {
			return w.mark(v), nil
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		return c, w.swapElements(c, v, depth)
	}
}

// mark keeps the bytes of v and returns a mark of the same type.
func (w *swapper) mark(v reflect.Value) reflect.Value {
	m := reflect.MakeSlice(v.Type(), markBytes, markBytes)
	copy(m.Bytes(), w.nonce[:])
	binary.BigEndian.PutUint32(m.Bytes()[nonceBytes+2:], uint32(len(w.blobs)))
	w.blobs = append(w.blobs, v.Bytes())
	return m
}

func (w *swapper) swapElements(c, v reflect.Value, depth int) error {
	for i := range v.Len() {
		elem, err := w.swap(v.Index(i), depth+1)
		if err != nil {
			return err
		}
		c.Index(i).Set(elem)
	}
	return nil
}

func (w *swapper) swapMap(v reflect.Value, depth int) (reflect.Value, error) {
	c := reflect.MakeMapWithSize(v.Type(), v.Len())
	for it := v.MapRange(); it.Next(); {
		elem, err := w.swap(it.Value(), depth+1)
		if err != nil {
			return c, err
		}
		c.SetMapIndex(it.Key(), elem)
	}
	return c, nil
}

// swapFields replaces in c, a copy of the struct v, the fields that hold bytes.
func (w *swapper) swapFields(c, v reflect.Value, depth int) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !field(f) || omitted(f, v.Field(i)) {
			continue
		}
		found, err := holdsBytes(v.Field(i), depth+1)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if !f.IsExported() { // embedded: its exported fields can be set, itself cannot
			if f.Type.Kind() != reflect.Struct {
				return errEmbedded
			}
			if err := w.swapFields(c.Field(i), v.Field(i), depth+1); err != nil {
				return err
			}
			continue
		}
		elem, err := w.swap(v.Field(i), depth+1)
		if err != nil {
			return err
		}
		c.Field(i).Set(elem)
	}
	return nil
}
