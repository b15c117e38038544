package transport

import (
	"bytes"
	"net/netip"
)

// cutField cuts a header line into a token and a value without the white space around it (RFC 9110, section 5). Nothing may stand between
// the name and the colon, and a line that begins with white space, the old way to fold one, is no field.
func cutField(line []byte) (name, value []byte, ok bool) {
	name, value, ok = bytes.Cut(line, []byte(":"))
	if !ok || !isToken(name) || !isValue(value) {
		return nil, nil, false
	}
	return name, bytes.Trim(value, " \t"), true
}

// tokenByte has the characters of a token (RFC 9110, section 5.6.2).
var tokenByte = func() (t [256]bool) {
	for _, b := range []byte("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		t[b] = true
	}
	return t
}()

func isToken[T []byte | string](s T) bool {
	for i := range len(s) {
		if !tokenByte[s[i]] {
			return false
		}
	}
	return len(s) > 0
}

// isValue tells whether b is free of controls other than the tab.
func isValue(b []byte) bool {
	for _, c := range b {
		if isControl(c) {
			return false
		}
	}
	return true
}

func isControl(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }

// isTarget tells whether b is an absolute path, with or without a query, of visible ASCII (RFC 9112, section 3.2.1).
func isTarget(b []byte) bool {
	if len(b) == 0 || b[0] != '/' {
		return false
	}
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	return true
}

// maxLengthDigits keeps a Content-Length inside an int64.
const maxLengthDigits = 18

func parseLength(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > maxLengthDigits {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// hostByte has the characters of a registered name or an IPv4 address (RFC 3986, section 3.2.2), without the escapes.
var hostByte = func() (t [256]bool) {
	for _, b := range []byte("-._~!$&'()*+,;=0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		t[b] = true
	}
	return t
}()

// isHost tells whether b is host or host:port.
func isHost(b []byte) bool {
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 {
			return false
		}
		addr, err := netip.ParseAddr(string(b[1:end]))
		return err == nil && addr.Is6() && addr.Zone() == "" && isPort(b[end+1:])
	}
	name := b
	if i := bytes.IndexByte(b, ':'); i >= 0 {
		name = b[:i]
		if !isPort(b[i:]) {
			return false
		}
	}
	for _, c := range name {
		if !hostByte[c] {
			return false
		}
	}
	return len(name) > 0
}

// isPort tells whether b is empty or a colon and up to five digits.
func isPort(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] != ':' || len(b) > 6 {
		return false
	}
	for _, c := range b[1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// hasToken tells whether one of the comma-separated lists in values has the token, whatever its case.
func hasToken(values []string, token string) bool {
	for _, v := range values {
		for part := range bytes.SplitSeq([]byte(v), []byte(",")) {
			if bytes.EqualFold(bytes.Trim(part, " \t"), []byte(token)) {
				return true
			}
		}
	}
	return false
}
