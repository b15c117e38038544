package ingest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/ingest"
)

// bubble runs f with a handler whose clock runs, in fake time.
func bubble(t *testing.T, o ingest.Options, f func(t *testing.T, g *rig)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = g.Run(ctx) }()
		f(t, g)
		cancel()
		<-ended
	})
}

// pass lets time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

const key = "Idempotency-Key: k"

func TestAnswersAreRepeated(t *testing.T) {
	bubble(t, ingest.Options{}, func(t *testing.T, g *rig) {
		const body = `{"event":"a"}`
		first := g.post(body, key)
		has(t, first, 202, `"ep-1"`)
		pass(5*time.Minute - time.Second)
		again := g.post(body, key)
		if has(t, again, 202); again.Body.String() != first.Body.String() || again.Header().Get("Idempotency-Replayed") != "true" {
			t.Errorf("got %s, %v; want %s", again.Body, again.Header(), first.Body)
		}
		has(t, g.post(`{"event":"b"}`, key), 422, "idempotency_mismatch")
		has(t, g.post(body, key, "Authorization: Bearer other"), 202, `"ep-2"`)
		pass(time.Second)
		has(t, g.post(body, key), 202, `"ep-3"`)
		pass(6 * time.Minute)
		if s := g.Stats(); s.Answers != 0 || s.Requests["replayed"] != 1 {
			t.Errorf("got %+v", s)
		}
	})
}

func TestSecondRequestWaitsForTheFirst(t *testing.T) {
	bubble(t, ingest.Options{}, func(t *testing.T, g *rig) {
		g.hold = true
		first, second := g.post(`{"event":"a"}`, key), g.post(`{"event":"a"}`, key)
		if g.parked != 2 || len(g.events) != 1 {
			t.Fatalf("parked %d, events %d; want 2, 1", g.parked, len(g.events))
		}
		g.settle()
		has(t, first, 202, `"ep-1"`)
		if has(t, second, 202, `"ep-1"`); second.Header().Get("Idempotency-Replayed") != "true" {
			t.Errorf("got %v", second.Header())
		}
	})
}

func TestFailuresAreNotRepeated(t *testing.T) {
	bubble(t, ingest.Options{}, func(t *testing.T, g *rig) {
		g.verdict = func(n int, _ *ingest.Event) error {
			if n == 0 {
				return ingest.ErrBusy
			}
			return nil
		}
		has(t, g.post(`{"event":"a"}`, key), 503)
		has(t, g.post(`{"event":"a"}`, key), 202, `"ep-2"`)
		has(t, g.post("{\"event\":\"a\"}\nx", "Idempotency-Key: l", ndjson), 400, `"accepted":1`)
		has(t, g.post("{\"event\":\"a\"}\nx", "Idempotency-Key: l", ndjson), 400, `"accepted":1`)
		if len(g.events) != 3 {
			t.Errorf("got %d events, want 3: what was published is not published again", len(g.events))
		}
	})
}

func TestOldestAnswersGo(t *testing.T) {
	bubble(t, ingest.Options{}, func(t *testing.T, g *rig) {
		for i := range 10_001 {
			g.post(`{"event":"a"}`, fmt.Sprintf("Idempotency-Key: %d", i))
		}
		if n := g.Stats().Answers; n != 10_000 {
			t.Errorf("got %d answers, want 10000", n)
		}
		has(t, g.post(`{"event":"a"}`, "Idempotency-Key: 1"), 202, `"ep-2"`)
		has(t, g.post(`{"event":"a"}`, "Idempotency-Key: 0"), 202, `"ep-10002"`)
		g.quiet = true // the events themselves need not be kept
		large := `[` + strings.Repeat(`{"event":"a"},`, 90_000) + `{"event":"a"}]`
		for i := range 4 {
			g.post(large, fmt.Sprintf("Idempotency-Key: large %d", i))
		}
		if n := g.Stats().Answers; n > 3 {
			t.Errorf("got %d answers of 5 MB, want at most 16 MiB", n)
		}
	})
}

func TestWait(t *testing.T) {
	bubble(t, ingest.Options{}, func(t *testing.T, g *rig) {
		for _, c := range []struct {
			query  string
			wait   time.Duration
			status int
		}{{"wait=acked&timeout=2s", 2 * time.Second, 202}, {"wait=acked", 5 * time.Second, 202}, {"wait=acked&timeout=9h", time.Minute, 202}, {"timeout=x", 0, 202},
			{"wait=acked&timeout=2", 0, 400}, {"wait=acked&timeout=-1s", 0, 400}, {"wait=sent", 0, 400}, {"wait=%zz", 0, 400}} {
			w := g.ask(http.MethodPost, "/?"+strings.ReplaceAll(c.query, "%zz", "acked%3"), `{"event":"a"}`)
			if has(t, w, c.status); c.status != 202 {
				continue
			}
			if got := g.events[len(g.events)-1].Wait; got != c.wait {
				t.Errorf("%s: got %v, want %v", c.query, got, c.wait)
			}
			if told := strings.Contains(w.Body.String(), `"acked":1,"awaited":2}`); told != (c.wait > 0) {
				t.Errorf("%s: got %s", c.query, w.Body)
			}
		}
	})
}

func TestNobodyWaitsForEver(t *testing.T) {
	bubble(t, ingest.Options{}, func(t *testing.T, g *rig) {
		g.hold = true
		w := g.ask(http.MethodPost, "/?wait=acked&timeout=2s", `{"event":"a"}`, key)
		pass(31 * time.Second)
		if n := g.Stats().Parked; n != 1 {
			t.Fatalf("got %d parked, want 1: answered early", n)
		}
		pass(2 * time.Second)
		has(t, w, 504, "timeout")
		g.settle()
		has(t, g.ask(http.MethodPost, "/?wait=acked&timeout=2s", `{"event":"a"}`, key), 202, `"ep-1"`)
		g.post(`{"event":"b"}`)
		g.left[len(g.left)-1](errElse)
		if n := g.Stats().Parked; n != 0 {
			t.Errorf("got %d parked after the client left", n)
		}
		g.settle()
	})
}

func TestRate(t *testing.T) {
	bubble(t, ingest.Options{Rate: 2, Burst: 3}, func(t *testing.T, g *rig) {
		const one = `{"event":"a"}`
		for range 3 {
			has(t, g.post(one), 202)
		}
		w := g.post(one)
		if has(t, w, 429, "rate_limited"); w.Header().Get("Retry-After") != "1" {
			t.Errorf("got Retry-After %q, want 1", w.Header().Get("Retry-After"))
		}
		pass(500 * time.Millisecond)
		has(t, g.post(one), 202)
		has(t, g.post(one), 429)
		pass(5 * time.Second)
		has(t, g.post(`[`+strings.Repeat(one+",", 8)+one+`]`), 202)
		if w := g.post(one); w.Header().Get("Retry-After") != "4" {
			t.Errorf("after a debt of 6: got Retry-After %q, want 4", w.Header().Get("Retry-After"))
		}
		pass(5 * time.Second)
		has(t, g.upload([][]byte{[]byte(strings.Repeat(one+"\n", 9))}, ndjson), 429, `line 4`, `"accepted":3`)
	})
}
