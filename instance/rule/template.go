package rule

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
)

// Template is a text with placeholders, such as "user:{claims.sub}". It is immutable.
type Template struct {
	parts []part
}

// part is literal text, or a placeholder.
type part struct {
	literal string
	hole    *placeholder
}

// inRules are the placeholders that rules know.
var inRules = []string{"0", "sid", "namespace", "auth", "claims", "query", "headers"}

// CompileTemplate reads text. allowed lists the first words of the placeholders that may stand in it, of "0" (the arguments), "sid", "namespace",
// "auth", "claims", "query" and "headers"; without any, all of these may. {{ and }} are literal braces.
func CompileTemplate(text string, allowed ...string) (*Template, error) {
	if len(allowed) == 0 {
		allowed = inRules
	}
	return parseTemplate(text, allowed)
}

func parseTemplate(text string, allowed []string) (*Template, error) {
	t := new(Template)
	var literal strings.Builder
	for rest := text; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			literal.WriteString(rest)
			break
		}
		literal.WriteString(rest[:i])
		brace := rest[i]
		rest = rest[i+1:]
		if rest != "" && rest[0] == brace {
			literal.WriteByte(brace)
			rest = rest[1:]
			continue
		}
		inside, after, closed := strings.Cut(rest, "}")
		if brace == '}' || !closed || strings.Contains(inside, "{") {
			return nil, fmt.Errorf("a %q stands alone; a literal one is written twice", brace)
		}
		hole, err := parsePlaceholder(inside, allowed)
		if err != nil {
			return nil, err
		}
		t.literal(&literal)
		t.parts = append(t.parts, part{hole: &hole})
		rest = after
	}
	t.literal(&literal)
	return t, nil
}

// literal adds what b holds, and empties it.
func (t *Template) literal(b *strings.Builder) {
	if b.Len() > 0 {
		t.parts = append(t.parts, part{literal: b.String()})
		b.Reset()
	}
}

// fixed returns the text of a template without placeholders.
func (t *Template) fixed() (string, bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && t.parts[0].hole == nil:
		return t.parts[0].literal, true
	}
	return "", false
}

// Expand returns the text for in. A template that is one placeholder, whose value is an array of strings, gives each of them. The error of a
// placeholder without value has [ErrMissing] in its chain.
func (t *Template) Expand(in *Input) ([]string, error) { return t.appendAll(nil, in) }

// appendAll is Expand into a slice of the caller.
func (t *Template) appendAll(to []string, in *Input) ([]string, error) {
	if len(t.parts) == 1 && t.parts[0].hole != nil && t.parts[0].hole.kind <= ofClaims {
		hole := t.parts[0].hole
		r := hole.find(in)
		if r.IsArray() {
			return appendStrings(to, r, hole.missing)
		}
		if s := scalar(r); s != "" {
			return append(to, s), nil
		}
		return to, hole.missing
	}
	text, err := t.text(in)
	if err != nil {
		return to, err
	}
	return append(to, text), nil
}

var errElements = errors.New("holds something that is no text")

func appendStrings(to []string, r gjson.Result, missing error) ([]string, error) {
	err := missing
	r.ForEach(func(_, v gjson.Result) bool {
		if v.Type != gjson.String || v.Str == "" {
			err = fmt.Errorf("%w: the array %w", missing, errElements)
			return false
		}
		to, err = append(to, v.Str), nil
		return true
	})
	return to, err
}

// text returns the one text for in.
func (t *Template) text(in *Input) (string, error) {
	if s, ok := t.fixed(); ok {
		return s, nil
	}
	if len(t.parts) == 1 {
		return t.parts[0].hole.text(in)
	}
	var b strings.Builder
	for i := range t.parts {
		part := &t.parts[i]
		if part.hole == nil {
			b.WriteString(part.literal)
			continue
		}
		s, err := part.hole.text(in)
		if err != nil {
			return "", err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}
