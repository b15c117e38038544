package rule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Reply is the compiled body of a JSON answer: a JSON text with placeholders in its strings, or a jq program. It is immutable.
type Reply struct {
	parts   []replyPart
	program *Program
}

// replyPart is text as it was written, or a string with placeholders.
type replyPart struct {
	text   string
	string *Template
}

// inReplies are the placeholders that JSON answers know.
var inReplies = []string{"instance", "query", "headers"}

// CompileReply compiles body. If it is JSON, the strings in it that are values may hold the placeholders {key} and {instance.key} (of
// $instance), {query.x} and {headers.x}; {{ and }} are literal braces. Anything else is a jq program over {path, query, headers}
// with $instance, that makes one output.
func CompileReply(body string) (*Reply, error) {
	if strings.TrimSpace(body) == "" {
		return nil, errors.New("must not be empty")
	}
	fault := syntaxOf(body)
	if fault == nil {
		parts, err := splitStrings(body)
		return &Reply{parts: parts}, err
	}
	program, err := CompileProgram(body, "$instance")
	if err != nil {
		return nil, fmt.Errorf("neither JSON (%v) nor a program (%w)", fault, err)
	}
	return &Reply{program: program}, nil
}

func syntaxOf(body string) error {
	var v json.RawMessage
	return json.Unmarshal([]byte(body), &v)
}

// splitStrings finds the string values in body, which is valid JSON. Everything else, white space and keys too, stays as it was written.
func splitStrings(body string) (parts []replyPart, err error) {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	var open []bool // for each open array or object: is it an object
	key := false    // the next string is a key
	done, last := 0, 0
	for {
		token, err := d.Token()
		if err != nil { // the end: body is valid
			return append(parts, replyPart{text: body[done:]}), nil
		}
		end := int(d.InputOffset())
		inObject := len(open) > 0 && open[len(open)-1]
		switch v := token.(type) {
		case json.Delim:
			switch v {
			case '{', '[':
				open = append(open, v == '{')
			default:
				open = open[:len(open)-1]
			}
			key = len(open) > 0 && open[len(open)-1]
		case string:
			if key {
				key = false
				break
			}
			key = inObject
			if !strings.ContainsAny(v, "{}") {
				break
			}
			t, err := parseTemplate(v, inReplies)
			if err != nil {
				return nil, err
			}
			start := last + strings.IndexByte(body[last:], '"')
			parts = append(parts, replyPart{text: body[done:start]}, replyPart{string: t})
			done = end
		default:
			key = inObject
		}
		last = end
	}
}

// Render returns the answer to a request for path. A query parameter or header that the request lacks is an empty text; a key that
// $instance lacks is an error. It may block for [ProgramTime] if the body is a program. The result belongs to the caller.
func (r *Reply) Render(path string, query url.Values, header http.Header, vars Vars) ([]byte, error) {
	c := replyContext{query: query, header: header, vars: vars}
	if r.program != nil {
		return c.run(r.program, path)
	}
	var b []byte
	for _, part := range r.parts {
		if part.string == nil {
			b = append(b, part.text...)
			continue
		}
		text, err := c.expand(part.string)
		if err != nil {
			return nil, err
		}
		if b, err = appendJSON(b, text, maxText, 0); err != nil {
			return nil, err
		}
	}
	return bytes.TrimSpace(b), nil
}

// replyContext is what one answer is made of.
type replyContext struct {
	query    url.Values
	header   http.Header
	vars     Vars
	instance map[string]any
}

// ask asks for $instance once.
func (c *replyContext) ask() map[string]any {
	if c.instance == nil && c.vars != nil {
		c.instance = c.vars.Instance()
	}
	return c.instance
}

func (c *replyContext) run(p *Program, path string) ([]byte, error) {
	input := map[string]any{"path": path, "query": firsts(c.query, false), "headers": firsts(c.header, true)}
	outputs, err := p.Run(Bounds{}, input, func() any { return c.ask() })
	if err != nil {
		return nil, err
	}
	if len(outputs) != 1 {
		return nil, fmt.Errorf("jq: %d outputs, must be one", len(outputs))
	}
	return outputs[0], nil
}

func (c *replyContext) expand(t *Template) (string, error) {
	var b strings.Builder
	for _, part := range t.parts {
		if part.hole == nil {
			b.WriteString(part.literal)
			continue
		}
		text, err := c.value(part.hole)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

func (c *replyContext) value(p *placeholder) (string, error) {
	if p.kind != ofInstance {
		peer := Peer{Query: c.query, Header: c.header}
		return p.plain(&peer), nil
	}
	var v any = c.ask()
	for key := range strings.SplitSeq(p.path, ".") {
		table, _ := v.(map[string]any)
		value, ok := table[key]
		if !ok {
			return "", p.missing
		}
		v = value
	}
	if text, ok := v.(string); ok || v == nil {
		return text, nil
	}
	v, err := copied(v)
	if err != nil {
		return "", err
	}
	text, err := appendJSON(nil, v, maxText, 0)
	if errors.Is(err, ErrOutput) {
		return "", fmt.Errorf("{%s}: too large", p.path)
	}
	return string(text), err
}
