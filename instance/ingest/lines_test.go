package ingest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/ingest"
)

func TestLines(t *testing.T) {
	t.Parallel()
	a := strings.Repeat("{\"event\":\"a\"}\n", 3)
	for _, c := range []struct {
		name, body string
		status     int
		part       string
		events     int
	}{
		{"nothing", "", 202, "[]", 0},
		{"one", `{"event":"a"}`, 202, `[{"id":"ep-1"`, 1},
		{"blank lines and CRLF", "\r\n{\"event\":\"a\"}\r\n \n\n{\"event\":\"b\"}\r\n\r\n", 202, `{"id":"ep-2"`, 2},
		{"byte order mark", "\ufeff{\"event\":\"a\"}", 202, `[{"id":"ep-1"`, 1},
		{"bad line", a + "\n{\"event\" \"a\"}\n" + a, 400, `line 5, column 10: `, 3},
		{"says how much came before", a + "[]", 400, `"line":4,"column":1,"accepted":3}}`, 3},
		{"unknown field", a + `{"event":"a","x":1}`, 400, `"line":4,"column":14,"accepted":3`, 3},
		{"ends in a line", a + `{"event":"a"`, 400, `"line":4,"column":13,"accepted":3`, 3},
		{"object over two lines", "{\"event\":\n\"a\"}", 400, `"line":1,"column":10,"accepted":0`, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, ingest.Options{})
			has(t, g.upload([][]byte{[]byte(c.body)}, ndjson), c.status, c.part)
			if len(g.events) != c.events {
				t.Errorf("got %d events, want %d", len(g.events), c.events)
			}
			has(t, newRig(t, ingest.Options{}).post(c.body, ndjson), c.status, c.part)
		})
	}
}

func TestLinesArePublishedAsTheyCome(t *testing.T) {
	t.Parallel()
	g := newRig(t, ingest.Options{})
	take := g.Lines(request(http.MethodPost, "/", "", ndjson))
	for i, c := range []struct {
		chunk string
		want  int
	}{{`{"event":"a"}`, 0}, {"\n", 1}, {"{\"event\":\"b\"}\n{\"event\":\"c\"}\n{", 3}, {`"event":"d"`, 3}, {"}", 3}, {"", 4}} {
		if err := take([]byte(c.chunk), i == 5); err != nil {
			t.Fatal(err)
		}
		if got := len(g.names()); got != c.want {
			t.Errorf("after chunk %d: got %d events, want %d", i, got, c.want)
		}
	}
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(g.names(), want) {
		t.Errorf("got %q, want %q", g.names(), want)
	}
}

func TestLinesAreBounded(t *testing.T) {
	t.Parallel()
	line := []byte(strings.Repeat("{\"event\":\"a\"}\n", 1000))
	pieces := slices.Repeat([][]byte{line}, 101)
	quiet := newRig(t, ingest.Options{})
	has(t, quiet.upload(pieces, ndjson, minimal), 204)
	if len(quiet.events) != 101_000 {
		t.Errorf("got %d events, want 101000", len(quiet.events))
	}
	has(t, newRig(t, ingest.Options{}).upload(pieces, ndjson), 413, "return=minimal", `"accepted":100000`)
	has(t, newRig(t, ingest.Options{MaxBody: 1000}).upload(pieces, ndjson), 413, `"accepted":0`)
}

func TestLinesFailOneByOne(t *testing.T) {
	t.Parallel()
	g := newRig(t, ingest.Options{})
	g.verdict = func(n int, _ *ingest.Event) error {
		if n == 1 {
			return ingest.ErrBusy
		}
		return nil
	}
	g.hold = true
	w := g.upload([][]byte{[]byte(strings.Repeat("{\"event\":\"a\"}\n", 3))}, ndjson)
	g.settle()
	has(t, w, 202, `[{"id":"ep-1"`, `},{"error":{"code":"busy","message":"too many events wait"}},{"id":"ep-3"`)
}

// What the header decides is answered before the body is read.
func TestLinesRefuseEarly(t *testing.T) {
	t.Parallel()
	g := newRig(t, ingest.Options{Tokens: []string{"t"}})
	for _, c := range []struct {
		status int
		fields []string
	}{{401, []string{ndjson}}, {415, []string{"Content-Type: image/png", "Authorization: Bearer t"}}} {
		r := request(http.MethodPost, "/", "", c.fields...)
		take := g.Lines(r)
		if take == nil || take([]byte("{\"event\":\"a\"}\n"), false) == nil {
			t.Error("the body is read")
		}
		has(t, g.upload([][]byte{[]byte("{}")}, c.fields...), c.status)
	}
	for _, fields := range [][]string{{"Content-Type: application/json"}, {ndjson, "Idempotency-Key: k"}} {
		if g.Lines(request(http.MethodPost, "/", "", append(fields, "Authorization: Bearer t")...)) != nil {
			t.Errorf("%q is streamed", fields)
		}
	}
	if len(g.events) > 0 {
		t.Errorf("got %d events", len(g.events))
	}
}
