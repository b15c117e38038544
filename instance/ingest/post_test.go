package ingest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/ingest"
)

func TestOneEvent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, body, payload, namespace, rooms, except string }{
		{"only a name", `{"event":"a"}`, `["a"]`, "/", "[]", "[]"},
		{"one argument", `{"event":"a","data":{"x": 1}}`, `["a",{"x": 1}]`, "/", "[]", "[]"},
		{"null is an argument", `{"event":"a","data":null}`, `["a",null]`, "/", "[]", "[]"},
		{"arguments", `{"args": [ 1, "two" ] ,"event":"a"}`, `["a",1, "two"]`, "/", "[]", "[]"},
		{"no arguments", `{"event":"a","args":[ ]}`, `["a"]`, "/", "[]", "[]"},
		{"null is absent", `{"event":"a","args":null,"namespace":null,"room":null,"except":null}`, `["a"]`, "/", "[]", "[]"},
		{"namespace without a slash", `{"event":"a","namespace":"n"}`, `["a"]`, "/n", "[]", "[]"},
		{"a room", `{"event":"a","room":"r"}`, `["a"]`, "/", "[r]", "[]"},
		{"rooms", `{"event":"a","room":["r","\u0073"],"except":["t"]}`, `["a"]`, "/", "[r s]", "[t]"},
		{"the last of two", `{"event":"a","event":"b"}`, `["b"]`, "/", "[]", "[]"},
		{"escaped names", `{"\u0065vent":"\u00e9"}`, `["\u00e9"]`, "/", "[]", "[]"},
		{"byte order mark and space", "\ufeff \r\n{\"event\":\"a\"}\n", `["a"]`, "/", "[]", "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, ingest.Options{})
			has(t, g.post(c.body), http.StatusAccepted, `{"id":"ep-1","seq":1,"namespace":"`+c.namespace+`","recipients":3}`)
			if len(g.events) != 1 {
				t.Fatalf("got %d events, want 1", len(g.events))
			}
			e := g.events[0]
			got := []string{string(e.Payload), e.Namespace, fmt.Sprint(e.Rooms), fmt.Sprint(e.Except)}
			if want := []string{c.payload, c.namespace, c.rooms, c.except}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 600)
	for _, c := range []struct{ name, body, code, place string }{
		{"empty", ``, "bad_json", `line 1, column 1: `},
		{"no value", `{"event": }`, "bad_json", `"line":1,"column":11`},
		{"not whole", "{\"event\": \"a\"\n\n", "bad_json", `"line":1,"column":14`},
		{"second line", "{\n  event: 1}", "bad_json", `"line":2,"column":3`},
		{"characters, not bytes", `{"event":"äöü" x}`, "bad_json", `"line":1,"column":16`},
		{"more behind it", `{"event":"a"} {"event":"b"}`, "bad_json", `x-ndjson`},
		{"a comma too many", `{"event":"a",}`, "bad_json", `"column":14`},
		{"leading zero", `{"event":"a","data":01}`, "bad_json", `"column":22`},
		{"bare control character", "{\"event\":\"a\tb\"}", "bad_json", `"column":12`},
		{"invalid UTF-8", "{\"event\":\"a\xff\"}", "bad_json", `invalid UTF-8`},
		{"surrogate in UTF-8", "{\"event\":\"\xed\xa0\x80\"}", "bad_json", `invalid UTF-8`},
		{"bad escape", `{"event":"\x"}`, "bad_json", `"column":12`},
		{"too deep", `{"event":"a","data":` + deep, "bad_json", `nested deeper than 512`},
		{"a string", `"a"`, "bad_json", `expected an event`},
		{"array of strings", `["a"]`, "bad_json", `"column":2`},
		{"no event", `[{"event":"a"},{"data":1}]`, "bad_event", `"line":1,"column":16`},
		{"unknown field", `{"event":"a","rom":"r"}`, "bad_event", `unknown field \"rom\"; allowed are event`},
		{"name in another case", `{"Event":"a"}`, "bad_event", `unknown field`},
		{"empty name", `{"event":""}`, "bad_event", `not empty`},
		{"name is a number", `{"event":1}`, "bad_event", `must be a string`},
		{"reserved", `{"event":"disconnect"}`, "bad_event", `reserved`},
		{"args is no array", `{"event":"a","args":{}}`, "bad_event", `args must be an array`},
		{"args and data", `{"event":"a","args":[],"data":1}`, "bad_event", `exclude`},
		{"no receiver", `{"event":"a","room":[]}`, "bad_event", `room must be`},
		{"room is a number", `{"event":"a","except":[1]}`, "bad_event", `except must be`},
		{"namespace is a number", `{"event":"a","namespace":1}`, "bad_event", `namespace must be`},
		{"unknown namespace", `{"event":"a","namespace":"/secret"}`, "bad_event", `not of this instance`},
		{"namespace with a comma", `{"event":"a","namespace":"a,b"}`, "bad_event", `not of this instance`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, ingest.Options{Namespace: func(n string) bool { return n != "/secret" }})
			w := g.post(c.body)
			has(t, w, http.StatusBadRequest, `{"error":{"code":"`+c.code+`","message":"`, c.place)
			if !json.Valid(w.Body.Bytes()) || len(g.events) > 0 {
				t.Errorf("got body %s and %d events", w.Body, len(g.events))
			}
		})
	}
}

