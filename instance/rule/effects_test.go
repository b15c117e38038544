package rule_test

import (
	"testing"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/rule"
)

func TestEffects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		rule config.Rule
		in   *rule.Input
		want string
	}{
		{"another name", config.Rule{Emit: "y"}, event("m", "1"), "y(=)->others"},
		{"a name with placeholders", config.Rule{Emit: "{0.kind}:{namespace}"}, event("m", `{"kind":"k"}`), "k:/(=)->others"},
		{"a name that is reserved", config.Rule{Emit: "{0}"}, event("m", `"disconnect"`), "drop=reserved"},
		{"other arguments", config.Rule{Args: `[.event, .args[0] + 1]`}, event("m", "1"), `=("m",2)->others`},
		{"one argument", config.Rule{Args: `{n: .args[0]}`}, event("m", "1"), `=({"n":1})->others`},
		{"no argument", config.Rule{Args: `empty`}, event("m", "1"), `=()->others`},
		{"an empty array is no argument", config.Rule{Args: `[]`}, event("m", "1"), `=()->others`},
		{"two outputs", config.Rule{Args: `1, 2`}, event("m", "1"), "drop=jq"},
		{"a fault", config.Rule{Args: `error("no")`}, event("m", "1"), "drop=jq"},
		{"what programs see", config.Rule{Args: `[.sid, .namespace, .auth.n, .claims.big, .query.v, .headers["x-two"], .headers["user-agent"]]`},
			event("m", "1"), `=("S1","/",7,12345678901234567890,"1","one","tester")->others`},
		{"what they see of nobody", config.Rule{Args: `[.sid, .auth, .claims, .query, .headers]`}, posted("m", "1"), `=(null,null,null,{},{})->all`},
		{"numbers keep their digits", config.Rule{Args: `.args`}, event("m", `9223372036854775807,12345678901234567890123,1.50,-0,1e2`),
			`=(9223372036854775807,12345678901234567890123,1.50,-0,1e2)->others`},
		{"binary values move", config.Rule{Args: `[.args[1], .args[0]]`}, event("m", `{"_placeholder":true,"num":0},"x"`),
			`=("x",{"_placeholder":true,"num":0})->others`},
		{"variables", config.Rule{Args: `[$instance.name, $instance.clients, $instance.nested.x[0], $history[0].n, $history[1]]`}, event("m", "1"),
			`=("chat",3,"y",12345678901234567890,"/")->others`},
		{"join and leave", config.Rule{To: config.Strings{"none"}, Join: config.Strings{"a", "u:{claims.sub}"}, Leave: config.Strings{"{0}"}}, event("m", `"old"`),
			"join=[a u:ann] leave=[old]"},
		{"join of an array", config.Rule{To: config.Strings{"none"}, Join: config.Strings{"{0}", "{claims.groups}"}}, event("m", `["x","y"]`), "join=[x y red blue]"},
		{"join of an array with text around it", config.Rule{Join: config.Strings{"r{0}"}}, event("m", `["x","y"]`), "drop=placeholder"},
		{"join of an array that is empty", config.Rule{Join: config.Strings{"{0}"}}, event("m", `[]`), "drop=placeholder"},
		{"join of an array with a number", config.Rule{Join: config.Strings{"{0}"}}, event("m", `["x",1]`), "drop=placeholder"},
		{"join of nothing", config.Rule{Join: config.Strings{"{0}"}}, event("m", `null`), "drop=placeholder"},
		{"join of an empty text", config.Rule{Join: config.Strings{"{0}"}}, event("m", `""`), "drop=placeholder"},
		{"a field of a text", config.Rule{Join: config.Strings{"{0.room}"}}, event("m", `"x"`), "drop=placeholder"},
		{"a missing argument", config.Rule{Leave: config.Strings{"{3}"}}, event("m", `"x"`), "drop=placeholder"},
		{"ack", config.Rule{Ack: config.Ack{Always: true}}, event("m", "1"), "=(=)->others ack"},
		{"ack with the arguments", config.Rule{Ack: config.Ack{Expr: "{args}"}}, event("m", "1"), "=(=)->others ack=same"},
		{"ack by jq, an array", config.Rule{Ack: config.Ack{Expr: `["ok", .args[0]]`}}, event("m", "1"), `=(=)->others ack="ok",1`},
		{"ack by jq, one value", config.Rule{Ack: config.Ack{Expr: `{ok: true}`}}, event("m", "1"), `=(=)->others ack={"ok":true}`},
		{"ack by jq that fails", config.Rule{Ack: config.Ack{Expr: `.event + 1`}}, event("m", "1"), "drop=jq"},
		{"the worker's ack", config.Rule{Worker: true}, event("m", "1"), "=(=)->others ack=worker worker"},
		{"a worker and an ack of its own", config.Rule{Worker: true, Ack: config.Ack{Always: true}}, event("m", "1"), "=(=)->others ack worker"},
		{"further emits in order", config.Rule{Also: []config.Also{
			{Emit: "b", To: config.Strings{"sender"}},
			{Emit: "c", When: `.args[0] > 5`},
			{When: `.args[0] < 5`, To: config.Strings{"room:{claims.sub}"}, Args: `[.args[0] * 10]`},
		}}, event("m", "1"), "=(=)->others b(=)->sender =(10)->room:ann"},
		{"to none and further emits", config.Rule{To: config.Strings{"none"}, Also: []config.Also{{Emit: "b", To: config.Strings{"all"}}}}, event("m", "1"), "b(=)->all"},
		{"a further emit to a sender who is not there", config.Rule{Also: []config.Also{{Emit: "b", To: config.Strings{"sender"}}}}, posted("m", "1"), "=(=)->all"},
		{"a fault in a further emit drops all", config.Rule{Join: config.Strings{"a"}, Also: []config.Also{{To: config.Strings{"room:{0.x}"}}}}, event("m", "1"), "drop=placeholder"},
		{"a fault in its when", config.Rule{Also: []config.Also{{When: `.event.x`}}}, event("m", "1"), "drop=jq"},
		{"when that fails", config.Rule{When: `.event.x`}, event("m", "1"), "drop=jq"},
		{"when with two outputs", config.Rule{When: `true, true`}, event("m", "1"), "drop=jq"},
		{"when without output", config.Rule{When: `empty`}, event("m", "1"), "drop=no_rule"},
		{"when that is null", config.Rule{When: `.args[4]`}, event("m", "1"), "drop=no_rule"},
		{"a schema that holds", config.Rule{Schema: `{"minItems":1,"prefixItems":[{"type":"object","required":["text"]}]}`}, event("m", `{"text":"x"}`), "=(=)->others"},
		{"a schema that does not", config.Rule{Schema: `{"prefixItems":[{"type":"object","required":["text"]}]}`}, event("m", `{}`), "drop=schema"},
		{"a schema and no arguments", config.Rule{Schema: `{"minItems":1}`}, event("m", ``), "drop=schema"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := *c.in
			in.Vars = new(vars)
			if got, d := eval(compile(t, rules{"m": &c.rule}), &in); got != c.want {
				t.Errorf("got %q (%v), want %q", got, d.Err, c.want)
			}
		})
	}
}

func TestPlaceholdersOfBinaryValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		program string
		binary  int
		want    string
	}{
		{`[.args[1], .args[0]]`, 1, `=("x",{"_placeholder":true,"num":0})->others`},
		{`[.args[0], .args[0]]`, 1, `=({"_placeholder":true,"num":0},{"_placeholder":true,"num":0})->others`},
		{`[{deep: [.args[0]]}]`, 1, `=({"deep":[{"_placeholder":true,"num":0}]})->others`},
		{`[.args[0] | .num += 1]`, 1, "drop=jq"},
		{`[.args[0] | .num = -1]`, 1, "drop=jq"},
		{`[.args[0] | .num = 0.5]`, 1, "drop=jq"},
		{`[.args[0] | del(.num)]`, 1, "drop=jq"},
		{`[.args[0] | .num += 1]`, 0, `=({"_placeholder":true,"num":1})->others`},
	} {
		in := event("m", `{"_placeholder":true,"num":0},"x"`)
		in.Binary = c.binary
		if got, d := eval(compile(t, rules{"m": {Args: c.program}}), in); got != c.want {
			t.Errorf("%s with %d: got %q, %v; want %q", c.program, c.binary, got, d.Err, c.want)
		}
	}
}
