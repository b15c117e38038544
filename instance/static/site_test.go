package static_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sockd/sockd/instance/static"
)

func TestTypesAndHeaders(t *testing.T) {
	t.Parallel()
	types := map[string]string{
		"a.html": "text/html; charset=utf-8", "a.HTM": "text/html; charset=utf-8", "a.js": "text/javascript; charset=utf-8",
		"a.mjs": "text/javascript; charset=utf-8", "a.css": "text/css; charset=utf-8", "a.json": "application/json; charset=utf-8",
		"a.js.map": "application/json; charset=utf-8", "a.svg": "image/svg+xml; charset=utf-8", "a.txt": "text/plain; charset=utf-8",
		"a.xml": "application/xml; charset=utf-8", "a.webmanifest": "application/manifest+json; charset=utf-8", "a.png": "image/png", "a.jpg": "image/jpeg",
		"a.jpeg": "image/jpeg", "a.gif": "image/gif", "a.webp": "image/webp", "a.ico": "image/x-icon", "a.wasm": "application/wasm", "a.woff2": "font/woff2",
		"a.woff": "font/woff", "a.ttf": "font/ttf", "a.pdf": "application/pdf", "a.mp4": "video/mp4", "a.webm": "video/webm",
		"a": "application/octet-stream", "a.exe": "application/octet-stream", "html": "application/octet-stream",
	}
	files := map[string]string{"empty.txt": ""}
	for name := range types {
		files[name] = "<html>" + name
	}
	site := open(t, static.Options{Dir: tree(t, files)})
	for name, want := range types {
		s := ask(t, site, "GET", "/"+name)
		if s.status != 200 || s.body.String() != files[name] || s.get("Content-Type") != want {
			t.Errorf("%s: %d %q, want %q", name, s.status, s.get("Content-Type"), want)
		}
		if s.get("X-Content-Type-Options") != "nosniff" || s.get("Cache-Control") != "no-cache" || s.get("Vary") != "Accept-Encoding" || s.get("Last-Modified") == "" {
			t.Errorf("%s: %v", name, s.header)
		}
		h := ask(t, site, "HEAD", "/"+name)
		if h.status != 200 || h.get("Content-Length") != s.get("Content-Length") || h.get("ETag") != s.get("ETag") {
			t.Errorf("HEAD %s: %d %v", name, h.status, h.header)
		}
	}
	if s := ask(t, site, "GET", "/empty.txt"); s.status != 200 || s.get("Content-Length") != "0" {
		t.Errorf("an empty file: %d %v", s.status, s.header)
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	site := open(t, static.Options{Dir: tree(t, map[string]string{"a.txt": "a"})})
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get"} {
		if s := ask(t, site, method, "/a.txt"); s.status != 405 || s.get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", method, s.status, s.header)
		}
	}
	if s := ask(t, site, "HEAD", "/none"); s.status != 404 || s.get("Content-Length") == "0" {
		t.Errorf("HEAD of nothing: %d %v", s.status, s.header)
	}
}

func TestFolders(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"index.html": "top", "sub/index.html": "sub", "bare/x.txt": "x", "odd name/index.html": "odd", "looped/index.html/": ""})
	site := open(t, static.Options{Dir: dir})
	tests := []struct {
		path   string
		status int
		want   string // the body, or where it leads
	}{
		{"/", 200, "top"}, {"/index.html", 200, "top"}, {"/sub/", 200, "sub"}, {"/sub", 301, "/sub/"}, {"/sub?a=b%20c", 301, "/sub/?a=b%20c"},
		{"/odd%20name", 301, "/odd%20name/"}, {"/odd%20name/", 200, "odd"}, {"/bare/", 404, ""}, {"/bare", 301, "/bare/"}, {"/bare/x.txt", 200, "x"},
		{"/bare/x.txt/", 404, ""}, {"/sub/index.html/", 404, ""}, {"/looped/", 404, ""}, {"/none/", 404, ""}, {"/bare/x.txt/y", 404, ""},
	}
	for _, tt := range tests {
		s := ask(t, site, "GET", tt.path)
		got := s.body.String()
		if s.status == 301 {
			got = s.get("Location")
		}
		if s.status != tt.status || tt.want != "" && got != tt.want {
			t.Errorf("%s: got %d %q, want %d %q", tt.path, s.status, got, tt.status, tt.want)
		}
		if tt.path == "/bare/" && strings.Contains(s.body.String(), "x.txt") {
			t.Error("a folder is listed")
		}
	}
	other := open(t, static.Options{Dir: dir, Index: "x.txt"})
	if s := ask(t, other, "GET", "/bare/"); s.body.String() != "x" {
		t.Errorf("another index: %d %q", s.status, s.body.String())
	}
}

