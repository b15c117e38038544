package rule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// ErrMissing is in the chain of every error about a placeholder that has no value.
var ErrMissing = errors.New("no value")

type placeholderKind uint8

const (
	argument placeholderKind = iota
	ofAuth
	ofClaims
	ofQuery
	ofHeaders
	ofInstance
	sid
	namespace
)

// placeholder is what stands between braces.
type placeholder struct {
	kind    placeholderKind
	path    string // for gjson, or the name of a query parameter, header or variable
	missing error
}

// maxArgument bounds the number in {0}; no event has as many arguments.
const maxArgument = 9999

// parsePlaceholder reads text, the inside of the braces. allowed lists the first words that may be used; "0" stands for the arguments and
// "instance" for any bare name as well.
func parsePlaceholder(text string, allowed []string) (placeholder, error) {
	word, rest, dotted := strings.Cut(text, ".")
	p := placeholder{missing: fmt.Errorf("placeholder {%s}: %w", text, ErrMissing)}
	kinds := map[string]placeholderKind{
		"sid": sid, "namespace": namespace, "auth": ofAuth, "claims": ofClaims, "query": ofQuery, "headers": ofHeaders, "instance": ofInstance,
	}
	kind, known := kinds[word]
	allow := word
	switch {
	case isNumber(word):
		if len(word) > 4 || len(word) > 1 && word[0] == '0' {
			return p, fmt.Errorf("placeholder {%s}: arguments count from 0 to %d", text, maxArgument)
		}
		kind, known, allow = argument, true, "0"
	case !dotted && isName(word) && !slices.Contains(allowed, word):
		kind, known, allow, rest = ofInstance, true, "instance", word
	}
	if !known || !slices.Contains(allowed, allow) {
		return p, fmt.Errorf("placeholder {%s}: unknown, must be %s", text, describe(allowed))
	}
	p.kind = kind
	return p, p.address(text, word, rest, dotted)
}

// address fills in where the value is found.
func (p *placeholder) address(text, word, rest string, dotted bool) error {
	switch p.kind {
	case sid, namespace:
		if dotted {
			return fmt.Errorf("placeholder {%s}: {%s} has no fields", text, word)
		}
		return nil
	case argument:
		path, err := escapePath(text, rest, dotted)
		if p.path = argumentIndex(word); path != "" {
			p.path += "." + path
		}
		return err
	case ofAuth, ofClaims:
		path, err := escapePath(text, rest, true)
		p.path = path
		return err
	}
	if rest == "" {
		return fmt.Errorf("placeholder {%s}: names no value, as {%s.x} does", text, word)
	}
	p.path = rest
	if p.kind == ofHeaders {
		p.path = http.CanonicalHeaderKey(rest)
	}
	return nil
}

// argumentIndex returns where argument n stands in [name, args…].
func argumentIndex(digits string) string {
	n := 0
	for _, c := range digits {
		n = n*10 + int(c-'0')
	}
	return fmt.Sprint(n + 1)
}

// escapePath makes a path of plain keys one for gjson, to which many characters mean more. There are three that it cannot be told to
// take as they are everywhere.
func escapePath(text, path string, wanted bool) (string, error) {
	if path == "" && !wanted {
		return "", nil
	}
	if strings.ContainsAny(path, `#|\`) {
		return "", fmt.Errorf("placeholder {%s}: a key must not hold #, | or \\", text)
	}
	keys := strings.Split(path, ".")
	for i, key := range keys {
		if key == "" {
			return "", fmt.Errorf("placeholder {%s}: a key is empty", text)
		}
		keys[i] = gjson.Escape(key)
	}
	return strings.Join(keys, "."), nil
}

// find returns the value as JSON where it is part of a JSON text.
func (p *placeholder) find(in *Input) gjson.Result {
	var text json.RawMessage
	switch {
	case p.kind == argument:
		text = in.payload()
	case in.Peer == nil:
	case p.kind == ofAuth:
		text = in.Peer.Auth
	case p.kind == ofClaims:
		text = in.Peer.Claims
	}
	if len(text) == 0 {
		return gjson.Result{}
	}
	return gjson.GetBytes(text, p.path)
}

// text returns the value as text, or an error with [ErrMissing]. The text shares no memory with the input's borrowed bytes.
func (p *placeholder) text(in *Input) (string, error) {
	value := ""
	switch p.kind {
	case namespace:
		value = in.Namespace
	case argument, ofAuth, ofClaims:
		value = scalar(p.find(in))
	default:
		if in.Peer != nil {
			value = p.plain(in.Peer)
		}
	}
	if value == "" {
		return "", p.missing
	}
	return value, nil
}

// plain returns what the peer has as text.
func (p *placeholder) plain(peer *Peer) string {
	switch p.kind {
	case sid:
		return peer.SID
	case ofQuery:
		peer.load()
		return peer.Query.Get(p.path)
	case ofHeaders:
		peer.load()
		if v := peer.Header[p.path]; len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// scalar returns a string as it is, a number as it was written, a boolean as a word, and "" for anything else.
func scalar(r gjson.Result) string {
	switch r.Type {
	case gjson.String:
		return r.Str
	case gjson.Number, gjson.True, gjson.False:
		return r.Raw
	}
	return ""
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// isName reports whether s can be the key of a variable.
func isName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// describe lists the placeholders that may stand in a template.
func describe(allowed []string) string {
	forms := map[string]string{
		"0": "{0}, {0.key}", "auth": "{auth.key}", "claims": "{claims.key}", "query": "{query.key}", "headers": "{headers.key}",
		"instance": "{key}, {instance.key}",
	}
	list := make([]string, 0, len(allowed))
	for _, word := range allowed {
		if form, ok := forms[word]; ok {
			list = append(list, form)
		} else {
			list = append(list, "{"+word+"}")
		}
	}
	return strings.Join(list, ", ")
}
