package rule

import (
	"fmt"
	"math"

	"github.com/itchyny/gojq"
)

// gojq asks for the time between two steps, but one step can make a text of two gigabytes ("x" * 2e9), an array of half a billion elements
// (.[5e8] = 1) or a text that has no end (tojson of a value whose parts are shared). A number that an event brings may be all that such a
// step needs, so a check goes before each step that grows a value without having walked through the result.

const (
	maxText  = 32 << 20 // bytes of a text on the way
	maxItems = 4 << 20  // elements of an array or object on the way
	maxIndex = 1 << 20  // that a program assigns to
)

// prelude takes the place of builtin functions in programs. The names that end in 0 are the builtin ones. The right side of an
// operator is the outer loop, as in jq.
const prelude = `
def sockd_plus(l; r): r as $r | l as $l | sockd_fits($l; $r) | $l + $r;
def sockd_times(l; r): r as $r | l as $l | sockd_repeats($l; $r) | $l * $r;
def sockd_at(f): getpath(path(f) | sockd_path);
def sockd_add0: add;
def sockd_join0($by): join($by);
def sockd_setpath0(p; v): setpath(p; v);
def _add(l; r): sockd_plus(l; r);
def _multiply(l; r): sockd_times(l; r);
def add: sockd_sums("") | sockd_add0;
def add(f): [f] | add;
def join(by): by as $by | sockd_sums($by) | sockd_join0($by);
def tojson: sockd_json;
def tostring: if type == "string" then . else sockd_json end;
def setpath(p; v): sockd_setpath0(p | sockd_path; v);
def pick(f): . as $v | reduce path(f) as $p (null; setpath($p; $v | getpath($p)));
.`

// guards returns the functions behind the prelude. All but sockd_json return their input, or an error with [ErrOutput].
func guards() []gojq.CompilerOption {
	return []gojq.CompilerOption{
		gojq.WithFunction("sockd_fits", 2, 2, func(v any, args []any) any {
			return checked(v, size(args[0])+size(args[1]) <= limitOf(args[0]))
		}),
		gojq.WithFunction("sockd_repeats", 2, 2, func(v any, args []any) any {
			return checked(v, repeats(args[0], args[1]) && repeats(args[1], args[0]))
		}),
		gojq.WithFunction("sockd_sums", 1, 1, func(v any, args []any) any { return checked(v, sums(v, args[0])) }),
		gojq.WithFunction("sockd_path", 0, 0, func(v any, _ []any) any { return checked(v, near(v)) }),
		gojq.WithFunction("sockd_json", 0, 0, func(v any, _ []any) any {
			text, err := appendJSON(nil, v, maxText, 0)
			if err != nil {
				return err
			}
			return string(text)
		}),
	}
}

func checked(v any, ok bool) any {
	if ok {
		return v
	}
	return fmt.Errorf("%w: a value on the way is too large", ErrOutput)
}

// size returns the bytes of a text and the number of elements of anything else that has any.
func size(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	}
	return 0
}

func limitOf(v any) int {
	if _, ok := v.(string); ok {
		return maxText
	}
	return maxItems
}

// repeats reports whether v, if it is a text, may be repeated n times.
func repeats(v, n any) bool {
	text, ok := v.(string)
	if !ok {
		return true
	}
	times, ok := gojq.ToFloat64(n)
	return !ok || math.IsNaN(times) || float64(len(text))*times <= maxText
}

// sums reports whether the sum of v's elements, with by between them, is of a bearable size.
func sums(v, by any) bool {
	total, texts := 0, false
	count := func(x any) {
		_, isText := x.(string)
		texts = texts || isText
		total += size(x)
	}
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			count(x)
		}
	case map[string]any:
		for _, x := range v {
			count(x)
		}
	}
	total += size(v) * size(by)
	return total <= maxItems || texts && total <= maxText
}

// near reports whether no index in the path lies far out.
func near(path any) bool {
	list, _ := path.([]any)
	for _, step := range list {
		if i, ok := gojq.ToFloat64(step); ok && i > maxIndex {
			return false
		}
		if slice, ok := step.(map[string]any); ok && (!near([]any{slice["start"]}) || !near([]any{slice["end"]})) {
			return false
		}
	}
	return true
}

