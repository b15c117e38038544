package rule_test

import (
	"testing"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/rule"
)

// paths are the ways through Eval that a benchmark and the count of allocations go.
func paths(t testing.TB) []struct {
	name   string
	set    *rule.Set
	in     *rule.Input
	allocs float64 // -1 = any
} {
	chat := compile(t, rules{
		"exact":     {To: config.Strings{"others", "room:lobby"}, Join: config.Strings{"lobby"}, Ack: config.Ack{Expr: "{args}"}},
		"plain":     {},
		"glob.*":    {To: config.Strings{"all"}, Also: []config.Also{{Emit: "copy", To: config.Strings{"sender"}}}},
		"room":      {To: config.Strings{"room:{0.room}"}},
		"user":      {To: config.Strings{"room:user:{claims.sub}"}},
		"jq":        {Args: `[.args[0].room, .sid]`},
		"drop":      {Drop: true},
		"posted":    {From: []string{"http"}},
		"from.jq.*": {From: []string{"http"}, Args: `1`},
	})
	args := `{"room":"lobby","text":"hello"}`
	return []struct {
		name   string
		set    *rule.Set
		in     *rule.Input
		allocs float64
	}{
		{"hub", compile(t, nil), event("message", args), 0},
		{"exact", chat, event("exact", args), 0},
		{"others", chat, event("plain", args), 0},
		{"glob", chat, event("glob.x", args), 0},
		{"room", chat, event("room", args), 2},
		{"claim", chat, event("user", args), 2},
		{"drop", chat, event("drop", args), 0},
		{"no rule", chat, event("unknown", args), 0},
		{"posted", chat, posted("posted", args, "a"), 0},
		{"jq", chat, event("jq", args), -1},
	}
}

func TestAllocations(t *testing.T) {
	for _, c := range paths(t) {
		t.Run(c.name, func(t *testing.T) {
			d := new(rule.Decision)
			got := testing.AllocsPerRun(100, func() { c.set.Eval(c.in, d) })
			if got > c.allocs && c.allocs >= 0 && !raceEnabled {
				t.Errorf("got %v allocations, want at most %v", got, c.allocs)
			}
		})
	}
}

func BenchmarkEval(b *testing.B) {
	for _, c := range paths(b) {
		b.Run(c.name, func(b *testing.B) {
			d := new(rule.Decision)
			b.ReportAllocs()
			for b.Loop() {
				c.set.Eval(c.in, d)
			}
		})
	}
}
