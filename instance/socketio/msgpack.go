package socketio

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// This file is msgpack itself, https://github.com/msgpack/msgpack/blob/master/spec.md, in the dialect of notepack.io 2.2, which is what the
// JavaScript clients speak: extension type 0 means undefined, a date or bytes, by its length.

// form is what a value is, without how many bytes its head took.
type form uint8

const (
	formNil       form = iota
	formUndefined      // extension 0 of one byte
	formFalse
	formTrue
	formUint  // num
	formInt   // int64(num), which is negative
	formFloat // the bits of a float64 in num
	formDate  // milliseconds since 1970: int64(num); extension 0 of 8 bytes
	formText  // n bytes follow
	formBytes // n bytes follow; also extension 0 with a length
	formExt   // n bytes follow, of the type ext
	formArray // n elements follow
	formMap   // n keys and values follow
)

// scalar reports whether nothing follows the head, and JavaScript's name for the value is a plain one.
func (f form) scalar() bool { return f <= formFloat }

// head is the beginning of a value.
type head struct {
	form form
	ext  int8
	n    int
	num  uint64
}

// The prefixes that name a form with a number of its own; the fixed ones are in between.
const (
	prefixNil   = 0xc0
	prefixNever = 0xc1
	prefixFalse = 0xc2
	prefixTrue  = 0xc3
	prefixBin   = 0xc4 // and 16, 32 bits of length, as below
	prefixExt   = 0xc7
	prefixF32   = 0xca
	prefixF64   = 0xcb
	prefixUint  = 0xcc // and 16, 32, 64 bits
	prefixInt   = 0xd0 // and 16, 32, 64 bits
	prefixFix   = 0xd4 // extensions of 1, 2, 4, 8, 16 bytes
	prefixStr   = 0xd9
	prefixArray = 0xdc // 16, 32 bits
	prefixMap   = 0xde // 16, 32 bits
	prefixNeg   = 0xe0 // to 0xff: -32 to -1
)

// width tells how many bytes of a number follow the prefixes from prefixNil to prefixNeg.
var width = [prefixNeg - prefixNil]uint8{
	0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8,
	1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4,
}

// readHead reads the head of the value at i and returns the index behind it. It is not ok if the value cannot be in what is left of p.
func readHead(p []byte, i int) (h head, next int, ok bool) {
	if i >= len(p) {
		return h, i, false
	}
	c := p[i]
	i++
	switch {
	case c < 0x80:
		return head{form: formUint, num: uint64(c)}, i, true
	case c < 0x90:
		h.form, h.n = formMap, int(c&0x0f)
	case c < 0xa0:
		h.form, h.n = formArray, int(c&0x0f)
	case c < prefixNil:
		h.form, h.n = formText, int(c&0x1f)
	case c >= prefixNeg:
		return head{form: formInt, num: uint64(int64(int8(c)))}, i, true
	default:
		h, i, ok = readLong(p, i, c)
		if !ok {
			return h, i, false
		}
	}
	return h, i, h.fits(len(p) - i)
}

// fits reports whether what h announces can be in so many bytes.
func (h *head) fits(left int) bool {
	switch h.form {
	case formText, formBytes, formExt, formArray:
		return h.n <= left
	case formMap:
		return h.n <= left/2
	}
	return true
}

// readLong reads the rest of a head whose prefix c is not a value or a length itself.
func readLong(p []byte, i int, c byte) (h head, next int, ok bool) {
	w := int(width[c-prefixNil])
	if len(p)-i < w {
		return h, i, false
	}
	v := bigEndian(p[i:], w)
	i += w
	switch {
	case c == prefixNever:
		return h, i, false
	case c <= prefixTrue:
		h.form = [...]form{formNil, 0, formFalse, formTrue}[c-prefixNil]
	case c < prefixExt:
		h.form, h.n = formBytes, int(v)
	case c < prefixF32:
		return readExt(p, i, int(v), false)
	case c == prefixF32:
		h.form, h.num = formFloat, math.Float64bits(float64(math.Float32frombits(uint32(v))))
	case c == prefixF64:
		h.form, h.num = formFloat, v
	case c < prefixInt:
		h.form, h.num = formUint, v
	case c < prefixFix:
		h = signed(v, w)
	case c < prefixStr:
		return readExt(p, i, 1<<(c-prefixFix), true)
	case c < prefixArray:
		h.form, h.n = formText, int(v)
	case c < prefixMap:
		h.form, h.n = formArray, int(v)
	default:
		h.form, h.n = formMap, int(v)
	}
	return h, i, true
}

