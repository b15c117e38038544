package rule

import (
	"fmt"
	"slices"

	"github.com/sockd/sockd/config"
)

// Candidate is what [Set.Explain] says of one rule.
type Candidate struct {
	Rule      string // its name; "" for what happens without a rule, which comes last
	Namespace string // in whose table it stands; "" = the instance's
	Takes     bool   // it takes the event, or would if its when is true
	When      string // the program that is still to decide, because the input has no payload
	Why       string
}

// Explain returns every rule of the input's namespace in the order in which they are asked, whether each would take the event, and why or why
// not. At most one takes it for sure, and those after it say so. Without a payload in the input no program is run.
func (s *Set) Explain(in *Input) []Candidate {
	t := s.table(in.Namespace)
	all := slices.Clone(t.globs)
	for _, r := range t.exact {
		all = append(all, r)
	}
	slices.SortFunc(all, moreSpecific)
	f := facts{in: in}
	taker := ""
	list := make([]Candidate, 0, len(all)+1)
	for _, r := range all {
		c := r.explain(in, &f)
		if c.Takes && taker != "" {
			c.Takes, c.Why = false, fmt.Sprintf("%s, but %q is asked first", c.Why, taker)
		}
		if c.Takes && c.When == "" {
			taker = r.name
		}
		list = append(list, c)
	}
	return append(list, t.explainNone(in, taker))
}

func (r *rule) explain(in *Input, f *facts) Candidate {
	c := Candidate{Rule: r.name, Namespace: r.space}
	switch {
	case r.glob && Lifecycle(in.Event):
		c.Why = "a glob does not take connect and disconnect"
	case r.glob && !config.Match(r.name, in.Event), !r.glob && r.name != in.Event:
		c.Why = "the name does not match"
	case !r.takesFrom(in.Source):
		c.Why = fmt.Sprintf("from does not list %s", in.Source)
	default:
		r.explainWhen(in, f, &c)
	}
	return c
}

func (r *rule) explainWhen(in *Input, f *facts, c *Candidate) {
	c.Takes, c.Why = true, "the exact name"
	if r.glob {
		c.Why = fmt.Sprintf("a glob with %d literal characters", r.literals)
	}
	if r.drop {
		c.Why += ", and drops it"
	}
	if r.when == nil {
		return
	}
	if in.Payload == nil {
		c.When, c.Why = r.whenText, c.Why+", if when is true"
		return
	}
	ok, err := r.takes(f)
	switch {
	case err != nil:
		c.Why = fmt.Sprintf("the event is dropped: %v", err)
	case !ok:
		c.Takes, c.Why = false, "when is false"
	default:
		c.Why += ", and when is true"
	}
}

// explainNone says what happens to an event that no rule takes.
func (t *table) explainNone(in *Input, taker string) Candidate {
	c := Candidate{Takes: taker == ""}
	switch {
	case taker != "":
		c.Why = fmt.Sprintf("not needed, %q takes it", taker)
	case Lifecycle(in.Event):
		c.Why = "no rule: nothing happens"
	case in.Source != Client:
		c.Why = "no rule: it goes to the room that it names, or to everyone"
	case t.hub:
		c.Why = "no rule: it goes to the others, because the instance has no rule besides connect and disconnect"
	default:
		c.Takes, c.Why = false, "no rule: it is dropped as no_rule"
	}
	return c
}
