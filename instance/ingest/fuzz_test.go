package ingest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"unicode/utf8"

	"github.com/sockd/sockd/instance/ingest"
)

// FuzzObject: what is taken is an event to encoding/json too, with the same fields; what is refused names a place.
func FuzzObject(f *testing.F) {
	for _, s := range []string{`{"event":"a"}`, `[{"event":"a","args":[1,{"b":[]}]}]`, "\ufeff{\"event\":\"\\u00e9\\ud800\",\"data\":null}", `{"event":"a","room":["r"],"except":"x","namespace":"n"}`,
		`{"event":"a","data":-0.5e+7}`, `{"event":"a","data":tru}`, "{\"event\":\"\xff\"}", `{"event":"a","event":"b"}`, `{"event":"a",}`, `[`, `nul`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		g := newRig(t, ingest.Options{})
		w := g.post(string(body))
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("answer is not JSON: %s", w.Body)
		}
		if w.Code == http.StatusBadRequest {
			var e struct{ Error struct{ Line, Column int } }
			if _ = json.Unmarshal(w.Body.Bytes(), &e); e.Error.Line < 1 || e.Error.Column < 1 || len(g.events) > 0 {
				t.Fatalf("got %s and %d events", w.Body, len(g.events))
			}
			return
		}
		plain := bytes.TrimPrefix(body, []byte("\ufeff"))
		if w.Code != http.StatusAccepted || !json.Valid(plain) || !utf8.Valid(plain) {
			t.Fatalf("status %d for %q", w.Code, body)
		}
		var many []struct{ Event string }
		if json.Unmarshal(plain, &many) != nil {
			many = make([]struct{ Event string }, 1)
			_ = json.Unmarshal(plain, &many[0])
		}
		for i, e := range g.events {
			var args []any
			if err := json.Unmarshal(e.Payload, &args); err != nil || args[0] != e.Name || e.Name != many[i].Event || e.Namespace[0] != '/' {
				t.Fatalf("event %d of %q: got %s, %+v", i, body, e.Payload, e)
			}
		}
	})
}

// FuzzLines: what becomes of a body does not depend on where it is cut.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"{\"event\":\"a\"}\n{\"event\":\"b\",\"data\":\"\u00e9\"}\r\n\n", "\ufeff{\"event\":\"a\"}", "\n \n{\"event\":\"a\"\n}", "{\"event\":\"a\"}\n\ufeff{\"event\":\"a\"}", "\n\n", "x"} {
		f.Add([]byte(s), uint64(1))
	}
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		whole := newRig(t, ingest.Options{})
		want := whole.post(string(body), ndjson)
		for _, pieces := range [][][]byte{split(body, seed), split(body, 0), {body}} {
			g := newRig(t, ingest.Options{})
			got := g.upload(append(pieces, nil), ndjson)
			if got.Code != want.Code || !bytes.Equal(got.Body.Bytes(), want.Body.Bytes()) || len(g.events) != len(whole.events) {
				t.Fatalf("got %d %s, want %d %s", got.Code, got.Body, want.Code, want.Body)
			}
		}
	})
}

// split cuts data at places that seed chooses; 0 = everywhere.
func split(data []byte, seed uint64) (pieces [][]byte) {
	for len(data) > 0 {
		n := 1
		if seed != 0 {
			seed = seed*6364136223846793005 + 1442695040888963407
			n = 1 + int(seed>>33)%len(data)
		}
		pieces = append(pieces, data[:n])
		data = data[n:]
	}
	return pieces
}

// FuzzQuery: any query is answered, and what is not understood is a 400.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"since=ep-1&limit=3&event=a*b?&room=r&namespace=n", "wait=acked&timeout=2s", "since=18446744073709551616", "event=%ff*?*", "a=%zz", "timeout=-1h&wait=acked"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		g := newRig(t, ingest.Options{})
		g.kept = []ingest.Record{record(1, "ab", "r"), record(2, "é")}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := request(method, "/", `{"event":"a"}`)
			r.URL = &url.URL{Path: "/", RawQuery: query}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			switch w.Code {
			case 200, 202, 400, 406:
			default:
				t.Fatalf("%s ?%s: got %d %s", method, query, w.Code, w.Body)
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Fatalf("answer is not JSON: %s", w.Body)
			}
		}
		for _, e := range g.events {
			if e.Wait < 0 || e.Wait > 60e9 {
				t.Fatalf("?%s: got wait %v", query, e.Wait)
			}
		}
	})
}
