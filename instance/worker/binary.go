package worker

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

var errBinary = errors.New("worker: not a binary value")

// EncodeBinary replaces the placeholders {"_placeholder":true,"num":n} of a Socket.IO packet's arguments by {"$binary":"<base64>"} with
// the n-th attachment, as the worker is given them. Everything else stays byte by byte. The result is new unless there was nothing to replace.
func EncodeBinary(args json.RawMessage, attachments [][]byte) (json.RawMessage, error) {
	return replaceObjects(args, func(object []byte) ([]byte, error) {
		num, ok := placeholder(object)
		if !ok {
			return nil, nil
		}
		if num < 0 || num >= len(attachments) {
			return nil, fmt.Errorf("%w: attachment %d of %d", errBinary, num, len(attachments))
		}
		out := append([]byte(nil), `{"$binary":"`...)
		out = base64.StdEncoding.AppendEncode(out, attachments[num])
		return append(out, `"}`...), nil
	})
}

// DecodeBinary is the way back: each {"$binary":"<base64>"} becomes an attachment and a placeholder with its number. Placeholders in args are
// refused, for a client would take them for attachments.
func DecodeBinary(args json.RawMessage) (json.RawMessage, [][]byte, error) {
	var attachments [][]byte
	out, err := replaceObjects(args, func(object []byte) ([]byte, error) {
		if _, ok := placeholder(object); ok {
			return nil, fmt.Errorf("%w: a placeholder", errBinary)
		}
		fields := members(object, "$binary")
		if len(fields) != 1 {
			return nil, nil
		}
		var data []byte // encoding/json decodes base64 into it
		if err := json.Unmarshal(fields["$binary"], &data); err != nil || data == nil {
			return nil, fmt.Errorf("%w: $binary is no base64", errBinary)
		}
		attachments = append(attachments, data)
		return []byte(`{"_placeholder":true,"num":` + strconv.Itoa(len(attachments)-1) + `}`), nil
	})
	if err != nil {
		return nil, nil, err
	}
	return out, attachments, nil
}

// placeholder returns the number in a placeholder.
func placeholder(object []byte) (int, bool) {
	fields := members(object, `_placeholder`)
	num, err := strconv.Atoi(string(fields["num"]))
	return num, err == nil && string(fields["_placeholder"]) == "true"
}

// members parses an object that may have the key; nil if it has not. Keys are compared exactly, which decoding into a struct would not do.
func members(object []byte, key string) map[string]json.RawMessage {
	if !bytes.Contains(object, []byte(key)) && !bytes.Contains(object, []byte(`\u`)) {
		return nil
	}
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(object, &fields)
	if _, ok := fields[key]; !ok {
		return nil
	}
	return fields
}

// replaceObjects offers every object without objects inside to replace, which returns nil to keep it.
func replaceObjects(src json.RawMessage, replace func([]byte) ([]byte, error)) (json.RawMessage, error) {
	if !json.Valid(src) {
		return nil, ErrInvalid
	}
	var out []byte
	kept, open := 0, -1 // src[:kept] is in out; open is the innermost brace so far
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '"':
			i = endOfString(src, i)
		case '{':
			open = i
		case '}':
			if open < 0 {
				continue
			}
			with, err := replace(src[open : i+1])
			if err != nil {
				return nil, err
			}
			if with != nil {
				out = append(append(out, src[kept:open]...), with...)
				kept = i + 1
			}
			open = -1
		}
	}
	if kept == 0 {
		return src, nil
	}
	return append(out, src[kept:]...), nil
}

// endOfString returns the index of the quote that ends the string beginning at i; src is valid JSON.
func endOfString(src []byte, i int) int {
	for i++; src[i] != '"'; i++ {
		if src[i] == '\\' {
			i++
		}
	}
	return i
}
