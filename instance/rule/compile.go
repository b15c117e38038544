package rule

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sockd/sockd/config"
)

// Fault is one thing in the rules that does not compile.
type Fault struct {
	Key     []string // below the instance's table, as on, message, args; an element of also is its index
	Message string
}

// Faults is the error of [Compile]: every fault, in the order of their keys.
type Faults struct{ List []Fault }

// Error joins the faults, a line for each.
func (f *Faults) Error() string {
	lines := make([]string, len(f.List))
	for i, x := range f.List {
		lines[i] = strings.Join(x.Key, ".") + ": " + x.Message
	}
	return strings.Join(lines, "\n")
}

// rule is one compiled rule.
type rule struct {
	name     string
	space    string // the namespace whose table it stands in; "" = the instance's
	glob     bool
	literals int // characters of the name that are none of a glob's stars
	slow     bool
	from     uint8 // a bit for each Source; 0 = all
	when     *Program
	whenText string
	drop     bool
	schema   *schema
	join     []*Template
	leave    []*Template
	main     *emission // nil if there is no name to relay
	also     []emission
	ack      AckKind
	ackArgs  *Program
	delivery Delivery
	history  bool
	worker   bool
}

// emission is one event that a rule sends.
type emission struct {
	when *Program
	to   target
	name *Template // nil = the same
	args *Program  // nil = the same
}

// Compile compiles the rules of c: names, targets, templates, programs and schemas. The error is a [*Faults]. c is not kept.
func Compile(c *config.Instance) (*Set, error) {
	var faults Faults
	all := compileTable(c, c.On, nil, "", &faults)
	s := &Set{base: newTable(all), spaces: make(map[string]*table)}
	for _, name := range slices.Sorted(maps.Keys(c.Namespace)) {
		space := c.Namespace[name]
		if space == nil || len(space.On) == 0 {
			continue
		}
		merged := maps.Clone(all)
		maps.Copy(merged, compileTable(c, space.On, []string{"namespace", name}, name, &faults))
		s.spaces[name] = newTable(merged)
	}
	if len(faults.List) > 0 {
		return nil, &faults
	}
	return s, nil
}

func compileTable(x *config.Instance, on map[string]*config.Rule, below []string, space string, faults *Faults) map[string]*rule {
	rules := make(map[string]*rule, len(on))
	for _, name := range slices.Sorted(maps.Keys(on)) {
		if on[name] == nil {
			continue
		}
		c := compiler{x: x, faults: faults, key: append(slices.Clone(below), "on", name)}
		r := c.rule(name, on[name])
		r.space = space
		rules[name] = r
	}
	return rules
}

// compiler compiles one rule, and notes faults below its key.
type compiler struct {
	x      *config.Instance
	faults *Faults
	key    []string
	slow   bool
}

func (c *compiler) fault(err error, key ...string) {
	if err != nil {
		c.faults.List = append(c.faults.List, Fault{Key: append(slices.Clone(c.key), key...), Message: err.Error()})
	}
}

func (c *compiler) rule(name string, k *config.Rule) *rule {
	r := &rule{name: name, glob: strings.Contains(name, "*"), whenText: k.When, drop: k.Drop, history: k.History, worker: k.Worker}
	r.literals = len(name) - strings.Count(name, "*")
	for _, word := range k.From {
		r.from |= c.source(word)
	}
	r.when = c.program(k.When, "when")
	if k.Schema != "" {
		var err error
		r.schema, err = compileSchema(c.x.SchemaOf(k))
		c.fault(err, "schema")
		c.slow = true
	}
	r.join, r.leave = c.templates(k.Join, "join"), c.templates(k.Leave, "leave")
	r.delivery = c.delivery(k.Delivery)
	r.main = c.main(name, k)
	for i, also := range k.Also {
		r.also = append(r.also, *c.emission(also, "also", strconv.Itoa(i)))
		if Lifecycle(name) && also.Emit == "" && !slices.Equal(also.To, []string{"none"}) {
			c.fault(errNoName, "also", strconv.Itoa(i), "emit")
		}
	}
	r.ack, r.ackArgs = c.ack(k.Ack, k.Worker)
	r.slow = c.slow
	return r
}

var errNoName = errors.New("is required: the names connect and disconnect are reserved and cannot be sent on")

// main compiles what the rule itself sends. A rule for connect or disconnect that says nothing about sending sends nothing.
func (c *compiler) main(name string, k *config.Rule) *emission {
	e := c.emission(config.Also{Emit: k.Emit, To: k.To, Args: k.Args})
	if !Lifecycle(name) || k.Emit != "" {
		return e
	}
	if !e.to.nowhere && (e.to.written || k.Args != "") {
		c.fault(errNoName, "emit")
	}
	return nil
}

func (c *compiler) source(word string) uint8 {
	for s := Client; s <= Worker; s++ {
		if s.String() == word {
			return 1 << s
		}
	}
	c.fault(fmt.Errorf("must be client, http or worker, not %q", word), "from")
	return 0
}

func (c *compiler) delivery(word string) Delivery {
	switch word {
	case "", "once":
	case "volatile":
		return Volatile
	case "acked":
		return Acked
	default:
		c.fault(fmt.Errorf("must be volatile, once or acked, not %q", word), "delivery")
	}
	return Once
}

func (c *compiler) program(source string, key ...string) *Program {
	if source == "" {
		return nil
	}
	c.slow = true
	p, err := CompileProgram(source, ruleVars...)
	c.fault(err, key...)
	return p
}

func (c *compiler) templates(texts []string, key string) []*Template {
	var all []*Template
	for _, text := range texts {
		t, err := CompileTemplate(text)
		if err == nil && text == "" {
			err = errors.New("a room's name must not be empty")
		}
		c.fault(err, key)
		all = append(all, t)
	}
	return all
}

// emission compiles one event to send; also is the key of those that are not the rule's own.
func (c *compiler) emission(k config.Also, also ...string) *emission {
	at := func(name string) []string { return append(slices.Clone(also), name) }
	e := &emission{when: c.program(k.When, at("when")...), args: c.program(k.Args, at("args")...)}
	var err error
	e.to, err = compileTarget(k.To)
	c.fault(err, at("to")...)
	if k.Emit == "" {
		return e
	}
	e.name, err = CompileTemplate(k.Emit)
	if err == nil {
		if name, ok := e.name.fixed(); ok && reserved(name) {
			err = fmt.Errorf("%q is reserved and cannot be sent", name)
		}
	}
	c.fault(err, at("emit")...)
	return e
}

func (c *compiler) ack(k config.Ack, worker bool) (AckKind, *Program) {
	switch {
	case k.Expr == "{args}":
		return AckSame, nil
	case k.Expr != "":
		return AckArgs, c.program(k.Expr, "ack")
	case k.Always:
		return AckEmpty, nil
	case worker:
		return AckWorker, nil
	}
	return AckNone, nil
}
