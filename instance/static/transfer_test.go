package static_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/static"
)

// queue is the pool of a test: parts run when it is told to.
type queue struct {
	parts []func()
	full  bool
}

func (q *queue) Go(part func()) error {
	if q.full {
		return errors.New("full")
	}
	q.parts = append(q.parts, part)
	return nil
}

func (q *queue) run() {
	for len(q.parts) > 0 {
		part := q.parts[0]
		q.parts = q.parts[1:]
		part()
	}
}

// stall begins a transfer to a client that reads nothing.
func stall(site *static.Site, path string) *sink {
	s := newSink()
	s.stalled = true
	site.Serve(s, request("GET", path))
	return s
}

func ended(s *sink) bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

func TestLargeFilesGoInParts(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789abcdef", 1<<16) + "end"
	dir := tree(t, map[string]string{"a.bin": text, "b.bin": text[:1<<20]})
	q := &queue{}
	site := open(t, static.Options{Dir: dir, Go: q.Go})
	if s := ask(t, site, "GET", "/b.bin"); s.streamed || s.body.Len() != 1<<20 {
		t.Errorf("a file of 1 MiB: streamed %v, %d bytes", s.streamed, s.body.Len())
	}
	s := stall(site, "/a.bin")
	if len(s.parts) != 1 || len(q.parts) != 0 || s.get("Content-Length") != "1048579" {
		t.Fatalf("got parts %v, %d jobs, %v", s.parts, len(q.parts), s.header)
	}
	s.release(false)
	if len(q.parts) != 1 {
		t.Fatalf("the next part is read by the caller of Drained's function: %v", s.parts)
	}
	q.run()
	if !ended(s) || s.body.String() != text {
		t.Fatalf("ended %v, %d bytes", ended(s), s.body.Len())
	}
	for i, n := range s.parts {
		if n > 128<<10 {
			t.Errorf("part %d has %d bytes", i, n)
		}
	}
	if got := held(t, dir); got != 0 {
		t.Errorf("%d descriptors at the end", got)
	}
}

func TestTransfersAreBounded(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"a.bin": strings.Repeat("x", 2<<20), "small.txt": "x"})
	q := &queue{}
	site := open(t, static.Options{Dir: dir, Go: q.Go})
	var stalled []*sink
	for range 64 {
		stalled = append(stalled, stall(site, "/a.bin"))
	}
	if s := ask(t, site, "GET", "/a.bin"); s.status != 503 || s.get("Retry-After") == "" {
		t.Fatalf("one more: %d %v", s.status, s.header)
	}
	if s := ask(t, site, "GET", "/small.txt"); s.status != 200 {
		t.Errorf("a small file meanwhile: %d", s.status)
	}
	if s := ask(t, site, "HEAD", "/a.bin"); s.status != 200 {
		t.Errorf("HEAD meanwhile: %d", s.status)
	}
	for i, s := range stalled {
		s.release(i%2 == 0)
	}
	q.run()
	for i, s := range stalled {
		if whole := s.body.Len() == 2<<20; !ended(s) || whole != (i%2 == 1) {
			t.Errorf("transfer %d: ended %v, %d bytes", i, ended(s), s.body.Len())
		}
	}
	if got := held(t, dir); got != 0 {
		t.Errorf("%d descriptors at the end", got)
	}
}

func TestRoomIsGivenBack(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"a.bin": strings.Repeat("x", 2<<20)})
	q := &queue{}
	site := open(t, static.Options{Dir: dir, Go: q.Go})
	for i := range 200 {
		s := newSink()
		s.stalled, s.gone = true, i%3 == 0 // gone before the answer begins
		site.Serve(s, request("GET", "/a.bin"))
		if s.status != 200 {
			t.Fatalf("transfer %d: %d", i, s.status)
		}
		if !s.gone {
			q.full = i%3 == 1
			s.release(i%3 == 2)
			q.run()
		}
		if !ended(s) {
			t.Fatalf("transfer %d has not ended", i)
		}
	}
	if got := held(t, dir); got != 0 {
		t.Errorf("%d descriptors at the end", got)
	}
}

func TestAFileThatGetsShorter(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"a.bin": strings.Repeat("x", 2<<20)})
	q := &queue{}
	site := open(t, static.Options{Dir: dir, Go: q.Go})
	s := stall(site, "/a.bin")
	if err := os.Truncate(filepath.Join(dir, "a.bin"), 300<<10); err != nil {
		t.Fatal(err)
	}
	s.release(false)
	q.run()
	if !ended(s) || s.body.Len() >= 2<<20 {
		t.Errorf("ended %v, %d bytes", ended(s), s.body.Len())
	}
}
