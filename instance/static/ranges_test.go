package static_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/static"
)

func TestRanges(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789", 300_000)
	site := open(t, static.Options{Dir: tree(t, map[string]string{"a.txt": "0123456789", "empty.txt": "", "large.bin": large})})
	tests := []struct {
		field  string
		status int
		want   string // of "0123456789"
		said   string
	}{
		{"bytes=0-0", 206, "0", "bytes 0-0/10"}, {"bytes=2-4", 206, "234", "bytes 2-4/10"}, {"bytes=7-", 206, "789", "bytes 7-9/10"},
		{"bytes=-2", 206, "89", "bytes 8-9/10"},
		{"bytes=5-100", 206, "56789", "bytes 5-9/10"}, {"bytes=-100", 206, "0123456789", "bytes 0-9/10"},
		{"BYTES=1-1", 206, "1", "bytes 1-1/10"}, {"bytes= 1-1 ", 206, "1", "bytes 1-1/10"},
		{"bytes=9-99999999999999999999999", 206, "9", "bytes 9-9/10"}, {"bytes=0-9223372036854775807", 206, "0123456789", "bytes 0-9/10"},
		{"bytes=10-", 416, "", "bytes */10"}, {"bytes=10-20", 416, "", "bytes */10"}, {"bytes=-0", 416, "", "bytes */10"},
		{"bytes=99999999999999999999999-", 416, "", "bytes */10"},
		{"bytes=0-1,3-4", 200, "0123456789", ""}, {"bytes=4-2", 200, "0123456789", ""}, {"bytes=a-b", 200, "0123456789", ""},
		{"bytes=", 200, "0123456789", ""}, {"bytes=-", 200, "0123456789", ""},
		{"bytes=--1", 200, "0123456789", ""}, {"bytes=+1-2", 200, "0123456789", ""}, {"lines=0-1", 200, "0123456789", ""},
		{"bytes 0-1", 200, "0123456789", ""}, {"bytes=0x1-2", 200, "0123456789", ""},
	}
	for _, tt := range tests {
		s := ask(t, site, "GET", "/a.txt", "Range", tt.field)
		if s.status != tt.status || tt.want != "" && s.body.String() != tt.want || s.get("Content-Range") != tt.said {
			t.Errorf("%q: got %d %q %q", tt.field, s.status, s.body.String(), s.get("Content-Range"))
		}
		if h := ask(t, site, "HEAD", "/a.txt", "Range", tt.field); h.status != 200 || h.get("Content-Length") != "10" {
			t.Errorf("HEAD %q: %d %v", tt.field, h.status, h.header)
		}
	}
	if s := ask(t, site, "GET", "/a.txt"); s.get("Accept-Ranges") != "bytes" {
		t.Errorf("ranges are not offered: %v", s.header)
	}
	if s := ask(t, site, "GET", "/empty.txt", "Range", "bytes=0-0"); s.status != 416 {
		t.Errorf("of an empty file: %d", s.status)
	}
	if s := ask(t, site, "GET", "/a.txt", "Range", "bytes=0-0", "Range", "bytes=1-1"); s.status != 200 {
		t.Errorf("two fields: %d", s.status)
	}
	for _, r := range [][2]int{{0, 9}, {1_000_000, 1_000_009}, {5, 2_500_004}, {2_999_999, 2_999_999}} {
		s := ask(t, site, "GET", "/large.bin", "Range", fmt.Sprintf("bytes=%d-%d", r[0], r[1]), "Accept-Encoding", "gzip")
		if s.status != 206 || s.body.String() != large[r[0]:r[1]+1] || s.streamed != (r[1]-r[0] > 1<<20) {
			t.Errorf("%v: got %d, %d bytes, streamed %v", r, s.status, s.body.Len(), s.streamed)
		}
	}
}

func TestIfRange(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"a.txt": strings.Repeat("0123456789", 200), "large.bin": strings.Repeat("x", 2<<20)})
	touch(t, dir, "a.txt", -time.Hour)
	site := open(t, static.Options{Dir: dir})
	small, large := ask(t, site, "GET", "/a.txt"), ask(t, site, "GET", "/large.bin")
	zipped := ask(t, site, "GET", "/a.txt", "Accept-Encoding", "gzip")
	tests := []struct {
		path, held string
		status     int
	}{
		{"/a.txt", small.get("ETag"), 206}, {"/a.txt", "W/" + small.get("ETag"), 200}, {"/a.txt", `"x"`, 200}, {"/a.txt", zipped.get("ETag"), 200},
		{"/a.txt", small.get("Last-Modified"), 206}, {"/a.txt", time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), 200}, {"/a.txt", "x", 200},
		{"/large.bin", large.get("ETag"), 200}, {"/large.bin", large.get("Last-Modified"), 206},
	}
	for _, tt := range tests {
		if s := ask(t, site, "GET", tt.path, "Range", "bytes=0-4", "If-Range", tt.held, "Accept-Encoding", "gzip"); s.status != tt.status {
			t.Errorf("%s held as %q: got %d, want %d", tt.path, tt.held, s.status, tt.status)
		}
	}
}

func FuzzRange(f *testing.F) {
	text := "0123456789"
	site := open(f, static.Options{Dir: tree(f, map[string]string{"a.txt": text})})
	for _, seed := range []string{"bytes=0-0", "bytes=-2", "bytes=7-", "bytes=10-", "bytes=1-2,3-4", "bytes=-", "x=1-2", "bytes=99999999999999999999-", "bytes=3-2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		s := ask(t, site, "GET", "/a.txt", "Range", field)
		switch s.status {
		case 200:
			if s.body.String() != text {
				t.Fatalf("%q: %q", field, s.body.String())
			}
		case 206:
			var from, to, size int
			if _, err := fmt.Sscanf(s.get("Content-Range"), "bytes %d-%d/%d", &from, &to, &size); err != nil || size != len(text) || s.body.String() != text[from:to+1] {
				t.Fatalf("%q: %q is said to be %q", field, s.body.String(), s.get("Content-Range"))
			}
		case 416:
			if s.get("Content-Range") != "bytes */"+strconv.Itoa(len(text)) {
				t.Fatalf("%q: %v", field, s.header)
			}
		default:
			t.Fatalf("%q: %d", field, s.status)
		}
	})
}