func TestMounts(t *testing.T) {
	t.Parallel()
	top := tree(t, map[string]string{"a.txt": "top", "only.txt": "top", "assets/hidden.txt": "top"})
	assets := tree(t, map[string]string{"a.txt": "assets", "index.html": "assets index"})
	deep := tree(t, map[string]string{"a.txt": "deep"})
	site := open(t, static.Options{Dir: top, Mounts: []static.Mount{
		{At: "/assets", Dir: assets}, {At: "/assets/deep/", Dir: deep, Immutable: true}, {At: "/empty", Dir: t.TempDir()},
	}})
	tests := []struct {
		path   string
		status int
		want   string
	}{
		{"/a.txt", 200, "top"}, {"/assets/a.txt", 200, "assets"}, {"/assets/deep/a.txt", 200, "deep"}, {"/assets", 301, ""}, {"/assets/", 200, "assets index"},
		{"/assetsa.txt", 404, ""}, {"/assets/only.txt", 404, ""}, {"/assets/hidden.txt", 404, ""},
		{"/assets/deep", 301, ""}, {"/assets/deeper/a.txt", 404, ""}, {"/empty/", 404, ""},
	}
	for _, tt := range tests {
		s := ask(t, site, "GET", tt.path)
		if s.status != tt.status || tt.want != "" && s.body.String() != tt.want {
			t.Errorf("%s: got %d %q, want %d %q", tt.path, s.status, s.body.String(), tt.status, tt.want)
		}
	}
	if got := ask(t, site, "GET", "/assets/deep/a.txt").get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("an immutable one: %q", got)
	}
	if got := ask(t, site, "GET", "/assets/deep/none").get("Cache-Control"); got != "no-store" {
		t.Errorf("what an immutable mount does not have: %q", got)
	}
	if !site.Match("/anything") || site.Match("") || site.Match("x") {
		t.Error("a site with a folder at / has every path")
	}
	mounts := open(t, static.Options{Mounts: []static.Mount{{At: "/x", Dir: deep}}})
	for path, want := range map[string]bool{"/x": true, "/x/": true, "/x/y": true, "/xy": false, "/": false, "": false} {
		if mounts.Match(path) != want {
			t.Errorf("Match(%q): got %v", path, !want)
		}
	}
	if (*static.Site)(nil).Match("/") {
		t.Error("no site has a path")
	}
}

