package rule_test

import (
	"encoding/json"
	"testing"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/rule"
)

func TestWhichWayAnEventGoes(t *testing.T) {
	t.Parallel()
	chat := rules{"message": {To: config.Strings{"all"}}}
	greeting := rules{"connect": {Emit: "welcome", To: config.Strings{"sender"}}, "disconnect": {}}
	bare := event("x", "1")
	bare.Peer = nil
	worker := posted("x", "1")
	worker.Source = rule.Worker
	for _, c := range []struct {
		name string
		on   rules
		in   *rule.Input
		want string
	}{
		{"a hub relays to the others", nil, event("x", "1"), "=(=)->others"},
		{"a hub with lifecycle rules is one still", greeting, event("x", "1"), "=(=)->others"},
		{"a client's event that no rule takes", chat, event("x", "1"), "drop=no_rule"},
		{"a posted event that no rule takes goes to everyone", chat, posted("x", "1"), "=(=)->all"},
		{"or to its rooms", chat, posted("x", "1", "a", "b"), "=(=)->room:a+room:b"},
		{"a worker's as well", chat, worker, "=(=)->all"},
		{"the others of nobody are all", nil, bare, "=(=)->all"},
		{"connect without a rule", nil, event("connect", "null"), ""},
		{"disconnect without a rule", chat, event("disconnect", `"gone"`), ""},
		{"connect with a rule", greeting, event("connect", "null"), "welcome(=)->sender"},
		{"a rule that says nothing", greeting, event("disconnect", `"gone"`), ""},
		{"connect without to goes to the others", rules{"connect": {Emit: "joined"}}, event("connect", "null"), "joined(=)->others"},
		{"connect is not for globs", rules{"*": {To: config.Strings{"all"}}}, event("connect", "null"), ""},
		{"to beats the body's room", chat, posted("message", "1", "a"), "=(=)->all"},
		{"a rule without to, from a client", rules{"m": {}}, event("m", "1"), "=(=)->others"},
		{"a rule without to, posted", rules{"m": {}}, posted("m", "1"), "=(=)->all"},
		{"a rule without to, posted to a room", rules{"m": {}}, posted("m", "1", "a"), "=(=)->room:a"},
		{"a rule with join alone relays as well", rules{"m": {Join: config.Strings{"r"}}}, event("m", "1"), "join=[r] =(=)->others"},
		{"drop", rules{"m": {Drop: true, Join: config.Strings{"r"}}}, event("m", "1"), "drop=rule"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, _ := eval(compile(t, c.on), c.in); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		to         config.Strings
		args       string
		want, bare string // with and without a sender
	}{
		{"all", config.Strings{"all"}, "1", "=(=)->all", "=(=)->all"},
		{"others", config.Strings{"others"}, "1", "=(=)->others", "=(=)->all"},
		{"sender", config.Strings{"sender"}, "1", "=(=)->sender", "drop=no_sender"},
		{"none", config.Strings{"none"}, "1", "", ""},
		{"a room", config.Strings{"room:a"}, "1", "=(=)->room:a", "=(=)->room:a"},
		{"others of a room", config.Strings{"others:a"}, "1", "=(=)->others:a", "=(=)->room:a"},
		{"sender in a list", config.Strings{"sender", "room:a"}, "1", "=(=)->sender+room:a", "=(=)->room:a"},
		{"both sorts of rooms", config.Strings{"room:a", "others:b"}, "1", "=(=)->room:a+others:b", "=(=)->room:a+room:b"},
		{"an open room", config.Strings{"room:{0.room}"}, `{"room":"r"}`, "=(=)->room:r", "=(=)->room:r"},
		{"open and fixed", config.Strings{"room:a", "room:u:{0}", "others:{0}!"}, `5`, "=(=)->room:a+room:u:5+others:5!", "=(=)->room:a+room:u:5+room:5!"},
		{"a room without value", config.Strings{"all", "room:{0.room}"}, `{}`, "drop=placeholder", "drop=placeholder"},
		{"an array is no room", config.Strings{"room:{0}"}, `["a"]`, "drop=placeholder", "drop=placeholder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := compile(t, rules{"m": {To: c.to}})
			if got, _ := eval(s, event("m", c.args)); got != c.want {
				t.Errorf("with a sender: got %q, want %q", got, c.want)
			}
			if got, _ := eval(s, posted("m", c.args, "body")); got != c.bare {
				t.Errorf("without: got %q, want %q", got, c.bare)
			}
		})
	}
}

