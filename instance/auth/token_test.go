package auth_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/auth"
)

func TestParseTokens(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"comments and blank lines", "# old\n\n  \none\n\t# another\n two \n", []string{"one", "two"}},
		{"line ends of Windows", "\ufeffone\r\n#\r\ntwo", []string{"one", "two"}},
		{"a sign inside", "a#b\nc d\n", []string{"a#b", "c d"}},
	}
	for _, tt := range tests {
		if got := auth.ParseTokens(tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestWhereTheTokenComesFrom(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, auth string
		header     []string
		query      bool
		want       string
	}{
		{"everywhere", `{"token":"a"}`, []string{"Bearer b"}, true, "a"},
		{"header and query", `{}`, []string{"Bearer b"}, true, "b"},
		{"query", ``, nil, true, "q"},
		{"query where it does not count", ``, nil, false, ""},
		{"another case in the scheme", `null`, []string{"bEaReR  b "}, false, "b"},
		{"another scheme", ``, []string{"Basic b"}, false, ""},
		{"no scheme", ``, []string{"b"}, false, ""},
		{"two headers", ``, []string{"Bearer a", "Bearer b"}, false, ""},
		{"another case in the name", `{"Token":"a"}`, nil, false, ""},
		{"not a string", `{"token":1}`, []string{"Bearer b"}, false, "b"},
		{"an empty string", `{"token":""}`, []string{"Bearer b"}, false, "b"},
		{"a list", `["token"]`, nil, false, ""},
		{"not JSON", `{"token":`, nil, false, ""},
		{"an escape", `{"x":[1],"token":"\u0061"}`, nil, false, "a"},
	}
	q := url.Values{"access_token": {"q"}}
	for _, tt := range tests {
		h := http.Header{"Authorization": tt.header}
		if got := auth.Token(json.RawMessage(tt.auth), h, q, tt.query); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := auth.Token(nil, nil, nil, true); got != "" {
		t.Errorf("nothing at all: got %q", got)
	}
}

func FuzzParseTokens(f *testing.F) {
	for _, seed := range []string{"", "a\n# b\n\nc\r\n", "\ufeff#", "#\na"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tokens := auth.ParseTokens(text)
		if again := auth.ParseTokens(strings.Join(tokens, "\n")); len(tokens) > 0 && tokens[0][0] != 0xef && !slices.Equal(again, tokens) {
			t.Errorf("got %q, then %q", tokens, again)
		}
		for _, token := range tokens {
			if token == "" || token[0] == '#' || strings.Contains(token, "\n") {
				t.Errorf("token %q", token)
			}
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add(`{"token":"a"}`, "Bearer b")
	f.Add(`[`, "bearer")
	f.Fuzz(func(t *testing.T, object, field string) {
		token := auth.Token(json.RawMessage(object), http.Header{"Authorization": {field}}, nil, true)
		if token != "" && !strings.Contains(field, token) && !json.Valid([]byte(object)) {
			t.Errorf("%q from nowhere", token)
		}
	})
}
