package rule_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/rule"
)

// FuzzTemplate checks that what compiles expands, to text that holds the literal parts.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"", "a{0}b", "{{}}", "{0.a.b}", "{sid}{namespace}", "{auth.x}", "{claims.sub}-{query.v}", "{", "}", "{0.@this}", "{0.#}", "{{{0}}}", "{0.a\\b}", "{headers.a b}", "{é}"} {
		f.Add(seed, `{"a":{"b":1}}`)
	}
	f.Fuzz(func(t *testing.T, text, arg string) {
		template, err := rule.CompileTemplate(text)
		if err != nil {
			return
		}
		got, err := template.Expand(event("m", arg))
		if err != nil {
			return
		}
		if !strings.ContainsAny(text, "{}") && (len(got) != 1 || got[0] != text) {
			t.Errorf("%q gives %q", text, got)
		}
		for _, s := range got {
			if s == "" && text != "" {
				t.Errorf("%q gives an empty text", text)
			}
		}
	})
}

// FuzzEval checks that no payload, valid or not, does harm, and that what is made of a valid one is valid.
func FuzzEval(f *testing.F) {
	s := everyKind(f)
	for _, seed := range []string{`["m",1]`, `["m",{"a":{"b":["r"]}},"x"]`, `[]`, `null`, `["m",["a","b"],[]]`, `["m",1e999]`, `["m","\ud800"]`, `["m",{"_placeholder":true,"num":0}]`, `["m",3,"ab"]`} {
		f.Add([]byte(seed), `{"x":1}`)
	}
	d := new(rule.Decision)
	f.Fuzz(func(t *testing.T, payload []byte, auth string) {
		for _, kind := range kinds {
			in := event(kind, "")
			in.Payload, in.Peer.Auth = rule.JSON(payload), json.RawMessage(auth)
			s.Eval(in, d)
			check(t, d)
		}
	})
}

func check(t *testing.T, d *rule.Decision) {
	t.Helper()
	if (d.Drop == rule.Kept) != (d.Err == nil) || d.Drop != rule.Kept && len(d.Emits)+len(d.Join)+len(d.Leave) > 0 {
		t.Errorf("%s: %v", d.Rule, shown(d))
	}
	for _, room := range d.Join {
		if room == "" {
			t.Errorf("%s: joins a room without name", d.Rule)
		}
	}
	for _, e := range d.Emits {
		for _, arg := range e.Args {
			if !json.Valid(arg) {
				t.Errorf("%s: emits %q", d.Rule, arg)
			}
		}
	}
}

// FuzzReply checks that the answer to a body that is JSON is JSON.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{`{"a":"{name}"}`, `"{{x}}"`, `["{query.v}",{"k":"{project}"}]`, `1`, ` [ ] `, `{"{name}":"{name}"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r, err := rule.CompileReply(body)
		if err != nil || !json.Valid([]byte(body)) {
			return
		}
		p := peer()
		if got, err := r.Render("/", p.Query, p.Header, new(vars)); err == nil && !json.Valid(got) {
			t.Errorf("%s gives %s", body, got)
		}
	})
}