func TestSeveral(t *testing.T) {
	t.Parallel()
	g := newRig(t, ingest.Options{})
	has(t, g.post(`[]`), http.StatusAccepted, `[]`)
	has(t, g.post(`[{"event":"a"}]`), http.StatusAccepted, `[{"id":"ep-1"`)
	g.hold = true
	w := g.post(`[{"event":"b"},{"event":"drop"},{"event":"c"}]`)
	g.settle()
	has(t, w, http.StatusAccepted, `[{"id":"ep-2","seq":2,"namespace":"/","recipients":3},{"dropped":"rule","namespace":"/","recipients":0},{"id":"ep-4"`)
	if g.parked != 1 {
		t.Errorf("parked %d times, want 1", g.parked)
	}
	has(t, newRig(t, ingest.Options{}).post(`[`+strings.Repeat(`{"event":"a"},`, 100_000)+`{"event":"a"}]`), http.StatusRequestEntityTooLarge, "NDJSON")
}

func TestPublishFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		err    error
		status int
		code   string
		retry  string
	}{
		{"busy", ingest.ErrBusy, 503, "busy", "1"}, {"disk full", ingest.ErrDegraded, 503, "degraded", "10"},
		{"invalid", &ingest.Invalid{Message: "no such thing"}, 400, "bad_event", ""}, {"other", errElse, 500, "internal", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, ingest.Options{})
			g.verdict = func(n int, e *ingest.Event) error {
				if e.Name == "bad" {
					return c.err
				}
				return nil
			}
			for _, body := range []string{`{"event":"bad"}`, `[{"event":"bad"},{"event":"bad"}]`} {
				w := g.post(body)
				has(t, w, c.status, `{"error":{"code":"`+c.code)
				if got := w.Header().Get("Retry-After"); got != c.retry {
					t.Errorf("Retry-After: got %q, want %q", got, c.retry)
				}
			}
			both := `[{"event":"a"},{"event":"bad"}]`
			has(t, g.post(both), 202, `[{"id":"ep-4"`, `},{"error":{"code":"`+c.code)
			has(t, g.post(both, minimal), 202, `{"accepted":1,"failed":1,"error":{"code":"`+c.code)
		})
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	const body = `{"event":"a"}`
	for _, c := range []struct {
		name, body string
		fields     []string
		status     int
	}{
		{"charset", body, []string{"Content-Type: Application/JSON; charset=utf-8"}, 202},
		{"other json", body, []string{"Content-Type: application/cloudevents+json"}, 202},
		{"text", body, []string{"Content-Type: text/plain"}, 202},
		{"curl -d", body, []string{"Content-Type: application/x-www-form-urlencoded"}, 202},
		{"curl -d of bad JSON", `{"event"`, []string{"Content-Type: application/x-www-form-urlencoded"}, 400},
		{"a form", `event=a`, []string{"Content-Type: application/x-www-form-urlencoded"}, 415},
		{"xml", body, []string{"Content-Type: text/xml"}, 415},
		{"compressed", body, []string{"Content-Encoding: gzip"}, 415},
		{"minimal", body, []string{`Prefer: respond-async, Return="minimal"`}, 204},
		{"representation", body, []string{"Prefer: return=representation"}, 202},
		{"empty key", body, []string{"Idempotency-Key: "}, 400},
		{"long key", body, []string{"Idempotency-Key: " + strings.Repeat("k", 256)}, 400},
		{"two keys", body, []string{"Idempotency-Key: a", "Idempotency-Key: b"}, 400},
		{"too long", `{"event":"` + strings.Repeat("a", 100) + `"}`, nil, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newRig(t, ingest.Options{MaxBody: 100}).post(c.body, c.fields...)
			has(t, w, c.status)
			if applied := w.Header().Get("Preference-Applied") != ""; applied != (c.status == 204) || applied && w.Body.Len() > 0 {
				t.Errorf("Preference-Applied: got %v; body %q", applied, w.Body)
			}
		})
	}
	w := newRig(t, ingest.Options{Empty: true}).post(body)
	if has(t, w, 204); w.Header().Get("Preference-Applied") != "" {
		t.Error("a preference was applied that nobody had")
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	g := newRig(t, ingest.Options{Path: "/api/events"})
	for _, m := range []string{"HEAD", "PUT", "DELETE", "OPTIONS"} {
		w := g.ask(m, "/api/events", "")
		if has(t, w, 405); w.Header().Get("Allow") != "GET, POST" {
			t.Errorf("%s: got Allow %q", m, w.Header().Get("Allow"))
		}
	}
	has(t, g.ask("GET", "/api/events", ""), 406, "not_acceptable", "/api/events needs")
	has(t, g.ask("GET", "/api/events", "", "Accept: text/event-stream;q=0"), 406)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	g := newRig(t, ingest.Options{Tokens: []string{"old", "new"}})
	for _, c := range []struct {
		field  string
		status int
	}{{"X: y", 401}, {"Authorization: Bearer wrong", 401}, {"Authorization: Basic old", 401}, {"Authorization: Bearer ", 401},
		{"Authorization: Bearer old", 202}, {"Authorization: bearer new", 202}} {
		w := g.post(`{"event":"a"}`, c.field)
		if has(t, w, c.status); c.status == 401 && w.Header().Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: got WWW-Authenticate %q", c.field, w.Header().Get("WWW-Authenticate"))
		}
	}
	has(t, g.ask("GET", "/?since=", ""), 401)
	has(t, g.ask("GET", "/?since=&access_token=new", ""), 200)
	has(t, g.ask("POST", "/?access_token=new", `{"event":"a"}`), 401)
	g.Configure(ingest.Options{Tokens: []string{"newest"}})
	has(t, g.post(`{"event":"a"}`, "Authorization: Bearer new"), 401)
}

