package rule_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/rule"
)

func TestReply(t *testing.T) {
	t.Parallel()
	query, header := url.Values{"q": {`"x"`}}, http.Header{"User-Agent": {"tester"}}
	for _, c := range []struct{ body, want string }{
		{`{"a": 1, "b" :[true,null] }`, `{"a": 1, "b" :[true,null] }`},
		{`{"working_directory": "{project}", "success": true}`, `{"working_directory": "/home/a \"b\"", "success": true}`},
		{`["{name}:{port}","{port}","{query.q}"]`, `["chat:8765","8765","\"x\""]`},
		{`{"{name}":"{instance.name}"}`, `{"{name}":"chat"}`},
		{`{"o":{"{a}":["{name}",{"{b}":"{name}"}],"{c}":1,"d":"{name}"},"{e}":"{name}"}`, `{"o":{"{a}":["chat",{"{b}":"chat"}],"{c}":1,"d":"chat"},"{e}":"chat"}`},
		{`"{clients}"`, `"3"`},
		{`"{none}{query.absent}{headers.absent}"`, `""`},
		{`"{headers.user-agent}"`, `"tester"`},
		{`"{nested}"`, `"{\"x\":[\"y\"]}"`},
		{`"{{name}}"`, `"{name}"`},
		{`"\u007bname}"`, `"chat"`},
		{`{path, q: .query.q, ua: .headers["user-agent"], n: $instance.name}`, `{"n":"chat","path":"/p","q":"\"x\"","ua":"tester"}`},
		{`[$instance.clients + 1]`, `[4]`},
	} {
		r, err := rule.CompileReply(c.body)
		if err != nil {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		got, err := r.Render("/p", query, header, new(vars))
		if err != nil || string(got) != c.want || !json.Valid(got) {
			t.Errorf("%s: got %s, %v; want %s", c.body, got, err, c.want)
		}
	}
}

func TestReplyFaults(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"a": "{"}`:            "stands alone",
		`{"a": "{0}"}`:          "placeholder {0}: unknown",
		`{"a": "{claims.sub}"}`: "unknown",
		`{"a": "{query}"}`:      "names no value",
		`{"a": }`:               "neither JSON (invalid character '}'",
		` `:                     "must not be empty",
	} {
		if _, err := rule.CompileReply(body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
}

func TestReplyThatCannotBeMade(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`"{nosuch}"`:          "placeholder {nosuch}: no value",
		`"{instance.name.x}"`: "placeholder {instance.name.x}: no value",
		`1, 2`:                "2 outputs",
		`empty`:               "0 outputs",
		`error("bad")`:        "jq: error: bad",
	} {
		r, err := rule.CompileReply(body)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if got, err := r.Render("/", nil, nil, new(vars)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %s, %v; want %s", body, got, err, want)
		}
	}
}

func TestReplyThatIsAProgramIsSlow(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{`{"a":1}`: false, `{a: 1}`: true} {
		r, err := rule.CompileReply(body)
		if err != nil || r.Slow() != want {
			t.Errorf("%s: got %v, want %v", body, err, want)
		}
	}
}
