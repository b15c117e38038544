package static

import (
	"strconv"
	"strings"
)

// span is a part of a file, from its first byte to the one after its last.
type span struct{ from, to int64 }

// verdict is what becomes of a Range.
type verdict uint8

const (
	ignored verdict = iota // the whole file is sent
	partial
	unsatisfiable
)

// parseRange reads a Range (RFC 9110, section 14.2) for a file of size bytes. Several ranges, another unit and what is not well
// formed are ignored, as the RFC allows: many small ranges would cost more than the file.
func parseRange(field string, size int64) (span, verdict) {
	unit, set, ok := strings.Cut(field, "=")
	if !ok || !strings.EqualFold(unit, "bytes") || strings.Contains(set, ",") {
		return span{}, ignored
	}
	first, last, ok := strings.Cut(strings.Trim(set, " \t"), "-")
	if !ok {
		return span{}, ignored
	}
	if first == "" {
		return suffixRange(last, size)
	}
	from, ok := position(first)
	if !ok {
		return span{}, ignored
	}
	to := size
	if last != "" {
		end, ok := position(last)
		if !ok || end < from {
			return span{}, ignored
		}
		to = min(size, end+1)
	}
	if from >= size {
		return span{}, unsatisfiable
	}
	return span{from, to}, partial
}

func suffixRange(length string, size int64) (span, verdict) {
	n, ok := position(length)
	switch {
	case !ok:
		return span{}, ignored
	case n == 0 || size == 0:
		return span{}, unsatisfiable
	}
	return span{max(0, size-n), size}, partial
}

const farthest = 1<<62 - 1 // positions beyond are as good as this one

// position reads digits.
func position(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > farthest {
		n = farthest
	}
	return n, true
}
