package engineio

import (
	"net/url"
	"strings"
)

// param returns the value of a key of a raw query without building the map of all of them. A key given more than once yields
// its values joined by commas, which match nothing, as in the reference server.
func param(query, key string) (value string) {
	seen := false
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		k, v, _ := strings.Cut(pair, "=")
		if plain(k) != key {
			continue
		}
		if v = plain(v); seen {
			v = value + "," + v
		}
		value, seen = v, true
	}
	return value
}

// plain undoes query escaping; what is not well escaped stays as it is.
func plain(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}