// readExt reads the type of an extension of n bytes, which is at i. A fixed one has no length on the wire.
func readExt(p []byte, i, n int, fixed bool) (h head, next int, ok bool) {
	if i >= len(p) || n > len(p)-i-1 {
		return h, i, false
	}
	kind := int8(p[i])
	i++
	switch {
	case kind == 0 && fixed && n == 1:
		return head{form: formUndefined}, i + 1, true
	case kind == 0 && fixed && n == 8:
		return head{form: formDate, num: bigEndian(p[i:], 8)}, i + 8, true
	case kind == 0 && !fixed:
		return head{form: formBytes, n: n}, i, true
	}
	return head{form: formExt, ext: kind, n: n}, i, true
}

func bigEndian(p []byte, w int) uint64 {
	switch w {
	case 1:
		return uint64(p[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(p))
	case 4:
		return uint64(binary.BigEndian.Uint32(p))
	case 8:
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// signed returns the number that was written as w bytes of two's complement.
func signed(v uint64, w int) head {
	shift := 64 - 8*w
	if n := int64(v<<shift) >> shift; n < 0 {
		return head{form: formInt, num: uint64(n)}
	}
	return head{form: formUint, num: v}
}

// maxNesting is how deep received values may be nested. JavaScript's own stack ends at some ten thousand.
const maxNesting = 1000

// skipPacked checks the value at i with all that is in it, and returns the index behind it and how many binary values it holds. Text has to be
// UTF-8: the browsers' decoder ends its connection over any other, so one client could end those of all it is relayed to.
func skipPacked(p []byte, i, depth int) (end, blobs int, ok bool) {
	h, i, ok := readHead(p, i)
	if !ok {
		return i, 0, false
	}
	switch h.form {
	case formText:
		return i + h.n, 0, utf8.Valid(p[i : i+h.n])
	case formBytes, formExt:
		return i + h.n, 1, true
	case formArray, formMap:
		if depth == maxNesting {
			return i, 0, false
		}
	default:
		return i, 0, true
	}
	for range h.n {
		if h.form == formMap {
			if i, ok = skipKey(p, i); !ok {
				return i, 0, false
			}
		}
		var more int
		if i, more, ok = skipPacked(p, i, depth+1); !ok {
			return i, 0, false
		}
		blobs += more
	}
	return i, blobs, true
}

// skipKey is skipPacked for the key of a map, which must be something that has a name in JavaScript: no container, date or extension.
func skipKey(p []byte, i int) (end int, ok bool) {
	h, i, ok := readHead(p, i)
	switch {
	case !ok:
		return i, false
	case h.form == formText || h.form == formBytes:
		return i + h.n, utf8.Valid(p[i : i+h.n])
	}
	return i, h.form.scalar()
}

// The functions below append values in the shortest form, as notepack does.

func appendUint(dst []byte, n uint64) []byte {
	switch {
	case n < 0x80:
		return append(dst, byte(n))
	case n <= math.MaxUint8:
		return append(dst, prefixUint, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, prefixUint+1), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, prefixUint+2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, prefixUint+3), n)
}

func appendInt(dst []byte, n int64) []byte {
	switch {
	case n >= 0:
		return appendUint(dst, uint64(n))
	case n >= -32:
		return append(dst, byte(n))
	case n >= math.MinInt8:
		return append(dst, prefixInt, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, prefixInt+1), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, prefixInt+2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, prefixInt+3), uint64(n))
}

func appendFloat(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, prefixF64), math.Float64bits(f))
}

// appendLength appends a prefix that is followed by a length. short is the prefix for lengths that stand in it, up to limit; long the one for
// 16 bits.
func appendLength(dst []byte, short byte, limit int, long byte, n int) []byte {
	switch {
	case n <= limit:
		return append(dst, short|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, long), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, long+1), uint32(n))
}

func appendArray(dst []byte, n int) []byte { return appendLength(dst, 0x90, 15, prefixArray, n) }

func appendMap(dst []byte, n int) []byte { return appendLength(dst, 0x80, 15, prefixMap, n) }

// appendText appends a string, which must be UTF-8.
func appendText[T string | []byte](dst []byte, s T) []byte {
	if n := len(s); n > 31 && n <= math.MaxUint8 {
		dst = append(dst, prefixStr, byte(n))
	} else {
		dst = appendLength(dst, 0xa0, 31, prefixStr+1, n)
	}
	return append(dst, s...)
}

func appendBytes(dst []byte, p []byte) []byte {
	if n := len(p); n <= math.MaxUint8 {
		dst = append(dst, prefixBin, byte(n))
	} else {
		dst = appendLength(dst, 0, -1, prefixBin+1, n)
	}
	return append(dst, p...)
}
