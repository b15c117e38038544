package rule_test

import (
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/rule"
)

func run(t testing.TB, source string, b rule.Bounds, input any) (string, error) {
	t.Helper()
	p, err := rule.CompileProgram(source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	outputs, err := p.Run(b, input)
	return list(outputs), err
}

// TestGuardedPrograms checks that the guards change nothing of what ordinary programs mean.
func TestGuardedPrograms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ source, input, want string }{
		{`1 + 2`, `null`, `3`},
		{`. + 1`, `9223372036854775807`, `9223372036854775808`},
		{`.a + .b`, `{"a":"x","b":"y"}`, `"xy"`},
		{`.a + .b`, `{"a":null,"b":1}`, `1`},
		{`(1,2) + (10,20)`, `null`, `11,12,21,22`},
		{`(1,2) as $x | (10,20) as $y | $x + $y`, `null`, `11,21,12,22`},
		{`[.[] + .[]]`, `[1,2]`, `[2,3,3,4]`},
		{`.a * .b`, `{"a":"x","b":3}`, `"xxx"`},
		{`.a * .b`, `{"a":{"k":1},"b":{"l":2}}`, `{"k":1,"l":2}`},
		{`.a * .b`, `{"a":"x","b":0}`, `""`},
		{`(1,2) * (10,20)`, `null`, `10,20,20,40`},
		{`.a += .b`, `{"a":1,"b":2}`, `{"a":3,"b":2}`},
		{`.a *= 3`, `{"a":2}`, `{"a":6}`},
		{`.[0] += 1`, `[1,2]`, `[2,2]`},
		{`.[] += 1`, `[1,2]`, `[2,3]`},
		{`.a[1:3] |= map(. * 2)`, `{"a":[1,2,3,4]}`, `{"a":[1,4,6,4]}`},
		{`(.a,.b) = 1`, `{}`, `{"a":1,"b":1}`},
		{`.["k"] = 1`, `{}`, `{"k":1}`},
		{`.a[2] = 1`, `{}`, `{"a":[null,null,1]}`},
		{`(.[] | select(. > 1)) |= empty`, `[1,2,3]`, `[1]`},
		{`.a // "none"`, `{}`, `"none"`},
		{`.a //= 5`, `{}`, `{"a":5}`},
		{`map(. + 1) | add`, `[1,2]`, `5`},
		{`add`, `[]`, `null`},
		{`add(.[] | .n)`, `[{"n":1},{"n":2}]`, `3`},
		{`add`, `{"a":"x","b":"y"}`, `"xy"`},
		{`add`, `[[1],[2]]`, `[1,2]`},
		{`join(",")`, `["a",1,null,true]`, `"a,1,,true"`},
		{`tojson, tostring`, `{"b":1,"a":[1.5,"\u00e9"]}`, `"{\"a\":[1.5,\"é\"],\"b\":1}","{\"a\":[1.5,\"é\"],\"b\":1}"`},
		{`"\(.a)-\(.b)"`, `{"a":1,"b":"x"}`, `"1-x"`},
		{`@json "v=\(.)"`, `[1]`, `"v=[1]"`},
		{`setpath(["a",0]; 1)`, `{}`, `{"a":[1]}`},
		{`pick(.a.b)`, `{"a":{"b":1,"c":2}}`, `{"a":{"b":1}}`},
		{`def f(x): x + 1; f(.)`, `1`, `2`},
		{`reduce .[] as $x (0; . + $x)`, `[1,2,3]`, `6`},
		{`foreach .[] as {a: $x} (0; . + $x; . * 2)`, `[{"a":1},{"a":2}]`, `2,6`},
		{`if . > 1 then . + 1 elif . == 1 then . * 5 else -(.) end`, `1`, `5`},
		{`try (. + {}) catch "caught"`, `1`, `"caught"`},
		{`label $out | foreach .[] as $x (0; . + $x; if . > 2 then ., break $out else empty end)`, `[1,2,3]`, `3`},
		{`{(.k + "!"): .v * 2}`, `{"k":"a","v":2}`, `{"a!":4}`},
		{`with_entries(.value += 1)`, `{"a":1}`, `{"a":2}`},
		{`to_entries | from_entries`, `{"a":1}`, `{"a":1}`},
		{`[limit(3; repeat(1))]`, `null`, `[1,1,1]`},
		{`sub("a+"; "b")`, `"caaat"`, `"cbt"`},
		{`env, $ENV`, `null`, `{},{}`},
		{`nan, infinite`, `null`, `null,1.7976931348623157e+308`},
		{`1, halt, 2`, `null`, `1`},
		{`empty`, `null`, ``},
	} {
		got, err := run(t, c.source, rule.Bounds{Time: 5 * time.Second}, []byte(c.input))
		if err != nil || got != c.want {
			t.Errorf("%s of %s: got %s, %v; want %s", c.source, c.input, got, err, c.want)
		}
	}
}

func TestProgramFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ source, want string }{
		{`.a | | .b`, `jq: line 1, column 6: unexpected token "|"`},
		{"{a: 1,\n b: ]}", `jq: line 2, column 5: unexpected token "]"`},
		{`"é" )`, `jq: line 1, column 5: unexpected token ")"`},
		{`[1, 2`, `jq: line 1, column 6: unexpected EOF`},
		{`nosuch`, `jq: function not defined: nosuch/0`},
		{`$nosuch`, `jq: variable not defined: $nosuch`},
		{`input`, `jq: input(s)/0 is not allowed`},
		{`inputs`, `jq: input(s)/0 is not allowed`},
		{`import "x" as x; .`, `jq: import and include are not allowed`},
		{`include "x"; .`, `jq: import and include are not allowed`},
		{`debug`, `jq: function not defined: debug/0`},
		{`input_filename`, `jq: function not defined: input_filename/0`},
	} {
		if _, err := rule.CompileProgram(c.source); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.source, err, c.want)
		}
	}
}

func TestProgramsThatFail(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`error("x")`:         "jq: error: x",
		`"bye" | halt_error`: "jq: ",
		`.a.b`:               "jq: expected an object",
		`error("y" * 10000)`: "…",
		`modulemeta`:         "jq: ",
		`1 - "x"`:            "jq: cannot subtract",
	} {
		got, err := run(t, source, rule.Bounds{}, "a")
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 300 {
			t.Errorf("%s: got %s, %v; want %s", source, got, err, want)
		}
	}
}

// TestEndlessPrograms checks that time and memory are bounded.
func TestEndlessPrograms(t *testing.T) {
	for _, source := range []string{
		`def f: f; f`,
		`def f: 1 + f; f`,
		`def f: [f]; f`,
		`[range(infinite)]`,
		`last(range(infinite))`,
		`range(infinite)`,
		`repeat(1)`,
		`until(false; . + 1)`,
		`"x" * 1e9`,
		`1e9 * "x"`,
		`"x" as $x | 1000000000 as $n | $x * $n`,
		`"x" * 2000000`,
		`reduce range(100) as $i ("x"; . + .)`,
		`reduce range(100) as $i ("x"; . += .)`,
		`reduce range(100) as $i ("x"; [., .] | add)`,
		`reduce range(100) as $i ("x"; [., .] | join("y"))`,
		`reduce range(100) as $i ([1]; . + .)`,
		`reduce range(100) as $i (0; [., .])`,
		`reduce range(100) as $i (0; [., .]) | tojson`,
		`reduce range(100) as $i (0; [., .]) | tostring`,
		`reduce range(100) as $i (0; [., .]) | "\(.)"`,
		`reduce range(100) as $i ("\""; @json)`,
		`reduce range(20000) as $i (0; [.])`,
		`null | .[500000000] = 1`,
		`500000000 as $i | null | .[$i] = 1`,
		`500000000 as $i | null | .[$i] |= 1`,
		`500000000 as $i | null | .[$i] += 1`,
		`500000000 as $i | null | .a.b[$i:] = [1]`,
		`null | setpath([500000000]; 1)`,
		`null | pick(.[500000000])`,
	} {
		t.Run(source, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			got, err := run(t, source, rule.Bounds{}, nil)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, rule.ErrTimeout) && !errors.Is(err, rule.ErrOutput) { // which of them is a matter of the machine's speed
				t.Errorf("got %.100s, %v; want one of the bounds", got, err)
			}
			if made := (after.TotalAlloc - before.TotalAlloc) >> 20; made > 600 {
				t.Errorf("it allocated %d MiB", made)
			}
			if took > 50*rule.ProgramTime { // the machine may be busy, but it is no longer endless
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestProgramBounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		source string
		b      rule.Bounds
		want   error
	}{
		{"as many outputs", `range(3)`, rule.Bounds{Outputs: 3}, nil},
		{"one more", `range(4)`, rule.Bounds{Outputs: 3}, rule.ErrOutput},
		{"as many bytes", `"abc","de"`, rule.Bounds{Bytes: 9}, nil},
		{"one more", `"abc","def"`, rule.Bounds{Bytes: 9}, rule.ErrOutput},
		{"a larger bound", `"x" * 2000000`, rule.Bounds{Bytes: 4 << 20, Time: time.Minute}, nil},
		{"a shorter time", `last(range(infinite))`, rule.Bounds{Time: time.Millisecond}, rule.ErrTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := run(t, c.source, c.b, nil); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestProgramVariables(t *testing.T) {
	t.Parallel()
	p, err := rule.CompileProgram(`[$b, .]`, "$a", "$b")
	if err != nil {
		t.Fatal(err)
	}
	never := func() any { t.Error("a variable that is not mentioned was asked for"); return nil }
	got, err := p.Run(rule.Bounds{}, json.RawMessage(`12345678901234567890`), never, func() any { return map[string]any{"n": int64(5)} })
	if err != nil || list(got) != `[{"n":5},12345678901234567890]` {
		t.Errorf("got %s, %v", list(got), err)
	}
	if got, err := p.Run(rule.Bounds{}, []byte(`{`), nil, nil); err == nil || !strings.HasPrefix(err.Error(), "jq: input: ") {
		t.Errorf("of no JSON: got %s, %v", list(got), err)
	}
}
