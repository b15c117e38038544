package config

import "strings"

// keyPath is a dotted key, part by part. A part may carry an index: also[0].
type keyPath []string

// String quotes the parts that are no bare keys.
func (k keyPath) String() string {
	parts := make([]string, len(k))
	for i, p := range k {
		name, index, indexed := strings.Cut(p, "[")
		if indexed && bare(name) && strings.Trim(index, "0123456789") == "]" {
			parts[i] = p
			continue
		}
		parts[i] = quoteKey(p)
	}
	return strings.Join(parts, ".")
}

func quoteKey(s string) string {
	if bare(s) {
		return s
	}
	return basicString(s)
}

func bare(s string) bool {
	for i := range len(s) {
		if !bareByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func bareByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
