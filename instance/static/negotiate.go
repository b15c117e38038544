package static

import (
	"strconv"
	"strings"
)

// matches implements If-None-Match with the weak comparison of RFC 9110, section 8.8.3.2.
func matches(values []string, tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
				return true
			}
		}
	}
	return false
}

func takesGzip(values []string) bool { return takes(values, "gzip", "x-gzip") }

// takes reads Accept-Encoding (RFC 9110, section 12.5.3). What names the coding itself goes before "*".
func takes(values []string, names ...string) bool {
	named, others := false, false
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			coding, params, _ := strings.Cut(part, ";")
			switch coding = strings.TrimSpace(coding); {
			case isOneOf(coding, names):
				if !wanted(params) {
					return false
				}
				named = true
			case coding == "*":
				others = wanted(params)
			}
		}
	}
	return named || others
}

func isOneOf(coding string, names []string) bool {
	for _, n := range names {
		if strings.EqualFold(coding, n) {
			return true
		}
	}
	return false
}

// wanted reports whether a coding's weight is over 0; without a weight it is 1.
func wanted(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return err == nil && q > 0
		}
	}
	return true
}