// guarded returns query behind the prelude, its operators replaced. It changes query.
func guarded(query *gojq.Query) *gojq.Query {
	guardQuery(query)
	defs, err := gojq.Parse(prelude)
	if err != nil {
		return query // never: the tests compile it
	}
	query.FuncDefs = append(defs.FuncDefs, query.FuncDefs...)
	return query
}

// call makes q a call of name with args.
func call(q *gojq.Query, name string, args ...*gojq.Query) {
	q.Left, q.Right, q.Op = nil, nil, 0
	q.Term = &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}
}

func guardQuery(q *gojq.Query) {
	if q == nil {
		return
	}
	for _, def := range q.FuncDefs {
		guardQuery(def.Body)
	}
	guardTerm(q.Term)
	guardQuery(q.Left)
	guardQuery(q.Right)
	guardPatterns(q.Patterns)
	switch q.Op {
	case gojq.OpAdd:
		if !literalNumber(q.Left) && !literalNumber(q.Right) {
			call(q, "sockd_plus", q.Left, q.Right)
		}
	case gojq.OpMul:
		if !literalNumber(q.Left) || !literalNumber(q.Right) {
			call(q, "sockd_times", q.Left, q.Right)
		}
	case gojq.OpAssign, gojq.OpModify, gojq.OpUpdateAdd, gojq.OpUpdateSub, gojq.OpUpdateMul, gojq.OpUpdateDiv, gojq.OpUpdateMod, gojq.OpUpdateAlt:
		if !keysOnly(q.Left) {
			left := &gojq.Query{}
			call(left, "sockd_at", q.Left)
			q.Left = left
		}
	}
}

func literalNumber(q *gojq.Query) bool { return q.Term != nil && q.Term.Type == gojq.TermTypeNumber }

// keysOnly reports whether q is a path of names, as most that are assigned to.
func keysOnly(q *gojq.Query) bool {
	if q.Term == nil || len(q.FuncDefs) > 0 {
		return false
	}
	switch t := q.Term; {
	case t.Type == gojq.TermTypeIdentity:
	case t.Type == gojq.TermTypeIndex && t.Index.Name != "":
	default:
		return false
	}
	for _, s := range q.Term.SuffixList {
		if s.Index != nil && s.Index.Name == "" {
			return false
		}
	}
	return true
}

func guardTerm(t *gojq.Term) {
	if t == nil {
		return
	}
	guardIndex(t.Index)
	guardString(t.Str)
	for _, s := range t.SuffixList {
		guardIndex(s.Index)
	}
	switch {
	case t.Func != nil:
		guardAll(t.Func.Args...)
	case t.Object != nil:
		for _, kv := range t.Object.KeyVals {
			guardString(kv.KeyString)
			guardAll(kv.KeyQuery, kv.Val)
		}
	case t.Array != nil:
		guardQuery(t.Array.Query)
	case t.Unary != nil:
		guardTerm(t.Unary.Term)
	case t.If != nil:
		guardAll(t.If.Cond, t.If.Then, t.If.Else)
		for _, e := range t.If.Elif {
			guardAll(e.Cond, e.Then)
		}
	case t.Try != nil:
		guardAll(t.Try.Body, t.Try.Catch)
	case t.Reduce != nil:
		guardAll(t.Reduce.Query, t.Reduce.Start, t.Reduce.Update)
		guardPatterns(t.Reduce.Patterns)
	case t.Foreach != nil:
		guardAll(t.Foreach.Query, t.Foreach.Start, t.Foreach.Update, t.Foreach.Extract)
		guardPatterns(t.Foreach.Patterns)
	case t.Label != nil:
		guardQuery(t.Label.Body)
	}
	guardQuery(t.Query)
}

func guardAll(queries ...*gojq.Query) {
	for _, q := range queries {
		guardQuery(q)
	}
}

func guardIndex(x *gojq.Index) {
	if x != nil {
		guardString(x.Str)
		guardAll(x.Start, x.End)
	}
}

func guardString(s *gojq.String) {
	if s != nil {
		guardAll(s.Queries...)
	}
}

func guardPatterns(patterns []*gojq.Pattern) {
	for _, p := range patterns {
		guardPattern(p)
	}
}

func guardPattern(p *gojq.Pattern) {
	if p == nil {
		return
	}
	guardPatterns(p.Array)
	for _, o := range p.Object {
		guardString(o.KeyString)
		guardQuery(o.KeyQuery)
		guardPattern(o.Val)
	}
}
