package rule

import (
	"errors"
	"fmt"
	"strings"
)

// ruleVars are the variables of programs in rules.
var ruleVars = []string{"$instance", "$history"}

// facts are what programs are told of one event. They are made when the first program runs and shared by all programs of the event.
type facts struct {
	in       *Input
	decoded  bool
	err      error
	args     []any
	input    map[string]any
	instance any
	history  any
	asked    [2]bool
}

// arguments decodes the payload once.
func (f *facts) arguments() ([]any, error) {
	if f.decoded {
		return f.args, f.err
	}
	f.decoded = true
	text := f.in.payload()
	if text == nil {
		return nil, nil
	}
	v, err := decode(text)
	list, ok := v.([]any)
	switch {
	case err != nil:
		f.err = fmt.Errorf("arguments: %v", err)
	case !ok || len(list) == 0:
		f.err = errors.New("arguments: no array with a name")
	default:
		f.args = list[1:]
	}
	return f.args, f.err
}

// table is the input of a rule's programs.
func (f *facts) table() (map[string]any, error) {
	if f.input != nil {
		return f.input, nil
	}
	args, err := f.arguments()
	if err != nil {
		return nil, err
	}
	if args == nil {
		args = []any{}
	}
	t := map[string]any{
		"event": f.in.Event, "namespace": f.in.Namespace, "args": args,
		"sid": nil, "auth": nil, "claims": nil, "query": map[string]any{}, "headers": map[string]any{},
	}
	if f.in.Peer != nil {
		if err := f.in.Peer.describe(t); err != nil {
			return nil, err
		}
	}
	f.input = t
	return t, nil
}

// describe fills in what is known of the client.
func (p *Peer) describe(t map[string]any) (err error) {
	t["sid"] = p.SID
	if t["auth"], err = copied(p.Auth); err != nil {
		return fmt.Errorf("auth: %v", err)
	}
	if t["claims"], err = copied(p.Claims); err != nil {
		return fmt.Errorf("claims: %v", err)
	}
	p.load()
	t["query"], t["headers"] = firsts(p.Query, false), firsts(p.Header, true)
	return nil
}

// firsts returns the first value of each key.
func firsts(all map[string][]string, lower bool) map[string]any {
	t := make(map[string]any, len(all))
	for key, values := range all {
		if len(values) == 0 {
			continue
		}
		if lower {
			key = strings.ToLower(key)
		}
		t[key] = values[0]
	}
	return t
}

// run runs p over the event.
func (f *facts) run(p *Program) ([]any, error) {
	input, err := f.table()
	if err != nil {
		return nil, err
	}
	return p.run(Bounds{}, input, []any{f.askInstance, f.askHistory})
}

func (f *facts) askInstance() any {
	if !f.asked[0] && f.in.Vars != nil {
		f.asked[0], f.instance = true, f.in.Vars.Instance()
	}
	return f.instance
}

func (f *facts) askHistory() any {
	if !f.asked[1] && f.in.Vars != nil {
		f.asked[1], f.history = true, f.in.Vars.History(f.in.Namespace)
	}
	return f.history
}

// truth runs a program of the key when: false, null and no output are false, as in jq.
func (f *facts) truth(p *Program) (bool, error) {
	outputs, err := f.run(p)
	if err != nil || len(outputs) == 0 {
		return false, err
	}
	if len(outputs) > 1 {
		return false, errOutputs
	}
	return outputs[0] != nil && outputs[0] != false, nil
}

var errOutputs = errors.New("jq: more than one output; collect them as [ … ]")
