package static_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/static"
)

var names = []string{
	"socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js",
	"socket.io.js.map", "socket.io.min.js.map", "socket.io.esm.min.js.map", "socket.io.msgpack.min.js.map",
}

// text is what a file of the folder under test holds.
func text(name string) string { return strings.Repeat("/* "+name+" */\n", 1000) }

// folder makes a client-dist.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		write(t, dir, name, text(name))
	}
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// get asks f and returns the answer; header holds pairs.
func get(f *static.File, method string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/socket.io/x?v=1", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

func TestFiles(t *testing.T) {
	t.Parallel()
	c, err := static.Load(folder(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f := c.File(name)
		if f == nil {
			t.Fatalf("%s is missing", name)
		}
		kind := "application/javascript; charset=utf-8"
		if strings.HasSuffix(name, ".map") {
			kind = "application/json; charset=utf-8"
		}
		w := get(f, "GET")
		h := w.Header()
		if w.Code != 200 || w.Body.String() != text(name) || h.Get("Content-Type") != kind || h.Get("Cache-Control") != "public, max-age=0" {
			t.Errorf("%s: %d %v", name, w.Code, h)
		}
		tag := h.Get("ETag")
		if len(tag) < 10 || tag[0] != '"' || h.Get("Content-Encoding") != "" || h.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: header %v", name, h)
		}
		if w := get(f, "HEAD"); w.Body.Len() != 0 || w.Header().Get("Content-Length") != h.Get("Content-Length") {
			t.Errorf("HEAD %s: %v", name, w.Header())
		}
	}
	for _, name := range []string{"", "/", ".", "socket.io.js/", "../static/doc.go", "socket.io.JS", "socket.io.slim.js", "package.json"} {
		if c.File(name) != nil {
			t.Errorf("%q is served", name)
		}
	}
	if (*static.Client)(nil).File("socket.io.js") != nil {
		t.Error("no client serves a file")
	}
}

func TestNotModified(t *testing.T) {
	t.Parallel()
	c, err := static.Load(folder(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := c.File("socket.io.js")
	tag := get(f, "GET").Header().Get("ETag")
	if other := get(c.File("socket.io.min.js"), "GET").Header().Get("ETag"); other == tag {
		t.Error("two contents, one validator")
	}
	tests := []struct {
		header string
		status int
	}{
		{tag, 304}, {"W/" + tag, 304}, {`"x", ` + tag, 304}, {"*", 304}, {`"x"`, 200}, {"", 200}, {strings.Trim(tag, `"`), 200},
	}
	for _, tt := range tests {
		w := get(f, "GET", "If-None-Match", tt.header)
		if w.Code != tt.status {
			t.Errorf("If-None-Match %s: got %d, want %d", tt.header, w.Code, tt.status)
		}
		if w.Code == 304 && (w.Body.Len() > 0 || len(w.Header()) > 0) {
			t.Errorf("304 with %v and %d bytes", w.Header(), w.Body.Len())
		}
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	c, err := static.Load(folder(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		accept string
		zipped bool
	}{
		{"gzip", true}, {"br, GZIP;q=0.5", true}, {"*", true}, {"gzip;q=0, *", false}, {"*;q=0, gzip", true}, {"", false}, {"br", false}, {"gzip; q=0.000", false},
		{"deflate, gzip ;q=1.0", true}, {"gzipped", false}, {"*;q=0", false}, {"gzip;q=x", false},
	}
	for _, tt := range tests {
		w := get(c.File("socket.io.js"), "GET", "Accept-Encoding", tt.accept)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != tt.zipped {
			t.Errorf("Accept-Encoding %q: compressed is %v", tt.accept, got)
		}
		body := w.Body.Bytes()
		if tt.zipped {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if string(body) != text("socket.io.js") {
			t.Errorf("Accept-Encoding %q: other content", tt.accept)
		}
	}
}

func TestFaultsAreNamed(t *testing.T) {
	t.Parallel()
	gone := filepath.Join(t.TempDir(), "gone")
	lacking := folder(t)
	_ = os.Remove(filepath.Join(lacking, "socket.io.min.js"))
	_ = os.Remove(filepath.Join(lacking, "socket.io.js.map"))
	leading := folder(t)
	_ = os.Remove(filepath.Join(leading, "socket.io.js"))
	if err := os.Symlink("/etc/hostname", filepath.Join(leading, "socket.io.js")); err != nil {
		t.Fatal(err)
	}
	nested := folder(t)
	_ = os.Remove(filepath.Join(nested, "socket.io.js"))
	_ = os.Mkdir(filepath.Join(nested, "socket.io.js"), 0o700)
	huge := folder(t)
	if err := os.Truncate(filepath.Join(huge, "socket.io.js"), 9<<20); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, dir string
		want      []string
	}{
		{"no folder", gone, []string{gone + ": no such file"}},
		{"a file", filepath.Join(nested, "socket.io.js.map"), []string{"not a directory"}},
		{"two files missing", lacking, []string{lacking, "socket.io.min.js: no such file", "socket.io.js.map: no such file"}},
		{"a link out of the folder", leading, []string{"socket.io.js: path escapes"}},
		{"a folder in place of a file", nested, []string{"socket.io.js: not a regular file"}},
		{"a file too large", huge, []string{"socket.io.js: over 8 MiB"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := static.Load(tt.dir, nil)
			for _, w := range tt.want {
				if err == nil || !strings.Contains(err.Error(), w) {
					t.Errorf("got %v, want %q in it", err, w)
				}
			}
		})
	}
}

func TestWhatHasNotChangedIsKept(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	first, err := static.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "socket.io.js", "new")
	if err := os.Chtimes(filepath.Join(dir, "socket.io.js"), time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	second, err := static.Load(dir, first)
	if err != nil {
		t.Fatal(err)
	}
	if first.File("socket.io.min.js") != second.File("socket.io.min.js") {
		t.Error("an unchanged file was loaded again")
	}
	if got := get(second.File("socket.io.js"), "GET", "Accept-Encoding", "gzip"); got.Body.String() != "new" || got.Header().Get("Content-Encoding") != "" {
		t.Errorf("the changed file: %q %v", got.Body, got.Header())
	}
	if get(first.File("socket.io.js"), "GET").Body.String() != text("socket.io.js") {
		t.Error("the first client has changed")
	}
}

func TestCompressedOnceAndWhenAsked(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c, err := static.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := c.File("socket.io.js")
	plain, zipped := httptest.NewRequest("GET", "/", nil), httptest.NewRequest("GET", "/", nil)
	zipped.Header.Set("Accept-Encoding", "gzip")
	get(f, "GET")
	if !f.Ready(plain) || f.Ready(zipped) {
		t.Errorf("before: ready %v for a plain answer, %v for a compressed one", f.Ready(plain), f.Ready(zipped))
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if w := get(f, "GET", "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "gzip" {
				t.Error("not compressed")
			}
		})
	}
	wg.Wait()
	again, err := static.Load(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	if !f.Ready(zipped) || !again.File("socket.io.js").Ready(zipped) {
		t.Error("it would be compressed again")
	}
}