func TestFaultsOfTheOptions(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"file": ""})
	gone, file := filepath.Join(dir, "gone"), filepath.Join(dir, "file")
	tests := []struct {
		name string
		o    static.Options
		want []string
	}{
		{"no folder", static.Options{Dir: gone}, []string{"dir: " + gone + ": no such file"}},
		{"a file", static.Options{Dir: file}, []string{"dir: " + file + ": not a directory"}},
		{"two mounts", static.Options{Dir: dir, Mounts: []static.Mount{{At: "/a", Dir: gone}, {At: "/b", Dir: dir}, {At: "/c", Dir: gone}}},
			[]string{"mounts[0].dir: ", "mounts[2].dir: "}},
		{"a path twice", static.Options{Mounts: []static.Mount{{At: "/a", Dir: dir}, {At: "/a/", Dir: dir}}}, []string{`mounts[1].at: "/a/" is taken`}},
		{"the path of dir", static.Options{Dir: dir, Mounts: []static.Mount{{At: "/", Dir: dir}}}, []string{`mounts[0].at: "/" is taken`}},
		{"no path", static.Options{Mounts: []static.Mount{{At: "a", Dir: dir}}}, []string{`mounts[0].at: "a" is not a path`}},
		{"a path upwards", static.Options{Mounts: []static.Mount{{At: "/a/../b", Dir: dir}}}, []string{"mounts[0].at: "}},
		{"an index elsewhere", static.Options{Dir: dir, Index: "../index.html"}, []string{`index: "../index.html"`}},
		{"an index in a folder", static.Options{Dir: dir, Index: "a/b"}, []string{"index: "}},
		{"an empty pattern", static.Options{Dir: dir, Rewrite: []static.Rewrite{{From: "a"}, {To: "b"}}}, []string{"rewrite[1].from: empty"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := static.New(tt.o)
			for _, w := range tt.want {
				if err == nil || !strings.Contains(err.Error(), w) {
					t.Errorf("got %v, want %q in it", err, w)
				}
			}
		})
	}
}

func TestNothingStaysOpen(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"a.txt": strings.Repeat("a", 2000), "b/index.html": "b", "c/x": ""})
	site := open(t, static.Options{Dir: dir, Mounts: []static.Mount{{At: "/m", Dir: filepath.Join(dir, "b")}}})
	for _, path := range []string{"/a.txt", "/b", "/b/", "/c/", "/c", "/none", "/m", "/m/", "/m/none", "/a.txt/"} {
		_ = ask(t, site, "GET", path)
		_ = ask(t, site, "HEAD", path, "Accept-Encoding", "gzip, br")
	}
	if _, err := static.New(static.Options{Dir: dir, Mounts: []static.Mount{{At: "/b", Dir: filepath.Join(dir, "none")}}}); err == nil {
		t.Error("a folder that is not there is taken")
	}
	if got := held(t, dir); got != 0 {
		t.Errorf("got %d descriptors", got)
	}
}

func TestAFolderIsReplaced(t *testing.T) {
	t.Parallel()
	parent := tree(t, map[string]string{"dist/a.txt": "old", "new/a.txt": "new"})
	dist := filepath.Join(parent, "dist")
	site := open(t, static.Options{Dir: dist})
	if got := ask(t, site, "GET", "/a.txt").body.String(); got != "old" {
		t.Errorf("before: %q", got)
	}
	if err := os.RemoveAll(dist); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, site, "GET", "/a.txt").status; got != 404 {
		t.Errorf("meanwhile: %d", got)
	}
	if err := os.Rename(filepath.Join(parent, "new"), dist); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, site, "GET", "/a.txt").body.String(); got != "new" {
		t.Errorf("after: %q", got)
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("0123456789abcdef", 3<<16) // 3 MiB
	dir := tree(t, map[string]string{"a.js": strings.Repeat("var from;\n", 1000), "big.bin": big, "index.html": "from"})
	site := open(t, static.Options{Dir: dir, Rewrite: []static.Rewrite{{From: "from", To: "into"}}})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 5 {
				if s := ask(t, site, "GET", "/a.js", "Accept-Encoding", "gzip"); unzip(t, s) != strings.Repeat("var into;\n", 1000) {
					t.Error("a.js: other content")
				}
				if s := ask(t, site, "GET", "/"); s.body.String() != "into" {
					t.Errorf("index: %q", s.body.String())
				}
			}
			if s := ask(t, site, "GET", "/big.bin"); s.body.String() != big {
				t.Errorf("big.bin: %d, %d bytes", s.status, s.body.Len())
			}
		})
	}
	wg.Wait()
}