func TestMostSpecificRuleIsAskedFirst(t *testing.T) {
	t.Parallel()
	on := rules{
		"*":         {To: config.Strings{"room:star"}},
		"a*":        {To: config.Strings{"room:a"}},
		"a.*.z":     {To: config.Strings{"room:az"}},
		"a.b":       {To: config.Strings{"room:exact"}},
		"*.b":       {To: config.Strings{"room:b"}},
		"post.*":    {To: config.Strings{"room:post"}, From: []string{"http"}},
		"picky":     {To: config.Strings{"room:picky"}, When: `.args[0] == 1`},
		"p*":        {To: config.Strings{"room:p"}, When: `.args[0] == 2`},
		"connect":   {},
		"from.all*": {To: config.Strings{"room:from"}, From: []string{"client", "http", "worker"}},
	}
	s := compile(t, on, map[string]rules{"/n": {"a.b": {Drop: true}, "only": {To: config.Strings{"room:only"}}}})
	for _, c := range []struct {
		name, namespace string
		in              *rule.Input
		rule, want      string
	}{
		{"the exact name", "/", event("a.b", "1"), "a.b", "=(=)->room:exact"},
		{"the longest glob", "/", event("a.x.z", "1"), "a.*.z", "=(=)->room:az"},
		{"a tie goes by name", "/", event("a", "1"), "a*", "=(=)->room:a"},
		{"the last", "/", event("q", "1"), "*", "=(=)->room:star"},
		{"from that fits", "/", posted("post.x", "1"), "post.*", "=(=)->room:post"},
		{"from that does not", "/", event("post.x", "1"), "*", "=(=)->room:star"},
		{"when is true", "/", event("picky", "1"), "picky", "=(=)->room:picky"},
		{"when is false, the next", "/", event("picky", "2"), "p*", "=(=)->room:p"},
		{"both are false", "/", event("picky", "3"), "*", "=(=)->room:star"},
		{"replaced in a namespace", "/n", event("a.b", "1"), "a.b", "drop=rule"},
		{"only that one", "/n", event("a.c", "1"), "a*", "=(=)->room:a"},
		{"one that only the namespace has", "/n", event("only", "1"), "only", "=(=)->room:only"},
		{"and nobody else", "/", event("only", "1"), "*", "=(=)->room:star"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := *c.in
			in.Namespace = c.namespace
			got, d := eval(s, &in)
			if got != c.want || d.Rule != c.rule {
				t.Errorf("got %q by %q, want %q by %q", got, d.Rule, c.want, c.rule)
			}
		})
	}
}

func TestARuleOfOneNamespaceEndsTheHubThere(t *testing.T) {
	t.Parallel()
	s := compile(t, nil, map[string]rules{"/n": {"m": {}}})
	in := event("x", "1")
	if got, _ := eval(s, in); got != "=(=)->others" {
		t.Errorf("elsewhere: got %q", got)
	}
	in.Namespace = "/n"
	if got, _ := eval(s, in); got != "drop=no_rule" {
		t.Errorf("there: got %q", got)
	}
}

