package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/ingest"
)

const preface = "retry: 2000\n: events follow\n\n"

func TestWatch(t *testing.T) {
	bubble(t, ingest.Options{}, func(t *testing.T, g *rig) {
		g.ask("GET", "/?event=a*&event=?x&room=r", "", sse)
		s := g.streams[0]
		if got := s.head.Get("Content-Type"); got != "text/event-stream" {
			t.Errorf("got Content-Type %q", got)
		}
		if got := s.read(); got != preface {
			t.Errorf("got %q, want %q", got, preface)
		}
		for i, r := range []ingest.Record{record(1, "ab", "r"), record(2, "ab", "s"), record(3, "b", "r"), record(4, "éx", "q", "r"), record(5, "a")} {
			g.happen(&r)
			got, want := s.read(), ""
			if i == 0 || i == 3 {
				want = "id: " + r.ID + "\nevent: " + r.Event + "\ndata: " + string(r.Args) + "\n\n"
			}
			if got != want {
				t.Errorf("record %d: got %q, want %q", i+1, got, want)
			}
		}
		g.happen(&ingest.Record{ID: "ep-6", Event: "a\nid: 7", Args: json.RawMessage("[1,\r\n2]"), Rooms: []string{"r"}})
		if got, want := s.read(), "id: ep-6\nevent: a id: 7\ndata: [1,2]\n\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		s.gone(errElse)
		if n := g.Stats().Watchers; n != 0 || len(g.live) != 0 || !s.ended() {
			t.Errorf("after the reader left: %d watchers, %d in the feed, closed %v", n, len(g.live), s.ended())
		}
	})
}

func TestResume(t *testing.T) {
	bubble(t, ingest.Options{}, func(t *testing.T, g *rig) {
		g.kept = []ingest.Record{record(1, "a"), record(2, "b"), record(3, "c")}
		g.gap = &ingest.Gap{From: 7, To: 9}
		g.ask("GET", "/?lastEventId=1", "", sse, "Last-Event-ID: ep-2")
		want := preface + "event: sockd:gap\ndata: {\"from\":7,\"to\":9}\n\nid: ep-3\nevent: c\ndata: [3]\n\n"
		if got := g.streams[0].read(); got != want || g.asked != "ep-2" {
			t.Errorf("got %q after %q, want %q", got, g.asked, want)
		}
		g.ask("GET", "/?lastEventId=1", "", sse)
		if g.asked != "1" {
			t.Errorf("got %q, want 1", g.asked)
		}
		has(t, g.ask("GET", "/", "", sse, "Last-Event-ID: bad-1"), 400, "unknown epoch")
		has(t, g.ask("GET", "/", "", sse, "Last-Event-ID: -"), 400, "bad_query")
		if n := g.Stats().Watchers; n != 2 {
			t.Errorf("got %d watchers, want 2", n)
		}
	})
}

func TestKeepAlive(t *testing.T) {
	bubble(t, ingest.Options{}, func(t *testing.T, g *rig) {
		pass(time.Hour) // the clock sleeps
		g.ask("GET", "/", "", sse)
		s := g.streams[0]
		s.read()
		pass(14 * time.Second)
		if got := s.read(); got != "" {
			t.Errorf("got %q within 15 s", got)
		}
		pass(2 * time.Second)
		if got := s.read(); got != ":\n\n" {
			t.Errorf("got %q, want a comment", got)
		}
		pass(45 * time.Second)
		if got := s.read(); got != ":\n\n:\n\n:\n\n" && got != ":\n\n:\n\n" {
			t.Errorf("got %q, want a comment every 15 s", got)
		}
	})
}

func TestSlowReaderIsCut(t *testing.T) {
	bubble(t, ingest.Options{}, func(t *testing.T, g *rig) {
		g.ask("GET", "/", "", sse)
		g.ask("GET", "/", "", sse)
		g.streams[0].slow = true
		r := record(1, "a")
		g.happen(&r)
		if s := g.Stats(); s.Slow != 1 || s.Watchers != 1 || !g.streams[0].ended() || g.streams[1].ended() {
			t.Errorf("got %+v", s)
		}
		for i := range 20_000 { // more than may wait
			r := record(i+1, "a")
			r.Args = json.RawMessage(`["` + strings.Repeat("x", 1000) + `"]`)
			g.kept = append(g.kept, r)
		}
		g.ask("GET", "/", "", sse, "Last-Event-ID: 0")
		s := g.streams[2]
		if got := s.read(); !s.ended() || len(got) > 16<<20 || len(got) < 15<<20 || !strings.Contains(got, "id: ep-200\n") || !strings.HasSuffix(got, "\n\n") {
			t.Errorf("closed %v after %d bytes", s.ended(), len(got))
		}
	})
}

