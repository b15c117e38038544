package rule_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/rule"
)

// everyKind is a set in which one event name goes through each part of the package.
func everyKind(t testing.TB) *rule.Set {
	return compile(t, rules{
		"jq":     {When: `.args | length >= 0`, Args: `[.args, (.args | tojson)]`, Ack: config.Ack{Expr: `.args[0]`}},
		"walk":   {Args: `.args | walk(.)`},
		"path":   {Args: `.args[0] as $i | null | .[$i] = 1`},
		"repeat": {Args: `.args[1] * .args[0]`},
		"schema": {Schema: `{"$defs":{"t":{"type":["array","number","string"],"items":{"$ref":"#/$defs/t"},"multipleOf":0.5}},"$ref":"#/$defs/t","uniqueItems":true}`},
		"places": {To: config.Strings{"room:{0.a.b.0}", "others:{0}"}, Join: config.Strings{"{1}"}, Emit: "{0}"},
		"join":   {Join: config.Strings{"{0}"}},
		"plain":  {To: config.Strings{"all"}},
	})
}

var kinds = []string{"jq", "walk", "path", "repeat", "schema", "places", "join", "plain"}

func TestHostilePayloads(t *testing.T) {
	s := everyKind(t)
	for name, args := range map[string]string{
		"deep arrays":         strings.Repeat("[", 9999) + strings.Repeat("]", 9999),
		"too deep arrays":     strings.Repeat("[", 100000) + strings.Repeat("]", 100000),
		"deep objects":        strings.Repeat(`{"a":`, 9998) + "1" + strings.Repeat("}", 9998),
		"never closed":        strings.Repeat("[", 200000),
		"a huge text":         `"` + strings.Repeat("x", 1<<20) + `"`,
		"many arguments":      strings.TrimSuffix(strings.Repeat(`1,`, 50000), ","),
		"many rooms":          `["` + strings.Repeat(`a","`, 20000) + `b"]`,
		"a long number":       strings.Repeat("9", 100000),
		"an enormous number":  strings.TrimSuffix(strings.Repeat("1e999999,", 1000), ","),
		"an enormous integer": `1e1000000000`,
		"a far index":         `500000000`,
		"a repetition":        `1e9,"xxxxxxxxxxxxxxxxxxxx"`,
		"a negative index":    `-5,"x"`,
		"no JSON":             `nul`,
		"lone surrogates":     `"\ud800","\udc00"`,
		"bad bytes":           "\"\xff\xfe\"",
		"a reserved name":     `"disconnect"`,
		"keys of gjson":       `{"@this":1,"#":2,"..":3,"a.b":4}`,
	} {
		t.Run(name, func(t *testing.T) {
			d := new(rule.Decision)
			for _, kind := range kinds {
				start := time.Now()
				in := event(kind, args)
				s.Eval(in, d)
				if took := time.Since(start); took > 50*rule.ProgramTime {
					t.Errorf("%s took %v", kind, took)
				}
				if _, message := d.Refusal(); len(message) > 2000 {
					t.Errorf("%s: the message has %d bytes", kind, len(message))
				}
				for _, e := range d.Emits {
					for _, arg := range e.Args {
						if !json.Valid(arg) {
							t.Errorf("%s: emits %.100s", kind, arg)
						}
					}
				}
			}
		})
	}
}

func TestHostilePeer(t *testing.T) {
	t.Parallel()
	s := compile(t, rules{"m": {Args: `[.auth, .claims, .query, .headers]`, To: config.Strings{"room:{auth.x}"}}, "j": {Args: `.auth`}})
	in := event("m", "1")
	in.Peer = &rule.Peer{Auth: json.RawMessage(`{"x":`), Claims: json.RawMessage(strings.Repeat("[", 20000)), Query: map[string][]string{"none": nil}}
	for name, want := range map[string]string{"m": "drop=placeholder", "j": "drop=jq"} {
		in.Event = name
		if got, d := eval(s, in); got != want {
			t.Errorf("%s: got %q, %v; want %q", name, got, d.Err, want)
		}
	}
}

func TestPayloadsThatAreNone(t *testing.T) {
	t.Parallel()
	s := everyKind(t)
	for _, payload := range []rule.Payload{nil, rule.JSON(nil), rule.JSON(``), rule.JSON(`null`), rule.JSON(`[]`), rule.JSON(`{}`), rule.JSON(`"x"`), rule.JSON(`[`)} {
		for _, kind := range kinds {
			in := event(kind, "1")
			in.Payload = payload
			eval(s, in) // decides something, and does not panic
		}
	}
}
