package ingest_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/sockd/sockd/instance/ingest"
)

// sink is a response that costs nothing.
type sink struct {
	h      http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

var small = []byte(`{"event":"news","data":{"title":"a small object","n":17,"tags":["a","b"]},"room":"r"}`)

// poster returns a function that posts a small object once, without cost of its own.
func poster(tb testing.TB) func() {
	result := ingest.Result{ID: "abcdefgh-17", Seq: 17, Namespace: "/", Recipients: 10}
	g := &rig{}
	h, err := ingest.New(ingest.Options{}, g, func(_ *ingest.Event, done func(ingest.Result, error)) { done(result, nil) }, g)
	if err != nil {
		tb.Fatal(err)
	}
	rd := bytes.NewReader(small)
	r := request(http.MethodPost, "/api/events", "", "Content-Type: application/json")
	r.Body, r.ContentLength = io.NopCloser(rd), int64(len(small))
	w := &sink{h: http.Header{}}
	return func() {
		rd.Reset(small)
		h.ServeHTTP(w, r)
		if w.status != http.StatusAccepted {
			tb.Fatal(w.status)
		}
	}
}

func TestSmallObjectAllocatesLittle(t *testing.T) {
	if got := testing.AllocsPerRun(200, poster(t)); got > 12 {
		t.Errorf("got %v allocations, want at most 12", got)
	}
}

func BenchmarkSmallObject(b *testing.B) {
	post := poster(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(small)))
	for b.Loop() {
		post()
	}
}

func BenchmarkLines(b *testing.B) {
	body := bytes.Repeat(append(small, '\n'), 1000)
	g := &rig{}
	h, err := ingest.New(ingest.Options{}, g, func(_ *ingest.Event, done func(ingest.Result, error)) { done(ingest.Result{ID: "abcdefgh-17"}, nil) }, g)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		r := request(http.MethodPost, "/api/events", "", ndjson, minimal)
		if err := h.Lines(r)(body, true); err != nil {
			b.Fatal(err)
		}
		h.ServeHTTP(&sink{h: http.Header{}}, r)
	}
}