func TestWatchersAreBounded(t *testing.T) {
	bubble(t, ingest.Options{}, func(t *testing.T, g *rig) {
		for range 1000 {
			g.ask("GET", "/", "", sse)
		}
		w := g.ask("GET", "/", "", sse)
		if has(t, w, 503, "too_many_watchers"); w.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		g.streams[0].gone(nil)
		g.refuse = errElse
		g.ask("GET", "/", "", sse)
		if n := g.Stats().Watchers; n != 999 || len(g.live) != 999 {
			t.Errorf("got %d watchers, %d in the feed; want 999", n, len(g.live))
		}
	})
}

func TestReader(t *testing.T) {
	t.Parallel()
	g := newRig(t, ingest.Options{Tokens: []string{"t"}, Reader: func(r *http.Request) ([]string, bool, error) {
		switch r.Header.Get("X-Who") {
		case "all":
			return nil, true, nil
		case "one":
			return []string{"r"}, false, nil
		}
		return nil, false, errors.New("who are you")
	}})
	g.kept = []ingest.Record{record(1, "a"), record(2, "a", "s"), record(3, "a", "s", "r")}
	has(t, g.ask("GET", "/?since=", ""), 401, "who are you")
	has(t, g.ask("GET", "/?since=", "", "X-Who: all"), 200, `"ep-2"`, `"room":["s","r"]`)
	w := g.ask("GET", "/?since=", "", "X-Who: one")
	if has(t, w, 200, `"ep-1"`, `"room":["r"]`); strings.Contains(w.Body.String(), "ep-2") {
		t.Errorf("got %s", w.Body)
	}
	if w := g.ask("GET", "/?since=&room=s", "", "X-Who: one"); strings.Contains(w.Body.String(), `"id"`) {
		t.Errorf("got %s", w.Body)
	}
}

func TestSince(t *testing.T) {
	t.Parallel()
	g := newRig(t, ingest.Options{Namespace: func(n string) bool { return n == "/" }})
	has(t, g.ask("GET", "/?since=5", ""), 200, `{"events":[],"gap":null,"last":"5"}`)
	for i := range 250 {
		g.kept = append(g.kept, record(i+1, []string{"even", "odd"}[(i+1)%2]))
	}
	g.kept[0].At = time.Unix(0, 0)
	has(t, g.ask("GET", "/?since=0&limit=1", ""), 200,
		`{"events":[{"id":"ep-1","seq":1,"event":"odd","args":[1],"namespace":"/","room":null,"at":"1970-01-01T00:00:00Z"}],"gap":null,"last":"ep-1"}`)
	w := g.ask("GET", "/?since=", "")
	if has(t, w, 200, `"last":"ep-100"`); strings.Count(w.Body.String(), `"id"`) != 100 {
		t.Errorf("got %d events, want 100", strings.Count(w.Body.String(), `"id"`))
	}
	w = g.ask("GET", "/?since=ep-10&event=e*&limit=110", "")
	if has(t, w, 200, `"last":"ep-230"`); strings.Count(w.Body.String(), `"id"`) != 110 {
		t.Errorf("got %d events, want 110", strings.Count(w.Body.String(), `"id"`))
	}
	has(t, g.ask("GET", "/?since=0&event=none", ""), 200, `"events":[]`, `"last":"ep-250"`)
	g.gap = &ingest.Gap{From: 1, To: 4}
	has(t, g.ask("GET", "/?since=249", ""), 200, `"gap":{"from":1,"to":4}`)
	for _, q := range []string{"since=x", "since=-1", "since=e-", "since=e/-1", "since=1&limit=0", "since=1&limit=1001", "since=1&limit=a", "since=1&namespace=n", "since=bad-1"} {
		has(t, g.ask("GET", "/?"+q, ""), 400, "bad_query")
	}
}

func TestStreamsEndWithTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, ingest.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		g.ask("GET", "/", "", sse)
		cancel()
		if err := g.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if !g.streams[0].ended() || len(g.live) != 0 {
			t.Error("the stream goes on")
		}
		has(t, g.ask("GET", "/", "", sse), 503)
	})
}
