package static

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

const maxPath = 4096 // bytes, as the system has it

// split makes the name of a file, relative and clean, of the path of a URL, which is decoded already. folder tells that it ended with a slash. Nothing
// is cleaned away: a path that a browser would not send, with empty segments, dots, backslashes or controls, is no file's, and neither is
// one of a hidden file.
func split(p string) (name string, folder, ok bool) {
	name, ok = strings.CutPrefix(p, "/")
	if !ok || len(p) > maxPath || !utf8.ValidString(p) || strings.ContainsFunc(p, forbidden) {
		return "", false, false
	}
	if name == "" {
		return ".", true, true
	}
	name, folder = strings.CutSuffix(name, "/")
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment[0] == '.' {
			return "", false, false
		}
	}
	return name, folder, true
}

func forbidden(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }

// hidesSlash reports whether an encoded slash was decoded into the path: there, it would part what was meant to be one name.
func hidesSlash(u *url.URL) bool {
	return u.RawPath != "" && strings.Contains(strings.ToLower(u.RawPath), "%2f")
}

// under cuts the prefix at, which is "/" or has no slash at its end, off p, at the boundary of a segment only.
func under(p, at string) (rest string, ok bool) {
	if at == "/" {
		return p, strings.HasPrefix(p, "/")
	}
	rest, ok = strings.CutPrefix(p, at)
	return rest, ok && (rest == "" || rest[0] == '/')
}