func TestTransform(t *testing.T) {
	t.Parallel()
	var jobs int
	g := newRig(t, ingest.Options{
		Work: func(_ uint64, job func()) error { jobs++; job(); return nil },
		Transform: func(body []byte, h http.Header, q url.Values) (out []json.RawMessage, err error) {
			if string(body) == `"panic"` {
				return nil, errors.New("no events in it")
			}
			err = json.Unmarshal(body, &out)
			if n := q.Get("name"); n != "" {
				out = append(out, json.RawMessage(`{"event":"`+n+h.Get("X-Tail")+`"}`))
			}
			return out, err
		}})
	has(t, g.post(`[{"event":"a"}]`), 202, `{"id":"ep-1"`)
	has(t, g.post(`[[{"event":"a"}]]`), 202, `[{"id":"ep-2"`)
	has(t, g.post(`[null]`), 202, `[]`)
	has(t, g.post(`[{"event":"a"},{"event":"b"}]`), 202, `[{"id":"ep-3"`)
	has(t, g.ask("POST", "/?name=q", `[]`, "X-Tail: x"), 202, `{"id":"ep-5"`)
	has(t, g.post(`[{"evnt":"a"}]`), 400, "transform: output 1: unknown field")
	has(t, g.post(`"panic"`), 400, "transform: no events in it")
	has(t, g.post(`[`), 400, "bad_json", `"column":2`)
	has(t, g.upload([][]byte{[]byte("[{\"event\":\"l1\"}]\n\n[]\n[{\"ev"), []byte("ent\":\"l2\"}]\n[1"), []byte("]")}, ndjson), 400, `"line":5`, `"accepted":2`)
	if want := []string{"a", "a", "a", "b", "qx", "l1", "l2"}; !slices.Equal(g.names(), want) || jobs == 0 {
		t.Errorf("got %q, want %q; %d jobs", g.names(), want, jobs)
	}
}

