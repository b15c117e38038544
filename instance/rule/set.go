package rule

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sockd/sockd/config"
)

// Set is the compiled rules of an instance. It is immutable. Make one with [Compile].
type Set struct {
	base   *table
	spaces map[string]*table // of the namespaces with rules of their own
}

// table is the rules that hold in one namespace.
type table struct {
	exact map[string]*rule
	globs []*rule // the most specific first
	slow  bool    // some rule may be
	hub   bool    // no rule besides connect and disconnect
}

func newTable(rules map[string]*rule) *table {
	t := &table{exact: make(map[string]*rule), hub: true}
	for name, r := range rules {
		if r.glob {
			t.globs = append(t.globs, r)
		} else {
			t.exact[name] = r
		}
		t.hub = t.hub && Lifecycle(name)
		t.slow = t.slow || r.slow
	}
	slices.SortFunc(t.globs, moreSpecific)
	return t
}

// moreSpecific orders rules as they are asked: exact names, then globs by their literal characters, and of equal ones the first by name.
func moreSpecific(a, b *rule) int {
	switch {
	case a.glob && !b.glob:
		return 1
	case b.glob && !a.glob:
		return -1
	}
	return cmp.Or(cmp.Compare(b.literals, a.literals), strings.Compare(a.name, b.name))
}

func (s *Set) table(namespace string) *table {
	if t, ok := s.spaces[namespace]; ok {
		return t
	}
	return s.base
}

// Slow reports whether evaluating in may take over 100 µs, because a rule that may match runs a program or checks a schema. The caller
// then does it elsewhere than on a poller.
func (s *Set) Slow(in *Input) bool {
	t := s.table(in.Namespace)
	if !t.slow {
		return false
	}
	if r := t.exact[in.Event]; r != nil && r.takesFrom(in.Source) {
		return r.slow // without a program it has no when, and so decides
	}
	if Lifecycle(in.Event) {
		return false
	}
	for _, r := range t.globs {
		if r.takesFrom(in.Source) && config.Match(r.name, in.Event) {
			return r.slow
		}
	}
	return false
}

// pick returns the best rule that takes the event, or nil. With an error it is the rule that could not be asked.
func (t *table) pick(in *Input, f *facts) (*rule, error) {
	if r := t.exact[in.Event]; r != nil {
		if ok, err := r.takes(f); ok || err != nil {
			return r, err
		}
	}
	if len(t.globs) == 0 || Lifecycle(in.Event) {
		return nil, nil
	}
	for _, r := range t.globs {
		if !config.Match(r.name, in.Event) {
			continue
		}
		if ok, err := r.takes(f); ok || err != nil {
			return r, err
		}
	}
	return nil, nil
}
