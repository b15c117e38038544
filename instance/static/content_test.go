package static_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/static"
)

func unzip(t testing.TB, s *sink) string {
	t.Helper()
	if s.get("Content-Encoding") != "gzip" {
		t.Errorf("not compressed: %d %v", s.status, s.header)
		return s.body.String()
	}
	z, err := gzip.NewReader(bytes.NewReader(s.body.Bytes()))
	if err != nil {
		t.Error(err)
		return ""
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// touch sets a file's time to d from now.
func touch(t testing.TB, dir, name string, d time.Duration) {
	t.Helper()
	if err := os.Chtimes(filepath.Join(dir, name), time.Time{}, time.Now().Add(d)); err != nil {
		t.Fatal(err)
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("text ", 1000)
	noise := make([]byte, 4096)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	dir := tree(t, map[string]string{"a.txt": long, "a.png": long, "short.txt": "text", "noise.txt": string(noise), "huge.txt": strings.Repeat(long, 2000)})
	site := open(t, static.Options{Dir: dir})
	plain := ask(t, site, "GET", "/a.txt")
	for range 2 { // the second from the cache
		s := ask(t, site, "GET", "/a.txt", "Accept-Encoding", "br, gzip")
		if unzip(t, s) != long || s.get("Vary") != "Accept-Encoding" || s.get("ETag") == plain.get("ETag") || s.get("ETag")[0] != '"' {
			t.Errorf("got %v", s.header)
		}
		if got := ask(t, site, "GET", "/a.txt", "Accept-Encoding", "gzip", "If-None-Match", s.get("ETag")); got.status != 304 || got.get("ETag") != s.get("ETag") {
			t.Errorf("revalidated: %d %v", got.status, got.header)
		}
		if got := ask(t, site, "GET", "/a.txt", "If-None-Match", s.get("ETag")); got.status != 200 {
			t.Errorf("another form is revalidated: %d", got.status)
		}
		if h := ask(t, site, "HEAD", "/a.txt", "Accept-Encoding", "gzip"); h.get("Content-Length") != s.get("Content-Length") {
			t.Errorf("HEAD: %v", h.header)
		}
	}
	for path, accept := range map[string]string{"/a.png": "gzip", "/short.txt": "gzip", "/noise.txt": "gzip", "/huge.txt": "gzip", "/a.txt": "gzip;q=0, *"} {
		if s := ask(t, site, "GET", path, "Accept-Encoding", accept); s.status != 200 || s.get("Content-Encoding") != "" {
			t.Errorf("%s: %d %v", path, s.status, s.header)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte(strings.Repeat("TEXT ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	touch(t, dir, "a.txt", -time.Hour)
	if s := ask(t, site, "GET", "/a.txt", "Accept-Encoding", "gzip"); unzip(t, s) != strings.Repeat("TEXT ", 1000) {
		t.Error("the file has changed, the answer has not")
	}
}

func TestCompressedFilesBeside(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{
		"a.js": "plain from", "a.js.br": "brotli", "a.js.gz": "zipped", "b.js": "plain", "b.js.gz": "old", "c.wasm": "plain", "c.wasm.br": "brotli",
		"d.js": "plain", "d.js.br/x": "",
	})
	touch(t, dir, "b.js.gz", -time.Hour)
	for _, name := range []string{"a.js", "c.wasm"} {
		touch(t, dir, name, -time.Minute)
	}
	site := open(t, static.Options{Dir: dir})
	tests := []struct{ path, accept, coding, body string }{
		{"/a.js", "gzip, br", "br", "brotli"}, {"/a.js", "gzip", "gzip", "zipped"}, {"/a.js", "br;q=0, gzip", "gzip", "zipped"}, {"/a.js", "", "", "plain from"},
		{"/b.js", "gzip", "", "plain"}, {"/c.wasm", "br", "br", "brotli"}, {"/c.wasm", "gzip", "", "plain"},
		{"/d.js", "br", "", "plain"}, {"/a.js.gz", "gzip", "", "zipped"},
	}
	tags := map[string]string{}
	for _, tt := range tests {
		s := ask(t, site, "GET", tt.path, "Accept-Encoding", tt.accept)
		if s.get("Content-Encoding") != tt.coding || s.body.String() != tt.body {
			t.Errorf("%s for %q: got %q %q", tt.path, tt.accept, s.get("Content-Encoding"), s.body.String())
		}
		if tt.path == "/a.js" {
			if was, ok := tags[s.get("ETag")]; ok && was != tt.coding {
				t.Errorf("one validator for %q and %q", was, tt.coding)
			}
			tags[s.get("ETag")] = tt.coding
		}
	}
	if got := ask(t, site, "GET", "/a.js", "Accept-Encoding", "br").get("Content-Type"); got != "text/javascript; charset=utf-8" {
		t.Errorf("type of the compressed one: %q", got)
	}
	rewriting := open(t, static.Options{Dir: dir, Rewrite: []static.Rewrite{{From: "from", To: "into"}}})
	if s := ask(t, rewriting, "GET", "/a.js", "Accept-Encoding", "br, gzip"); s.body.String() != "plain into" {
		t.Errorf("a rewritten file: %q %v", s.body.String(), s.header)
	}
	if s := ask(t, rewriting, "GET", "/c.wasm", "Accept-Encoding", "br"); s.body.String() != "brotli" {
		t.Errorf("a file that is not rewritten: %q", s.body.String())
	}
}

func TestRewrite(t *testing.T) {
	t.Parallel()
	text := "http://localhost:8765 and http://localhost:8765"
	files := map[string]string{"big.txt": strings.Repeat("x", 9<<20), "grown.txt": strings.Repeat("http://localhost:8765", 1000)}
	for _, name := range []string{"a.html", "a.js", "a.css", "a.json", "a.svg", "a.txt", "a.map", "a.xml", "a.png", "a.bin"} {
		files[name] = text
	}
	dir := tree(t, files)
	touch(t, dir, "a.html", -time.Hour)
	plain := open(t, static.Options{Dir: dir})
	site := open(t, static.Options{Dir: dir, Rewrite: []static.Rewrite{{From: "http://localhost:8765", To: ""}, {From: " and ", To: "&"}, {From: "x", To: "yy"}}})
	for _, name := range []string{"a.html", "a.js", "a.css", "a.json", "a.svg", "a.txt", "a.map"} {
		s := ask(t, site, "GET", "/"+name)
		if s.body.String() != "&" || s.get("ETag") == ask(t, plain, "GET", "/"+name).get("ETag") {
			t.Errorf("%s: %q %v", name, s.body.String(), s.header)
		}
		if got := ask(t, site, "GET", "/"+name, "If-None-Match", s.get("ETag")).status; got != 304 {
			t.Errorf("%s revalidated: %d", name, got)
		}
	}
	for _, name := range []string{"a.xml", "a.png", "a.bin"} {
		if got := ask(t, site, "GET", "/"+name).body.String(); got != text {
			t.Errorf("%s: %q", name, got)
		}
	}
	if s := ask(t, site, "GET", "/big.txt"); s.body.String() != files["big.txt"] {
		t.Errorf("a file over 8 MiB: %d, %d bytes", s.status, s.body.Len())
	}
	was := ask(t, plain, "GET", "/a.html").get("Last-Modified")
	if got := ask(t, site, "GET", "/a.html", "If-Modified-Since", was).status; got != 200 {
		t.Errorf("rewritten since, but: %d", got)
	}
	if s := ask(t, site, "GET", "/a.html", "Range", "bytes=0-0"); s.status != 206 || s.body.String() != "&" || s.get("Content-Range") != "bytes 0-0/1" {
		t.Errorf("a part of a rewritten file: %d %v", s.status, s.header)
	}
	bomb := open(t, static.Options{Dir: dir, Rewrite: []static.Rewrite{{From: "h", To: strings.Repeat("h", 1<<20)}}})
	if s := ask(t, bomb, "GET", "/grown.txt"); s.status != 500 {
		t.Errorf("a file that grows without end: %d, %d bytes", s.status, s.body.Len())
	}
	large := open(t, static.Options{Dir: dir, Rewrite: []static.Rewrite{{From: "h", To: strings.Repeat("h", 5000)}}})
	if s := ask(t, large, "GET", "/grown.txt"); s.status != 200 || s.body.Len() < 5_000_000 || !s.streamed {
		t.Errorf("a file that grows: %d, %d bytes", s.status, s.body.Len())
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"a.txt": "text", "large.bin": strings.Repeat("x", 2<<20)})
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	for _, name := range []string{"a.txt", "large.bin"} {
		touch(t, dir, name, time.Until(at.Add(time.Second/2)))
	}
	site := open(t, static.Options{Dir: dir})
	for _, path := range []string{"/a.txt", "/large.bin"} {
		first := ask(t, site, "GET", path)
		tag := first.get("ETag")
		if weak := strings.HasPrefix(tag, "W/"); weak != (path == "/large.bin") {
			t.Errorf("%s: validator %s", path, tag)
		}
		date := func(d time.Duration) string { return at.Add(d).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") }
		tests := []struct {
			header []string
			status int
		}{
			{[]string{"If-None-Match", tag}, 304}, {[]string{"If-None-Match", "W/" + strings.TrimPrefix(tag, "W/")}, 304}, {[]string{"If-None-Match", "*"}, 304},
			{[]string{"If-None-Match", `"x", ` + tag}, 304}, {[]string{"If-None-Match", `"x"`}, 200},
			{[]string{"If-Modified-Since", date(0)}, 304}, {[]string{"If-Modified-Since", date(time.Hour)}, 304}, {[]string{"If-Modified-Since", date(-time.Second)}, 200},
			{[]string{"If-Modified-Since", "yesterday"}, 200}, {[]string{"If-None-Match", `"x"`, "If-Modified-Since", date(0)}, 200},
			{[]string{"If-None-Match", tag, "If-Modified-Since", date(-time.Hour)}, 304}, {[]string{"If-None-Match", tag, "Range", "bytes=0-0"}, 304},
		}
		for _, tt := range tests {
			for _, method := range []string{"GET", "HEAD"} {
				s := ask(t, site, method, path, tt.header...)
				want := tt.status
				if method == "HEAD" && want == 206 {
					want = 200
				}
				if s.status != want {
					t.Errorf("%s %s %q: got %d, want %d", method, path, tt.header, s.status, want)
				}
				if s.status == 304 && (s.get("ETag") != tag || s.get("Content-Type") != "" || s.get("Cache-Control") == "" || s.get("Vary") == "") {
					t.Errorf("304 with %v", s.header)
				}
			}
		}
	}
}
