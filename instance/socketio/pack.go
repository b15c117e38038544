package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"
)

// packer writes a msgpack packet into a scratch buffer.
type packer struct {
	buf  []byte
	json encoder // for values that only encoding/json can write

	// Of the JSON that is being packed. msgpack says first how many members a container has, JSON never.
	sizes []int    // of its containers, in the order in which they begin; -1-n stands for the placeholder of attachment n
	next  int      // the first of sizes that is not used yet
	blobs [][]byte // for placeholders; nil = they are data
	marks *swapper // for marks; nil = there are none
}

// value appends v; see [encoder.value].
func (e *packer) value(v any) error {
	switch v := v.(type) {
	case nil:
		e.buf = append(e.buf, prefixNil)
	case json.RawMessage:
		return e.raw(v, nil)
	case []byte:
		e.blob(v)
	case string:
		e.text(v)
	case bool:
		e.bool(v)
	case int:
		e.buf = appendInt(e.buf, int64(v))
	case int64:
		e.buf = appendInt(e.buf, v)
	case uint64:
		e.buf = appendUint(e.buf, v)
	default:
		return e.reflected(v)
	}
	return nil
}

func (e *packer) bool(b bool) {
	if b {
		e.buf = append(e.buf, prefixTrue)
	} else {
		e.buf = append(e.buf, prefixFalse)
	}
}

// blob appends bytes, or nil for a nil slice.
func (e *packer) blob(p []byte) {
	if p == nil {
		e.buf = append(e.buf, prefixNil)
		return
	}
	e.buf = appendBytes(e.buf, p)
}

// text appends a string. Bytes that are not UTF-8 become U+FFFD.
func (e *packer) text(s string) {
	if utf8.ValidString(s) {
		e.buf = appendText(e.buf, s)
		return
	}
	e.buf = appendText(e.buf, bytes.ToValidUTF8([]byte(s), []byte("\ufffd")))
}

// reflected appends any other value: encoding/json writes it, with marks for the bytes in it.
func (e *packer) reflected(v any) error {
	var swap swapper
	v, err := swap.value(v)
	if err != nil {
		return err
	}
	e.json.buf = e.json.buf[:0]
	if err := e.json.encode(v); err != nil {
		return err
	}
	if len(swap.blobs) > 0 {
		e.marks = &swap
	}
	err = e.pack(e.json.buf)
	e.marks = nil
	return err
}

// raw appends JSON, with blobs in the place of their placeholders. Without blobs placeholders are data.
func (e *packer) raw(p json.RawMessage, blobs [][]byte) error {
	if len(p) == 0 {
		e.buf = append(e.buf, prefixNil)
		return nil
	}
	if !json.Valid(p) {
		return errors.New("raw message is not valid JSON")
	}
	e.blobs = blobs
	err := e.pack(p)
	e.blobs = nil
	return err
}

// pack appends valid JSON.
func (e *packer) pack(p []byte) error {
	e.sizes, e.next = e.sizes[:0], 0
	start := skipSpace(p, 0)
	if _, ok := e.measure(p, start); !ok {
		return errPlaceholder
	}
	e.element(p, start)
	return nil
}

// measure fills sizes for the value at i and returns the index behind it. It is not ok if a placeholder names no attachment.
func (e *packer) measure(p []byte, i int) (end int, ok bool) {
	switch p[i] {
	case '[':
		return e.measureArray(p, i)
	case '{':
		return e.measureObject(p, i)
	}
	return skipValue(p, i), true
}

func (e *packer) measureArray(p []byte, i int) (end int, ok bool) {
	at, n := len(e.sizes), 0
	e.sizes = append(e.sizes, 0)
	for i = skipSpace(p, i+1); p[i] != ']'; i = skipSpace(p, i) {
		if p[i] == ',' {
			i++
			continue
		}
		if i, ok = e.measure(p, i); !ok {
			return i, false
		}
		n++
	}
	e.sizes[at] = n
	return i + 1, true
}

func (e *packer) measureObject(p []byte, i int) (end int, ok bool) {
	at, n := len(e.sizes), 0
	e.sizes = append(e.sizes, 0)
	placeholder, num := false, []byte(nil)
	for i = skipSpace(p, i+1); p[i] != '}'; i = skipSpace(p, i) {
		if p[i] == ',' {
			i++
			continue
		}
		end := skipString(p, i)
		key := p[i:end]
		i = skipSpace(p, skipSpace(p, end)+1)
		start := i
		if i, ok = e.measure(p, i); !ok {
			return i, false
		}
		n++
		if len(e.blobs) == 0 {
			continue
		}
		switch string(text(key)) { // the last of equal keys counts
		case "_placeholder":
			placeholder = string(p[start:i]) == "true"
		case "num":
			num = p[start:i]
		}
	}
	e.sizes[at] = n
	if placeholder {
		blob, ok := attachment(num, len(e.blobs))
		e.sizes = append(e.sizes[:at], -1-blob)
		return i + 1, ok
	}
	return i + 1, true
}

// element appends the value at i, which was measured, and returns the index behind it.
func (e *packer) element(p []byte, i int) int {
	switch p[i] {
	case '[', '{':
		return e.container(p, i)
	case '"':
		end := skipString(p, i)
		e.quoted(p[i:end])
		return end
	case 'n':
		e.buf = append(e.buf, prefixNil)
		return i + 4
	case 't':
		e.bool(true)
		return i + 4
	case 'f':
		e.bool(false)
		return i + 5
	}
	end := skipScalar(p, i)
	e.number(string(p[i:end]))
	return end
}

func (e *packer) container(p []byte, i int) int {
	n := e.sizes[e.next]
	e.next++
	if n < 0 {
		e.blob(e.blobs[-1-n])
		return skipValue(p, i)
	}
	if p[i] == '[' {
		e.buf = appendArray(e.buf, n)
	} else {
		e.buf = appendMap(e.buf, n)
		n *= 2 // keys are values here
	}
	i++
	for range n {
		for i = skipSpace(p, i); p[i] == ',' || p[i] == ':'; i = skipSpace(p, i) {
			i++
		}
		i = e.element(p, i)
	}
	return skipSpace(p, i) + 1
}

// quoted appends a JSON string, or the bytes that it is a mark for.
func (e *packer) quoted(q []byte) {
	if e.marks != nil && len(q) == quotedMark {
		if at, blob := e.marks.next(q); at == 0 {
			e.blob(e.marks.blobs[blob])
			return
		}
	}
	s := text(q)
	if !utf8.Valid(s) {
		s = bytes.ToValidUTF8(s, []byte("\ufffd"))
	}
	e.buf = appendText(e.buf, s)
}

// number appends a JSON number as JavaScript would write it: an integer if its value is one that 64 bits hold, else a float.
func (e *packer) number(s string) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		e.buf = appendInt(e.buf, n)
		return
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		e.buf = appendUint(e.buf, n)
		return
	}
	f, _ := strconv.ParseFloat(s, 64) // beyond its range infinite, as in JavaScript
	switch {
	case f != math.Trunc(f) || f >= 1<<64 || f < -1<<63:
		e.buf = appendFloat(e.buf, f)
	case f >= 0:
		e.buf = appendUint(e.buf, uint64(f))
	default:
		e.buf = appendInt(e.buf, int64(f))
	}
}
