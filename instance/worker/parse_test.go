package worker_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/worker"
)

func TestBinary(t *testing.T) {
	t.Parallel()
	args := json.RawMessage(`["a{",{"_placeholder":true,"num":1},{"x":[{"num":0,"_placeholder":true},{"_placeholder":false,"num":0}], "y" : {"z":1}}]`)
	out, err := worker.EncodeBinary(args, [][]byte{{1, 2, 255}, {}})
	want := `["a{",{"$binary":""},{"x":[{"$binary":"AQL/"},{"_placeholder":false,"num":0}], "y" : {"z":1}}]`
	if err != nil || string(out) != want {
		t.Fatalf("got %s, %v; want %s", out, err, want)
	}
	back, attachments, err := worker.DecodeBinary(out)
	want = `["a{",{"_placeholder":true,"num":0},{"x":[{"_placeholder":true,"num":1},{"_placeholder":false,"num":0}], "y" : {"z":1}}]`
	if err != nil || string(back) != want || len(attachments) != 2 || string(attachments[1]) != "\x01\x02\xff" || len(attachments[0]) != 0 {
		t.Fatalf("got %s, %v, %v; want %s", back, attachments, err, want)
	}
	for name, bad := range map[string]string{"a number too large": `[{"_placeholder":true,"num":2}]`, "a negative one": `[{"_placeholder":true,"num":-1}]`, "no JSON": `[`} {
		if out, err := worker.EncodeBinary(json.RawMessage(bad), [][]byte{{}, {}}); err == nil {
			t.Errorf("%s: got %s", name, out)
		}
	}
	for name, bad := range map[string]string{"a placeholder": `[{"_placeholder":true,"num":0}]`, "one in escapes": `[{"\u005fplaceholder":true,"num":0}]`,
		"no base64": `[{"$binary":"?"}]`, "no string": `[{"$binary":1}]`, "null": `[{"$binary":null}]`} {
		if out, _, err := worker.DecodeBinary(json.RawMessage(bad)); err == nil {
			t.Errorf("%s: got %s", name, out)
		}
	}
	if out, a, err := worker.DecodeBinary(json.RawMessage(`[{"$binary":"AA==","more":1}]`)); err != nil || len(a) != 0 || string(out) != `[{"$binary":"AA==","more":1}]` {
		t.Errorf("an object with more keys: got %s, %v", out, err)
	}
}

func FuzzBinary(f *testing.F) {
	f.Add([]byte(`["a",{"$binary":"AQL/"},{"x":{"$binary":""}}]`))
	f.Add([]byte(`[{"_placeholder":true,"num":0}]`))
	f.Add([]byte("\"\\\"{\""))
	f.Fuzz(func(t *testing.T, args []byte) {
		out, attachments, err := worker.DecodeBinary(args)
		if err != nil {
			return
		}
		back, err := worker.EncodeBinary(out, attachments)
		if err != nil || !json.Valid(back) {
			t.Fatalf("%s became %s, %v", args, back, err)
		}
		again, more, err := worker.DecodeBinary(back)
		if err != nil || string(again) != string(out) || len(more) != len(attachments) {
			t.Fatalf("%s: got %s, %v; want %s", back, again, err, out)
		}
	})
}

func FuzzLine(f *testing.F) {
	for _, seed := range []string{`{"ready":true}`, `{"emit":"a","args":[1],"to":["all","room:x"],"except":"s"}`, `{"ack":1,"error":"x"}`, `{"join":["a"],"sid":"s"}`,
		`{"leave":"a","sid":"s"}`, `{"disconnect":"s"}`, `{"accept":1}`, `{"refuse":1,"message":"m","data":{}}`, `null`, `{"emit":null}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		short, err := worker.Decode(line)
		if err == nil && short == "" {
			t.Error("a line was taken for nothing")
		}
	})
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nbb\r\n\nccccccccccccccccccccccccccccccccccccccc\nd"), 20)
	f.Fuzz(func(t *testing.T, data []byte, limit int) {
		limit = 16 + max(limit, 0)%1000
		lines, whole := worker.Lines(data, limit)
		text := strings.TrimSuffix(string(data), "\n")
		want := strings.Split(text, "\n")
		if len(data) == 0 {
			want = nil
		}
		if len(lines) != len(want) {
			t.Fatalf("got %q, want %q", lines, want)
		}
		for i, line := range lines {
			full := strings.TrimSuffix(want[i], "\r")
			if whole[i] && line != full || !whole[i] && (len(want[i]) <= limit || !strings.HasPrefix(want[i], line)) {
				t.Fatalf("line %d of limit %d: got %q (%v), want %q", i, limit, line, whole[i], full)
			}
		}
	})
}

func FuzzEnvFile(f *testing.F) {
	f.Add("A=1\nexport B=\"$A ${C}\"\nC='x\ny'\nD=\\$A # c\n")
	f.Add("A=")
	f.Add("A='")
	f.Fuzz(func(_ *testing.T, text string) {
		if values, err := worker.ParseEnvFile(text); err == nil {
			worker.Expand(values, func(string) string { return "" })
		}
	})
}

func TestReferencesInEnvFiles(t *testing.T) {
	t.Parallel()
	values, err := worker.ParseEnvFile("A=$B\nB=${C}x\nC=1\nLOOP=$LOOP:2\nX=$OUT\n\nmoney=\"5\\$ a\"\n")
	if err != nil {
		t.Fatal(err)
	}
	got := worker.Expand(values, func(name string) string { return map[string]string{"OUT": "o", "LOOP": "l"}[name] })
	want := map[string]string{"A": "1x", "B": "1x", "C": "1", "LOOP": "l:2", "X": "o", "money": "5$ a"}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSendRefusesWhatIsNoJSON(t *testing.T) {
	t.Parallel()
	w, err := worker.New(worker.Options{Project: "/", Command: []string{"x"}}, newSink())
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"[", "[1]\n[2]", "x"} {
		if id, err := w.Send(worker.Event{Args: json.RawMessage(args)}); !errors.Is(err, worker.ErrInvalid) {
			t.Errorf("%q: got %d, %v; want %v", args, id, err, worker.ErrInvalid)
		}
	}
	if n := w.Stats(); n.Waiting != 0 {
		t.Errorf("got %+v", n)
	}
	if _, err := worker.New(worker.Options{Project: "/"}, newSink()); err == nil {
		t.Error("no command was taken")
	}
}