func TestDeliveryAndHistory(t *testing.T) {
	t.Parallel()
	s := compile(t, rules{
		"a": {Delivery: "acked", History: true, Worker: true, Also: []config.Also{{Emit: "b"}}},
		"v": {Delivery: "volatile"},
	})
	_, d := eval(s, event("a", "1"))
	for i, e := range d.Emits {
		if e.Delivery != rule.Acked || !e.History {
			t.Errorf("emit %d: got %v, history %v; want acked, true", i, e.Delivery, e.History)
		}
	}
	if !d.Acked || len(d.Emits) != 2 {
		t.Errorf("got acked %v and %d emits, want true and 2", d.Acked, len(d.Emits))
	}
	if _, d = eval(s, event("v", "1")); d.Acked || d.Emits[0].Delivery != rule.Volatile || d.Emits[0].History {
		t.Errorf("got %+v, want volatile without history", d.Emits[0])
	}
	if _, d = eval(compile(t, nil), event("v", "1")); d.Emits[0].Delivery != rule.Once || !d.Emits[0].History {
		t.Errorf("without a rule: got %+v, want once with history", d.Emits[0])
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	s := compile(t, rules{
		"room":   {To: config.Strings{"room:{0.room}"}},
		"schema": {Schema: `{"items":{"type":"string"}}`},
		"jq":     {Args: `error("spoilt")`},
		"drop":   {Drop: true},
		"sender": {To: config.Strings{"sender"}},
	})
	for _, c := range []struct {
		in            *rule.Input
		code, message string
	}{
		{event("room", "{}"), "placeholder", "to: placeholder {0.room}: no value"},
		{event("schema", "1,2"), "schema", "the arguments violate the schema: at /0: got number, want string; at /1: got number, want string"},
		{event("jq", "1"), "jq", "args: jq: error: spoilt"},
		{event("drop", "1"), "rule", "the rule drops this event"},
		{event("other", "1"), "no_rule", "no rule takes this event"},
		{posted("sender", "1"), "no_sender", "the event has no sender to answer"},
	} {
		_, d := eval(s, c.in)
		if code, message := d.Refusal(); code != c.code || message != c.message {
			t.Errorf("%s: got %q %q, want %q %q", c.in.Event, code, message, c.code, c.message)
		}
	}
}

func TestVariablesAreAskedOnlyWhenMentionedAndOnce(t *testing.T) {
	t.Parallel()
	s := compile(t, rules{
		"none": {Args: `.args`},
		"both": {When: `$instance.name == "chat"`, Args: `[$instance.port, ($history | length)]`, Ack: config.Ack{Expr: `$history[1]`}},
	})
	v := new(vars)
	in := event("none", "1")
	in.Vars = v
	if eval(s, in); v.instance+v.history != 0 {
		t.Errorf("asked %+v, want never", *v)
	}
	in = event("both", "1")
	in.Vars = v
	if got, _ := eval(s, in); got != `=(8765,2)->others ack="/"` || v.instance != 1 || v.history != 1 {
		t.Errorf("got %q and %+v, want one question each", got, *v)
	}
	if in.Vars = nil; true {
		if got, _ := eval(s, in); got != "drop=no_rule" {
			t.Errorf("without variables: got %q", got)
		}
	}
}

func TestAckIsNotComputedForNobody(t *testing.T) {
	t.Parallel()
	s := compile(t, rules{"m": {Ack: config.Ack{Expr: `error("not asked")`}}, "w": {Worker: true}})
	for _, name := range []string{"m", "w"} {
		in := event(name, "1")
		in.NoAck = true
		if _, d := eval(s, in); d.Ack != rule.AckNone || d.Drop != rule.Kept {
			t.Errorf("%s: got %v %v, want no ack and no drop", name, d.Ack, d.Drop)
		}
	}
}

// counted is a payload that knows how often it was looked at.
type counted struct {
	text  json.RawMessage
	asked int
}

func (c *counted) JSON() json.RawMessage {
	c.asked++
	return c.text
}

func TestPayloadIsNotLookedAtWithoutNeed(t *testing.T) {
	t.Parallel()
	s := compile(t, rules{"m": {To: config.Strings{"room:a"}, Join: config.Strings{"{sid}", "{claims.sub}"}, Ack: config.Ack{Expr: "{args}"}}})
	p := &counted{text: json.RawMessage(`["m",1]`)}
	in := event("m", "1")
	in.Payload = p
	if got, _ := eval(s, in); p.asked != 0 {
		t.Errorf("%s: the payload was looked at %d times", got, p.asked)
	}
}

func TestDecisionIsReused(t *testing.T) {
	t.Parallel()
	s := compile(t, rules{
		"full": {
			Join: config.Strings{"a"}, Leave: config.Strings{"b"}, Worker: true, Delivery: "acked",
			Args: `[1]`, Also: []config.Also{{Emit: "x"}}, Ack: config.Ack{Expr: "[1]"},
		},
		"plain": {},
		"none":  {To: config.Strings{"none"}},
	})
	d := new(rule.Decision)
	for range 3 {
		s.Eval(event("full", "1"), d)
		for name, want := range map[string]string{"plain": "=(=)->others", "none": "", "other": "drop=no_rule"} {
			s.Eval(event(name, "1"), d)
			if got := shown(d); got != want || d.Acked {
				t.Errorf("%s: got %q, acked %v; want %q", name, got, d.Acked, want)
			}
		}
	}
}

func TestSlow(t *testing.T) {
	t.Parallel()
	s := compile(t, rules{
		"jq": {Args: `.args`}, "when": {When: `true`}, "schema": {Schema: `true`},
		"also": {Also: []config.Also{{When: `true`}}}, "ack": {Ack: config.Ack{Expr: `1`}},
		"plain": {To: config.Strings{"room:{0}"}, Ack: config.Ack{Expr: "{args}"}}, "posted": {From: []string{"http"}, Args: `1`},
		"g.*": {}, "*": {When: `true`},
	})
	for name, want := range map[string]bool{
		"jq": true, "when": true, "schema": true, "also": true, "ack": true, "posted": true, "other": true,
		"plain": false, "g.x": false, "connect": false,
	} {
		if got := s.Slow(event(name, "1")); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if compile(t, rules{"jq": {From: []string{"http"}, Args: `1`}}).Slow(event("jq", "1")) {
		t.Error("a rule for others is no reason to be slow")
	}
}

func TestHandles(t *testing.T) {
	t.Parallel()
	s := compile(t, rules{"*": {}}, map[string]rules{"/n": {"connect": {Emit: "x"}}})
	for namespace, want := range map[string]bool{"/": false, "/n": true} {
		if got := s.Handles(namespace, "connect"); got != want {
			t.Errorf("%s: got %v, want %v", namespace, got, want)
		}
	}
}
