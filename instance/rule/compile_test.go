package rule_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/rule"
)

func TestFaultsNameTheirKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		rule      config.Rule
		key, want string
	}{
		{"m", config.Rule{Args: `.a |`}, "args", "jq: line 1, column 5"},
		{"m", config.Rule{When: `(`}, "when", "jq: line 1"},
		{"m", config.Rule{Ack: config.Ack{Expr: `}`}}, "ack", "jq: line 1"},
		{"m", config.Rule{To: config.Strings{"everyone"}}, "to", `must be "all", "others", "sender", "none", "room:R" or "others:R", not "everyone"`},
		{"m", config.Rule{To: config.Strings{"room:"}}, "to", "must be"},
		{"m", config.Rule{To: config.Strings{"all", "none"}}, "to", `"none" stands alone`},
		{"m", config.Rule{To: config.Strings{"room:{x}"}}, "to", "placeholder {x}: unknown"},
		{"m", config.Rule{Join: config.Strings{"{"}}, "join", "stands alone"},
		{"m", config.Rule{Join: config.Strings{""}}, "join", "must not be empty"},
		{"m", config.Rule{Leave: config.Strings{"{args}"}}, "leave", "unknown"},
		{"m", config.Rule{Emit: "disconnect"}, "emit", `"disconnect" is reserved`},
		{"m", config.Rule{Emit: "{y}"}, "emit", "unknown"},
		{"m", config.Rule{From: []string{"mars"}}, "from", `not "mars"`},
		{"m", config.Rule{Delivery: "twice"}, "delivery", `not "twice"`},
		{"m", config.Rule{Schema: `{`}, "schema", "must be a JSON Schema as text"},
		{"m", config.Rule{Schema: `file.json`}, "schema", "must be a JSON Schema as text"},
		{"m", config.Rule{Schema: `{"type":"strange"}`}, "schema", "no valid JSON Schema: at /type"},
		{"m", config.Rule{Schema: `{"$ref":"https://example.org/s.json"}`}, "schema", "nothing is fetched"},
		{"m", config.Rule{Schema: `{"$ref":"file:///etc/passwd"}`}, "schema", "nothing is fetched"},
		{"m", config.Rule{Schema: `{"$ref":"other.json"}`}, "schema", "nothing is fetched"},
		{"m", config.Rule{Schema: `{"$schema":"https://example.org/meta"}`}, "schema", "nothing is fetched"},
		{"m", config.Rule{Schema: `{"$ref":"#/$defs/none"}`}, "schema", "$defs/none"},
		{"m", config.Rule{Also: []config.Also{{}, {When: `]`}}}, "also.1.when", "jq: line 1"},
		{"m", config.Rule{Also: []config.Also{{Args: `]`}}}, "also.0.args", "jq: line 1"},
		{"m", config.Rule{Also: []config.Also{{To: config.Strings{"x"}}}}, "also.0.to", "must be"},
		{"m", config.Rule{Also: []config.Also{{Emit: "connect"}}}, "also.0.emit", "reserved"},
		{"connect", config.Rule{To: config.Strings{"all"}}, "emit", "is required"},
		{"connect", config.Rule{Args: `[1]`}, "emit", "is required"},
		{"disconnect", config.Rule{Also: []config.Also{{To: config.Strings{"all"}}}}, "also.0.emit", "is required"},
	} {
		for _, space := range []string{"", "/n"} {
			in, prefix := &config.Instance{On: rules{c.name: &c.rule}}, "on."
			if space != "" {
				in = &config.Instance{Namespace: map[string]*config.Namespace{space: {On: rules{c.name: &c.rule}}}}
				prefix = "namespace./n.on."
			}
			_, err := rule.Compile(in)
			var faults *rule.Faults
			if !errors.As(err, &faults) || len(faults.List) != 1 {
				t.Errorf("%+v: got %v, want one fault", c.rule, err)
				continue
			}
			f := faults.List[0]
			if got, want := strings.Join(f.Key, "."), prefix+c.name+"."+c.key; got != want || !strings.Contains(f.Message, c.want) {
				t.Errorf("got %s: %s; want %s: %s", got, f.Message, want, c.want)
			}
		}
	}
}

func TestEveryFaultIsFound(t *testing.T) {
	t.Parallel()
	_, err := rule.Compile(&config.Instance{On: rules{
		"a": {Args: `(`, Emit: "{x}", To: config.Strings{"x"}},
		"b": {Schema: `[`},
	}})
	want := []string{"on.a.args: ", "on.a.to: ", "on.a.emit: ", "on.b.schema: "}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("got %q, want %d lines", lines, len(want))
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("got %q, want %q", lines[i], want[i])
		}
	}
}

func TestLocalReferencesAreFollowed(t *testing.T) {
	t.Parallel()
	s := compile(t, rules{"m": {Schema: `{"$defs":{"t":{"type":"string"}},"items":{"$ref":"#/$defs/t"}}`}})
	if got, _ := eval(s, event("m", `"x"`)); got != "=(=)->others" {
		t.Errorf("got %q", got)
	}
	if got, d := eval(s, event("m", `1`)); got != "drop=schema" || !strings.Contains(d.Err.Error(), "at /0: got number, want string") {
		t.Errorf("got %q, %v", got, d.Err)
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, r := range rule.Reasons() {
		if name := r.String(); name == "" || seen[name] || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("reason %d is called %q", r, name)
		}
		seen[r.String()] = true
	}
	if rule.Kept.String() != "" || rule.Reason(200).String() != "unknown" || len(seen) != 9 {
		t.Errorf("got %v", seen)
	}
}
