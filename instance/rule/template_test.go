package rule_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/rule"
)

func TestTemplate(t *testing.T) {
	t.Parallel()
	in := event("m", `{"room":"r","deep":{"list":[{"x":"found"},2.50],"0":"zero"},"yes":true,"nil":null,"obj":{},"esc":"\u00e9\"\n","*":"star","a?b":"q","@this":"at","x!":"bang","dup":1,"dup":2},"second",1e3`)
	for _, c := range []struct{ text, want string }{
		{"plain", "plain"},
		{"", ""},
		{"{0.room}", "r"},
		{"{1}", "second"},
		{"{2}", "1e3"},
		{"a{0.room}b{1}c", "arbsecondc"},
		{"{0.deep.list.0.x}", "found"},
		{"{0.deep.list.1}", "2.50"},
		{"{0.deep.0}", "zero"},
		{"{0.yes}", "true"},
		{"{0.esc}", "é\"\n"},
		{"{0.*}", "star"},
		{"{0.a?b}", "q"},
		{"{0.@this}", "at"},
		{"{0.x!}", "bang"},
		{"{0.dup}", "1"},
		{"{sid}", "S1"},
		{"{namespace}", "/"},
		{"{auth.token}{auth.n}", "t7"},
		{"{claims.sub}", "ann"},
		{"{claims.big}", "12345678901234567890"},
		{"{claims.groups.1}", "blue"},
		{"{query.v}", "1"},
		{"{query.a.b}", "dotted"},
		{"{headers.user-agent}", "tester"},
		{"{headers.X-Two}", "one"},
		{"{{0}}", "{0}"},
		{"{{{0.room}}}", "{r}"},
		{"}}{{", "}{"},
	} {
		template, err := rule.CompileTemplate(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		got, err := template.Expand(in)
		if err != nil || len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.text, got, err, c.want)
		}
	}
}

func TestTemplateWithoutValue(t *testing.T) {
	t.Parallel()
	in := event("m", `{"nil":null,"obj":{"a":1},"empty":"","list":["a"]},[]`)
	nobody := posted("m", `{}`)
	for _, text := range []string{
		"{0.nil}", "{0.obj}", "{0.empty}", "{0.other}", "{0}", "{1}", "{2}", "{9999}", "{1.0}", "x{0.list}", "{claims.groups.2}", "{claims.x}", "{auth.token.x}",
		"{query.x}", "{headers.x}", "{0.*}", "{0.o*}", "{0.list.@reverse}", "{0.@keys}",
	} {
		template, err := rule.CompileTemplate(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := template.Expand(in); !errors.Is(err, rule.ErrMissing) {
			t.Errorf("%s: got %q, %v; want %v", text, got, err, rule.ErrMissing)
		}
	}
	for _, text := range []string{"{sid}", "{auth.n}", "{claims.sub}", "{query.v}", "{headers.user-agent}"} {
		template, _ := rule.CompileTemplate(text)
		if got, err := template.Expand(nobody); !errors.Is(err, rule.ErrMissing) {
			t.Errorf("%s of nobody: got %q, %v; want %v", text, got, err, rule.ErrMissing)
		}
	}
}

func TestTemplateGivesEachTextOfAnArray(t *testing.T) {
	t.Parallel()
	template, err := rule.CompileTemplate("{claims.groups}", "claims")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := template.Expand(event("m", "")); err != nil || !slices.Equal(got, []string{"red", "blue"}) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTemplateKeepsNothingBorrowed(t *testing.T) {
	t.Parallel()
	text := json.RawMessage(`["m","room","a\u0062"]`)
	in := &rule.Input{Event: "m", Payload: rule.JSON(text)}
	for _, source := range []string{"{0}", "{1}"} {
		template, _ := rule.CompileTemplate(source)
		got, err := template.Expand(in)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Clone(got[0])
		saved := slices.Clone(text)
		for i := range text {
			text[i] = '#'
		}
		if got[0] != want {
			t.Errorf("%s: got %q after the bytes changed, want %q", source, got[0], want)
		}
		copy(text, saved)
	}
}

func TestTemplateFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		allowed []string
		want    string
	}{
		{"{", nil, "stands alone"},
		{"a}", nil, "stands alone"},
		{"{0", nil, "stands alone"},
		{"{a{0}", nil, "stands alone"},
		{"{}", nil, "placeholder {}: unknown"},
		{"{room}", nil, "placeholder {room}: unknown, must be {0}, {0.key}, {sid}"},
		{"{args}", nil, "unknown"},
		{"{project}", nil, "unknown"},
		{"{instance.name}", nil, "unknown"},
		{"{sid.x}", nil, "{sid} has no fields"},
		{"{auth}", nil, "a key is empty"},
		{"{auth.}", nil, "a key is empty"},
		{"{0.}", nil, "a key is empty"},
		{"{0..a}", nil, "a key is empty"},
		{"{0.#}", nil, "must not hold"},
		{"{0.a|b}", nil, "must not hold"},
		{`{0.a\b}`, nil, "must not hold"},
		{"{query}", nil, "names no value"},
		{"{00}", nil, "arguments count"},
		{"{99999}", nil, "arguments count"},
		{"{-1}", nil, "unknown"},
		{"{0}", []string{"claims"}, "unknown, must be {claims.key}"},
		{"{ sid }", nil, "unknown"},
	} {
		_, err := rule.CompileTemplate(c.text, c.allowed...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.text, err, c.want)
		}
	}
}
