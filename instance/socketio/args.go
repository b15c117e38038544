package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// maxPooled bounds the scratch buffers that are kept for reuse, in bytes.
const maxPooled = 64 << 10

// encoder writes the payload of one packet into a scratch buffer and collects its attachments.
type encoder struct {
	buf         []byte
	attachments [][]byte // of the caller; not kept beyond the encoding
}

// array appends [name,args…], or [args…] without a name.
func (e *encoder) array(name *string, args []any) error {
	e.buf = append(e.buf, '[')
	if name != nil {
		e.buf = appendString(e.buf, *name)
	}
	for i, arg := range args {
		if i > 0 || name != nil {
			e.buf = append(e.buf, ',')
		}
		if err := e.value(arg); err != nil {
			return fmt.Errorf("argument %d: %w", i+1, err)
		}
	}
	e.buf = append(e.buf, ']')
	return nil
}

// value appends v. What is common is written without reflection.
func (e *encoder) value(v any) error {
	switch v := v.(type) {
	case nil:
		e.buf = append(e.buf, "null"...)
	case json.RawMessage:
		return e.raw(v)
	case []byte:
		e.blob(v)
	case string:
		e.buf = appendString(e.buf, v)
	case bool:
		e.buf = strconv.AppendBool(e.buf, v)
	case int:
		e.buf = strconv.AppendInt(e.buf, int64(v), 10)
	case int64:
		e.buf = strconv.AppendInt(e.buf, v, 10)
	case uint64:
		e.buf = strconv.AppendUint(e.buf, v, 10)
	default:
		return e.reflected(v)
	}
	return nil
}

// raw appends JSON as it is. Bytes that are not UTF-8, which no text frame may hold, become U+FFFD.
func (e *encoder) raw(v json.RawMessage) error {
	if len(v) == 0 {
		e.buf = append(e.buf, "null"...)
		return nil
	}
	if !json.Valid(v) {
		return errors.New("raw message is not valid JSON")
	}
	if utf8.Valid(v) {
		e.buf = append(e.buf, v...)
	} else {
		e.buf = append(e.buf, bytes.ToValidUTF8(v, []byte("\ufffd"))...)
	}
	return nil
}

// blob appends the placeholder of an attachment, or null for a nil slice.
func (e *encoder) blob(p []byte) {
	if p == nil {
		e.buf = append(e.buf, "null"...)
		return
	}
	e.buf = appendPlaceholder(e.buf, len(e.attachments))
	e.attachments = append(e.attachments, p)
}

// appendPlaceholder appends what stands for an attachment.
func appendPlaceholder(dst []byte, num int) []byte {
	return append(strconv.AppendInt(append(dst, `{"_placeholder":true,"num":`...), int64(num), 10), '}')
}

// Write lets a json.Encoder append to the buffer.
func (e *encoder) Write(p []byte) (int, error) {
	e.buf = append(e.buf, p...)
	return len(p), nil
}

// reflected appends any other value, with attachments for the bytes in it.
func (e *encoder) reflected(v any) error {
	var swap swapper
	v, err := swap.value(v)
	if err != nil {
		return err
	}
	start := len(e.buf)
	if err := e.encode(v); err != nil {
		return err
	}
	if len(swap.blobs) > 0 {
		e.place(start, &swap)
	}
	return nil
}

// encode appends v by encoding/json, without its escapes for HTML.
func (e *encoder) encode(v any) error {
	start := len(e.buf)
	enc := json.NewEncoder(e)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	out := plainSeparators(e.buf[start : len(e.buf)-1]) // without the encoder's newline
	e.buf = e.buf[:start+len(out)]
	if !utf8.Valid(out) { // from a raw message inside v
		e.buf = append(e.buf[:start], bytes.ToValidUTF8(out, []byte("\ufffd"))...)
	}
	return nil
}

// place writes placeholders over the marks that the swapper left in the JSON from start on. They are numbered as they appear.
func (e *encoder) place(start int, swap *swapper) {
	rest := bytes.Clone(e.buf[start:])
	e.buf = e.buf[:start]
	for {
		at, n := swap.next(rest)
		if at < 0 {
			e.buf = append(e.buf, rest...)
			return
		}
		e.buf = append(e.buf, rest[:at]...)
		e.blob(swap.blobs[n])
		rest = rest[at+quotedMark:]
	}
}

// plainSeparators undoes the one escape of encoding/json that cannot be turned off: U+2028 and U+2029. It works in place; the
// result is never longer.
func plainSeparators(p []byte) []byte {
	if !bytes.Contains(p, []byte(`\u202`)) {
		return p
	}
	out := p[:0]
	for i := 0; i < len(p); i++ {
		switch {
		case p[i] != '\\':
			out = append(out, p[i])
		case bytes.HasPrefix(p[i:], []byte(`\u2028`)):
			out = append(out, "\u2028"...)
			i += 5
		case bytes.HasPrefix(p[i:], []byte(`\u2029`)):
			out = append(out, "\u2029"...)
			i += 5
		default:
			out = append(out, p[i], p[i+1])
			i++
		}
	}
	return out
}

// appendString appends s as JSON, escaped no more than JSON demands, as JSON.stringify does it.
func appendString[T string | []byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			char := string(s[i:min(i+utf8.UTFMax, len(s))]) // too short to be allocated
			if r, n := utf8.DecodeRuneInString(char); r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			dst = append(append(dst, s[start:i]...), "\ufffd"...)
			i++
			start = i
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		if short := shortEscape(c); short != 0 {
			dst = append(dst, '\\', short)
		} else {
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

// shortEscape returns what follows the backslash in the short escape of c, or 0 if it has none.
func shortEscape(c byte) byte {
	switch c {
	case '"', '\\':
		return c
	case '\b':
		return 'b'
	case '\f':
		return 'f'
	case '\n':
		return 'n'
	case '\r':
		return 'r'
	case '\t':
		return 't'
	}
	return 0
}
