package rule_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/rule"
)

// rules is the table on.
type rules = map[string]*config.Rule

func compile(t testing.TB, on rules, spaces ...map[string]rules) *rule.Set {
	t.Helper()
	c := &config.Instance{On: on, Namespace: map[string]*config.Namespace{}}
	for _, space := range spaces {
		for name, on := range space {
			c.Namespace[name] = &config.Namespace{On: on}
		}
	}
	s, err := rule.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// peer is a client with everything.
func peer() *rule.Peer {
	return &rule.Peer{
		SID:    "S1",
		Auth:   json.RawMessage(`{"token":"t","n":7}`),
		Claims: json.RawMessage(`{"sub":"ann","groups":["red","blue"],"big":12345678901234567890}`),
		Query:  url.Values{"v": {"1", "2"}, "a.b": {"dotted"}},
		Header: http.Header{"User-Agent": {"tester"}, "X-Two": {"one", "two"}},
	}
}

// event is an event of a client in "/": a name, and the arguments as JSON.
func event(name, args string) *rule.Input {
	text := fmt.Sprintf("[%q]", name)
	if args != "" {
		text = fmt.Sprintf("[%q,%s]", name, args)
	}
	return &rule.Input{Event: name, Namespace: "/", Payload: rule.JSON(text), Peer: peer()}
}

func posted(name, args string, rooms ...string) *rule.Input {
	in := event(name, args)
	in.Source, in.Peer, in.Rooms = rule.HTTP, nil, rooms
	return in
}

// vars counts how often it is asked.
type vars struct{ instance, history int }

func (v *vars) Instance() map[string]any {
	v.instance++
	return map[string]any{"name": "chat", "port": 8765, "clients": uint32(3), "project": `/home/a "b"`, "nested": map[string]any{"x": []string{"y"}}, "none": nil}
}

func (v *vars) History(namespace string) any {
	v.history++
	return []any{json.RawMessage(`{"event":"old","n":12345678901234567890}`), namespace}
}

// shown writes a decision in one line, so that tables stay readable.
func shown(d *rule.Decision) string {
	var b strings.Builder
	if d.Drop != rule.Kept {
		fmt.Fprintf(&b, "drop=%v ", d.Drop)
	}
	if len(d.Join) > 0 {
		fmt.Fprintf(&b, "join=%v ", d.Join)
	}
	if len(d.Leave) > 0 {
		fmt.Fprintf(&b, "leave=%v ", d.Leave)
	}
	for _, e := range d.Emits {
		b.WriteString(shownEmit(e) + " ")
	}
	switch d.Ack {
	case rule.AckEmpty:
		b.WriteString("ack ")
	case rule.AckSame:
		b.WriteString("ack=same ")
	case rule.AckArgs:
		b.WriteString("ack=" + list(d.AckArgs) + " ")
	case rule.AckWorker:
		b.WriteString("ack=worker ")
	}
	if d.Worker {
		b.WriteString("worker ")
	}
	return strings.TrimSpace(b.String())
}

func shownEmit(e rule.Emit) string {
	var to []string
	for word, is := range map[string]bool{"all": e.To.Everyone, "others": e.To.Others, "sender": e.To.Sender} {
		if is {
			to = append(to, word)
		}
	}
	for _, room := range e.To.Rooms {
		to = append(to, "room:"+room)
	}
	for _, room := range e.To.OthersIn {
		to = append(to, "others:"+room)
	}
	name, args := e.Event, "="
	if name == "" {
		name = "="
	}
	if !e.Same {
		args = list(e.Args)
	}
	return fmt.Sprintf("%s(%s)->%s", name, args, strings.Join(to, "+"))
}

func list(args []json.RawMessage) string {
	text := make([]string, len(args))
	for i, arg := range args {
		text[i] = string(arg)
	}
	return strings.Join(text, ",")
}

func eval(s *rule.Set, in *rule.Input) (string, *rule.Decision) {
	d := new(rule.Decision)
	s.Eval(in, d)
	return shown(d), d
}
