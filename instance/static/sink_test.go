package static_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/sockd/sockd/instance/static"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink keeps an answer. It is the stream as well.
type sink struct {
	stalled bool // the client reads nothing until drain is called

	mu       sync.Mutex
	answers  int
	status   int
	header   http.Header
	body     bytes.Buffer
	parts    []int // of a stream
	streamed bool
	gone     bool
	drained  func()
	over     chan struct{} // closed at the end of the answer
}

var (
	_ static.Sink   = (*sink)(nil)
	_ static.Stream = (*sink)(nil)
)

var errGone = errors.New("the client has left")

func newSink() *sink { return &sink{over: make(chan struct{})} }

func (s *sink) start(status int, h http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers++
	s.status, s.header = status, h
}

func (s *sink) Send(status int, h http.Header, body []byte) error {
	s.start(status, h)
	s.body.Write(body)
	close(s.over)
	return nil
}

func (s *sink) Stream(status int, h http.Header) (static.Stream, error) {
	s.start(status, h)
	s.streamed = true
	if s.gone {
		close(s.over)
		return nil, errGone
	}
	return s, nil
}

func (s *sink) Write(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return errGone
	}
	s.parts = append(s.parts, len(p))
	s.body.Write(p)
	return nil
}

func (s *sink) Drained(f func()) {
	s.mu.Lock()
	if s.stalled {
		s.drained = f
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	f()
}

func (s *sink) Close() error {
	close(s.over)
	return nil
}

// release lets a client that was stalled read on, or leave.
func (s *sink) release(gone bool) {
	s.mu.Lock()
	f := s.drained
	s.stalled, s.gone, s.drained = false, gone, nil
	s.mu.Unlock()
	f()
}

func (s *sink) get(name string) string { return s.header.Get(name) }

// request makes one for a path that is escaped already; header holds pairs.
func request(method, target string, header ...string) *http.Request {
	r := httptest.NewRequest(method, "/", nil)
	if u, err := url.ParseRequestURI(target); err == nil {
		r.URL = u
	} else {
		r.URL = &url.URL{Path: target}
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// ask returns the whole answer, which must keep the rules that hold for all.
func ask(t testing.TB, site *static.Site, method, target string, header ...string) *sink {
	t.Helper()
	s := newSink()
	site.Serve(s, request(method, target, header...))
	<-s.over
	if s.answers != 1 {
		t.Fatalf("%s %s: %d answers", method, target, s.answers)
	}
	length := strconv.Itoa(s.body.Len())
	if method != "HEAD" && s.status != 304 && s.get("Content-Length") != length {
		t.Errorf("%s %s: Content-Length %q, but %s bytes", method, target, s.get("Content-Length"), length)
	}
	if (method == "HEAD" || s.status == 304) && s.body.Len() > 0 {
		t.Errorf("%s %s: %d with %s bytes", method, target, s.status, length)
	}
	return s
}

// tree makes a folder of files; names end with a slash for folders.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t testing.TB, o static.Options) *static.Site {
	t.Helper()
	site, err := static.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// held counts the descriptors of this process that are files in dir.
func held(t testing.TB, dir string) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, dir) {
			n++
		}
	}
	return n
}