func TestLargeBodiesAreJobs(t *testing.T) {
	t.Parallel()
	var jobs []func()
	full := false
	g := newRig(t, ingest.Options{Work: func(_ uint64, job func()) error {
		if full {
			return errElse
		}
		jobs = append(jobs, job)
		return nil
	}})
	body := `{"event":"a","data":"` + strings.Repeat("x", 40<<10) + `"}`
	w := g.post(body)
	if len(jobs) != 1 || len(g.events) != 0 {
		t.Fatalf("got %d jobs and %d events before they ran", len(jobs), len(g.events))
	}
	jobs[0]()
	has(t, w, 202, `{"id":"ep-1"`)
	full = true
	has(t, g.post(body), 503, "busy")
}

func TestStats(t *testing.T) {
	t.Parallel()
	g := newRig(t, ingest.Options{})
	g.post(`{"event":"a"}`)
	g.post(`{"event":`)
	s := g.Stats()
	if s.Requests["accepted"] != 1 || s.Requests["bad_json"] != 1 || len(s.Requests) != 2 || s.Events != 1 {
		t.Errorf("got %+v", s)
	}
}

// What panics in a job does not leave its client without an answer.
func TestPanicInAJob(t *testing.T) {
	t.Parallel()
	g := newRig(t, ingest.Options{
		Work:      func(_ uint64, job func()) error { defer func() { _ = recover() }(); job(); return nil },
		Transform: func([]byte, http.Header, url.Values) ([]json.RawMessage, error) { panic("transform") },
	})
	has(t, g.post(`1`, key), 500, "internal")
	has(t, g.post(`1`, key), 500, "internal")
	has(t, g.upload([][]byte{[]byte("1\n"), []byte("2")}, ndjson), 500, `"accepted":0`)
}

func TestNewAndLimit(t *testing.T) {
	t.Parallel()
	if _, err := ingest.New(ingest.Options{}, nil, nil, nil); err == nil {
		t.Error("got no error without a host")
	}
	g := newRig(t, ingest.Options{})
	for method, want := range map[string]int64{http.MethodPost: 16 << 20, http.MethodGet: 0} {
		if got := g.Limit(request(method, "/", "")); got != want {
			t.Errorf("%s: got %d, want %d", method, got, want)
		}
	}
}

func TestGlobs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{{"", "", true}, {"*", "", true}, {"?", "", false}, {"a*c", "abbc", true}, {"a*c", "abcd", false}, {"*.*", "a.b.c", true}, {"a?c", "a\u00e9c", true},
		{"*\u00e9", "\u00e8\u00e9", true}, {"**a", "ba", true}, {"[a]", "a", false}, {strings.Repeat("*a", 50) + "b", strings.Repeat("a", 5000), false}} {
		g := newRig(t, ingest.Options{})
		g.kept = []ingest.Record{record(1, c.name)}
		w := g.ask(http.MethodGet, "/?since=&event="+url.QueryEscape(c.pattern), "")
		if got := strings.Contains(w.Body.String(), `"id"`); got != c.want {
			t.Errorf("%q, %q: got %v", c.pattern, c.name, got)
		}
	}
}
