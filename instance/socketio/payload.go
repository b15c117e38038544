package socketio

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// The functions of this file walk JSON that is known to be valid. They copy nothing.

// skipSpace returns the index of the first byte at or after i that is not white space.
func skipSpace(p []byte, i int) int {
	for i < len(p) && (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the index behind the string that begins at i.
func skipString(p []byte, i int) int {
	for i++; p[i] != '"'; i++ {
		if p[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// skipValue returns the index behind the value that begins at i.
func skipValue(p []byte, i int) int {
	depth := 0
	for i < len(p) {
		switch p[i] {
		case '"':
			i = skipString(p, i)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			i++
			continue
		default:
			i = skipScalar(p, i)
		}
		if depth == 0 {
			break
		}
	}
	return i
}

// skipScalar returns the index behind the number, true, false or null at i.
func skipScalar(p []byte, i int) int {
	for i < len(p) {
		switch p[i] {
		case ',', ']', '}', ' ', '\t', '\n', '\r':
			return i
		}
		i++
	}
	return i
}

// text returns the value of a string, given with its quotes. It copies only if there are escapes.
func text(quoted []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return inner
	}
	return []byte(s)
}

// firstElement returns the first element of an array if that can be an event's name: a string, decoded, or a number, as it is
// written. end is the index behind it.
func firstElement(p []byte) (name []byte, end int, ok bool) {
	i := skipSpace(p, 0)
	if p[i] != '[' {
		return nil, 0, false
	}
	i = skipSpace(p, i+1)
	switch c := p[i]; {
	case c == '"':
		end = skipString(p, i)
		return text(p[i:end]), end, true
	case c == '-' || '0' <= c && c <= '9':
		end = skipScalar(p, i)
		return p[i:end], end, true
	}
	return nil, 0, false
}

// elements returns the elements of the array p that begin at or after from.
func elements(p []byte, from int) []json.RawMessage {
	var all []json.RawMessage
	i := skipSpace(p, 0) + 1
	if from > i {
		i = from
	}
	for {
		for i = skipSpace(p, i); p[i] == ','; i = skipSpace(p, i) {
			i++
		}
		if p[i] == ']' {
			return all
		}
		end := skipValue(p, i)
		all = append(all, json.RawMessage(p[i:end:end]))
		i = end
	}
}

// placeholdersFit reports whether all placeholders in the value at i name one of n attachments, and returns the index behind
// the value. What stands inside a placeholder is not looked at, as in the reference server.
func placeholdersFit(p []byte, i, n int) (end int, fit bool) {
	switch p[i] {
	case '[':
		return arrayFits(p, i, n)
	case '{':
		return objectFits(p, i, n)
	}
	return skipValue(p, i), true
}

func arrayFits(p []byte, i, n int) (end int, fit bool) {
	fit = true
	for i = skipSpace(p, i+1); p[i] != ']'; i = skipSpace(p, i) {
		if p[i] == ',' {
			i++
			continue
		}
		var ok bool
		i, ok = placeholdersFit(p, i, n)
		fit = fit && ok
	}
	return i + 1, fit
}

func objectFits(p []byte, i, n int) (end int, fit bool) {
	fit = true
	placeholder, num := false, []byte(nil)
	for i = skipSpace(p, i+1); p[i] != '}'; i = skipSpace(p, i) {
		if p[i] == ',' {
			i++
			continue
		}
		end := skipString(p, i)
		key := text(p[i:end])
		i = skipSpace(p, skipSpace(p, end)+1)
		start := i
		var ok bool
		i, ok = placeholdersFit(p, i, n)
		fit = fit && ok
		switch string(key) { // the last of equal keys counts
		case "_placeholder":
			placeholder = string(p[start:i]) == "true"
		case "num":
			num = p[start:i]
		}
	}
	if placeholder {
		_, fit = attachment(num, n)
	}
	return i + 1, fit
}

// attachment returns the index that the value of a placeholder's num stands for, if there are n attachments.
func attachment(num []byte, n int) (int, bool) {
	f, err := strconv.ParseFloat(string(num), 64)
	if err != nil || f < 0 || f >= float64(n) || f != math.Trunc(f) {
		return 0, false
	}
	return int(f), true
}
