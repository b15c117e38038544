package socketio

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// unpacker writes msgpack that was checked as JSON, in the words that JSON.stringify would find for what a JavaScript client decodes: dates
// as ISO strings; null for what JSON has no word for; undefined left out of objects; an unknown extension as an array of its type and its bytes.
type unpacker struct {
	p       []byte
	dst     []byte
	inline  bool // bytes as base64 instead of placeholders
	mistake bool // there are attachments, with which data that looks like a placeholder would be mistaken for one
	num     int  // of the next placeholder
}

// value appends the value at i and returns the index behind it.
func (u *unpacker) value(i int) int {
	h, i, _ := readHead(u.p, i)
	switch h.form {
	case formFalse:
		u.dst = append(u.dst, "false"...)
	case formTrue:
		u.dst = append(u.dst, "true"...)
	case formUint:
		u.dst = strconv.AppendUint(u.dst, h.num, 10)
	case formInt:
		u.dst = strconv.AppendInt(u.dst, int64(h.num), 10)
	case formFloat:
		u.dst = appendNumber(u.dst, math.Float64frombits(h.num))
	case formDate:
		u.dst = appendDate(u.dst, int64(h.num))
	case formText:
		u.dst = appendString(u.dst, u.p[i:i+h.n])
	case formBytes:
		u.blob(u.p[i : i+h.n])
	case formExt:
		u.dst = append(strconv.AppendInt(append(u.dst, '['), int64(h.ext), 10), ',')
		u.blob(u.p[i : i+h.n])
		u.dst = append(u.dst, ']')
	case formArray:
		return u.array(i, h.n)
	case formMap:
		return u.object(i, h.n)
	default:
		u.dst = append(u.dst, "null"...)
	}
	return i + h.n
}

func (u *unpacker) array(i, n int) int {
	u.dst = append(u.dst, '[')
	for e := range n {
		if e > 0 {
			u.dst = append(u.dst, ',')
		}
		i = u.value(i)
	}
	u.dst = append(u.dst, ']')
	return i
}

func (u *unpacker) object(i, n int) int {
	u.dst = append(u.dst, '{')
	first := len(u.dst)
	for range n {
		before := len(u.dst)
		if before > first {
			u.dst = append(u.dst, ',')
		}
		key := i
		i = u.key(i)
		u.dst = append(u.dst, ':')
		switch h, next, _ := readHead(u.p, i); {
		case h.form == formUndefined:
			u.dst, i = u.dst[:before], next
		case h.form == formTrue && u.mistake && u.looksPlaceholder(key):
			u.dst, i = append(u.dst, "false"...), next
		default:
			i = u.value(i)
		}
	}
	u.dst = append(u.dst, '}')
	return i
}

// key appends a key as the string that it is in JavaScript.
func (u *unpacker) key(i int) int {
	h, next, _ := readHead(u.p, i)
	switch h.form {
	case formText, formBytes:
		u.dst = appendString(u.dst, u.p[next:next+h.n])
		return next + h.n
	case formUndefined:
		u.dst = append(u.dst, `"undefined"`...)
		return next
	case formFloat:
		if f := math.Float64frombits(h.num); math.IsNaN(f) || math.IsInf(f, 0) {
			u.dst = append(append(append(u.dst, '"'), nonFinite(f)...), '"')
			return next
		}
	}
	u.dst = append(u.dst, '"')
	u.value(i)
	u.dst = append(u.dst, '"')
	return next
}

// nonFinite returns JavaScript's name for a number that JSON does not know.
func nonFinite(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case f > 0:
		return "Infinity"
	}
	return "-Infinity"
}

func (u *unpacker) looksPlaceholder(key int) bool {
	name, _ := textAt(u.p, key)
	return string(name) == "_placeholder"
}

func (u *unpacker) blob(p []byte) {
	if u.inline {
		u.dst = append(base64.StdEncoding.AppendEncode(append(u.dst, '"'), p), '"')
		return
	}
	u.dst = appendPlaceholder(u.dst, u.num)
	u.num++
}

// unpack returns the elements as a JSON array, and where the first one ends in it.
func (a *arguments) unpack() (p json.RawMessage, nameEnd int) {
	u := unpacker{p: a.body, dst: make([]byte, 0, len(a.body)+len(a.body)/2+16), mistake: a.blobs > 0}
	u.dst = append(u.dst, '[')
	i := 0
	for e := range a.n {
		if e > 0 {
			u.dst = append(u.dst, ',')
		}
		i = u.value(i)
		if e == 0 {
			nameEnd = len(u.dst)
		}
	}
	return append(u.dst, ']'), nameEnd
}

// attachments returns the binary values, in the order of their placeholders. They are not copied.
func (a *arguments) attachments() [][]byte {
	if a.blobs == 0 {
		return nil
	}
	all := make([][]byte, 0, a.blobs)
	for i := 0; len(all) < a.blobs; {
		all, i = appendBlobs(all, a.body, i)
	}
	return all
}

// appendBlobs collects the binary values in the value at i.
func appendBlobs(all [][]byte, p []byte, i int) ([][]byte, int) {
	h, i, _ := readHead(p, i)
	switch h.form {
	case formText:
		return all, i + h.n
	case formBytes, formExt:
		return append(all, p[i:i+h.n:i+h.n]), i + h.n
	case formArray, formMap:
		for range h.n {
			if h.form == formMap {
				i, _ = skipKey(p, i)
			}
			all, i = appendBlobs(all, p, i)
		}
	}
	return all, i
}

// appendNumber appends a number as JSON.stringify and encoding/json do, or null.
func appendNumber(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if abs := math.Abs(f); abs == 0 || 1e-6 <= abs && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if n := len(dst); dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' { // e-07 to e-7
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// maxDate is the last date that JavaScript knows, in milliseconds; the first is as far from 1970.
const maxDate = 8.64e15

// appendDate appends what a Date of JavaScript is in JSON; null for one that it cannot hold.
func appendDate(dst []byte, ms int64) []byte {
	if ms > maxDate || ms < -maxDate {
		return append(dst, "null"...)
	}
	t := time.UnixMilli(ms).UTC()
	dst = append(dst, '"')
	if y := t.Year(); y >= 0 && y <= 9999 {
		dst = t.AppendFormat(dst, "2006")
	} else {
		sign := byte('+')
		if y < 0 {
			sign, y = '-', -y
		}
		dst = append(dst, sign)
		for digit := 100_000; digit > 0; digit /= 10 {
			dst = append(dst, '0'+byte(y/digit%10))
		}
	}
	return append(t.AppendFormat(dst, "-01-02T15:04:05.000Z"), '"')
}
