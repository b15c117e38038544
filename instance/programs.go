package instance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/rule"
)

// programs are the parts of a configuration that have to be compiled: rules, credentials, transforms, templates. They touch nothing outside of it.
type programs struct {
	rules     *rule.Set
	guards    guards
	transform *rule.Program // nil = the default shape
	replies   map[string]*rule.Reply
}

// transformBounds are those of one body: it may be 16 MiB large.
var transformBounds = rule.Bounds{Time: time.Second, Bytes: 64 << 20, Outputs: 100_000}

// Complaints finds what cannot be compiled in an instance's configuration. It is a [config.Check].
func Complaints(c *config.Instance) []config.Complaint {
	_, faults := compilePrograms(c, nil)
	return faults
}

var _ config.Check = Complaints

// compilePrograms compiles c. What is left of credentials that were replaced is taken from old, which may be nil.
func compilePrograms(c *config.Instance, old *programs) (*programs, []config.Complaint) {
	if old == nil {
		old = &programs{}
	}
	p, k := &programs{}, &compiler{c: c}
	var err error
	if p.rules, err = rule.Compile(c); err != nil {
		k.rules(err)
	}
	p.guards.all = k.guard([]string{"auth"}, c.Auth, old.guards.all)
	for path, space := range c.Namespace {
		if space.Auth == nil {
			continue
		}
		if p.guards.spaces == nil {
			p.guards.spaces = map[string]*guard{}
		}
		p.guards.spaces[path] = k.guard([]string{"namespace", path, "auth"}, space.Auth, old.guards.spaces[path])
	}
	if c.Ingest != nil && c.Ingest.Transform != "" {
		p.transform, err = rule.CompileProgram(c.Ingest.Transform, "$headers", "$query", "$instance")
		k.fault(err, "ingest", "transform")
	}
	for path, reply := range c.JSON {
		if p.replies == nil {
			p.replies = map[string]*rule.Reply{}
		}
		p.replies[path], err = rule.CompileReply(reply.Body)
		k.fault(err, "json", path, "body")
	}
	slices.SortFunc(k.faults, func(a, b config.Complaint) int { return slices.Compare(a.Key, b.Key) })
	return p, k.faults
}

// compiler collects faults.
type compiler struct {
	c      *config.Instance
	faults []config.Complaint
}

func (k *compiler) fault(err error, key ...string) {
	if err != nil {
		k.faults = append(k.faults, config.Complaint{Key: key, Message: err.Error()})
	}
}

// rules takes over the faults of all rules, each with its own key.
func (k *compiler) rules(err error) {
	var all *rule.Faults
	if !errors.As(err, &all) {
		k.fault(err, "on")
		return
	}
	for _, f := range all.List {
		k.faults = append(k.faults, config.Complaint{Key: f.Key, Message: f.Message})
	}
}

func (k *compiler) guard(key []string, a *config.Auth, old *guard) *guard {
	g, err := compileGuard(k.c, a, old)
	k.fault(err, key...)
	return g
}

// joined makes one error of all faults.
func joined(faults []config.Complaint) error {
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = fmt.Errorf("%s: %s", keyText(f.Key), f.Message)
	}
	return errors.Join(errs...)
}

func keyText(key []string) string { return strings.Join(key, ".") }

// run makes events of the body of a POST. Of an array each element is a body of its own, and what they make is one array.
func (p *programs) run(body []byte, h http.Header, q url.Values, vars map[string]any) ([]json.RawMessage, error) {
	headers, query := map[string]any{}, map[string]any{}
	for name := range h {
		headers[strings.ToLower(name)] = h.Get(name)
	}
	for name := range q {
		query[name] = q.Get(name)
	}
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '[' {
		return p.transform.Run(transformBounds, json.RawMessage(body), headers, query, vars)
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(body, &elements); err != nil {
		return nil, err
	}
	all, bounds, limit := []json.RawMessage{}, transformBounds, time.Now().Add(transformBounds.Time)
	for i, e := range elements {
		if bounds.Time = time.Until(limit); bounds.Time <= 0 {
			return nil, fmt.Errorf("element %d: %w", i, rule.ErrTimeout)
		}
		made, err := p.transform.Run(bounds, e, headers, query, vars)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		all = append(all, made...)
	}
	array, err := json.Marshal(all)
	return []json.RawMessage{array}, err
}
