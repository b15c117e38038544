package main

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestArguments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		words []string
		want  string // "" = refused
	}{
		{nil, "[]"},
		{[]string{"1", `"a"`, `{"b":[]}`, "null"}, `[1,"a",{"b":[]},null]`},
		{[]string{"-5"}, "[-5]"},
		{[]string{"hello"}, ""},
		{[]string{"1,2"}, ""},
		{[]string{""}, ""},
	} {
		got, err := arguments(c.words, "sockd emit a e")
		var wrong *usageError
		switch {
		case c.want == "" && !errors.As(err, &wrong):
			t.Errorf("%q: got %s, %v, want a usage error", c.words, got, err)
		case c.want != "" && (err != nil || string(got) != c.want):
			t.Errorf("%q: got %s, %v, want %s", c.words, got, err, c.want)
		}
	}
	_, err := arguments([]string{`say "hi"`}, "sockd emit a e")
	if want := "argument 1 is no JSON: say \"hi\"\na text needs quotes of its own: sockd emit a e '\"say \\\"hi\\\"\"'"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestStandardInput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want, fault string }{
		{"nothing", "", "", ""},
		{"blank lines", "\n\n", "", ""},
		{"one array over lines", "[1,\n2\n]", "[1,\n2\n]", ""},
		{"one event a line", "[1]\n{\"a\":1}\n3\n\"x\"\n", `[1] [{"a":1}] [3] ["x"]`, ""},
		{"no line end", "[1]", "[1]", ""},
		{"a fault after an event", "[1]\n{", "[1]", "standard input: value 2 is no JSON"},
		{"too large", `["` + strings.Repeat("x", maxArguments) + `"]`, "", "standard input: value 1 is larger than 16777216 bytes"},
	} {
		var got []string
		err := eachArguments(strings.NewReader(c.text), func(args json.RawMessage) error {
			got = append(got, string(args))
			return nil
		})
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: got %q, want %q", c.name, text, c.want)
		}
		if (err == nil) != (c.fault == "") || err != nil && !strings.HasPrefix(err.Error(), c.fault) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.fault)
		}
	}
	if err := eachArguments(strings.NewReader("1 2"), func(json.RawMessage) error { return io.ErrClosedPipe }); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

func FuzzStandardInput(f *testing.F) {
	for _, seed := range []string{"", "[1]\n[2]", "{}", `"\ud800"`, "[", "1 2 3", "\x00", "[[]]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_ = eachArguments(strings.NewReader(text), func(args json.RawMessage) error {
			var list []json.RawMessage
			if err := json.Unmarshal(args, &list); err != nil {
				t.Errorf("%q makes %q: %v", text, args, err)
			}
			return nil
		})
	})
}
