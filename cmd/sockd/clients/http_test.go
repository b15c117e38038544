package clients_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What no client shows: the bytes of HTTP answers. This one neither asks for compression nor undoes it by itself.
var plain = &http.Client{Timeout: patience, Transport: &http.Transport{DisableCompression: true, IdleConnTimeout: time.Second}}

// fetch returns the answer and its body as it was sent.
func fetch(t *testing.T, method, url, body string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := plain.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	sent, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return resp, sent
}

// inflate undoes the coding that the answer names.
func inflate(t *testing.T, resp *http.Response, sent []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(sent)
	var err error
	switch coding := resp.Header.Get("Content-Encoding"); coding {
	case "":
	case "gzip":
		r, err = gzip.NewReader(r)
	case "deflate":
		r, err = zlib.NewReader(r)
	default:
		t.Fatalf("Content-Encoding %q", coding)
	}
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// poller is a connected client over polling, made by hand; it returns the URL of its session.
func poller(t *testing.T, base string) string {
	t.Helper()
	const query = "/socket.io/?EIO=4&transport=polling"
	_, open := fetch(t, "GET", base+query, "")
	_, id, ok := strings.Cut(string(open), `0{"sid":"`)
	if !ok {
		t.Fatalf("handshake: %s", open)
	}
	id, _, _ = strings.Cut(id, `"`)
	session := base + query + "&sid=" + id
	if _, ok := fetch(t, "POST", session, "40"); string(ok) != "ok" {
		t.Fatalf("connect: %s", ok)
	}
	if _, in := fetch(t, "GET", session, ""); !strings.HasPrefix(string(in), `40{"sid":`) {
		t.Fatalf("connected: %s", in)
	}
	return session
}

func TestPollingCompression(t *testing.T) {
	t.Parallel()
	slow := strings.Replace(settings, "300ms", "25s", 1) // no ping between the answers
	d := newDaemon(t, slow+"[instance.on]\n[instance.off]\ncompression = { http = false }\n")
	long, short := `42["e","`+strings.Repeat("x", 5000)+`"]`, `42["e","`+strings.Repeat("x", 500)+`"]`
	for _, instance := range []string{"on", "off"} {
		a, b := poller(t, d.url(instance)), poller(t, d.url(instance))
		for _, c := range []struct{ name, event, accept, want string }{
			{"gzip", long, "gzip", "gzip"},
			{"deflate", long, "deflate", "deflate"},
			{"as browsers ask", long, "gzip, deflate, br, zstd", "gzip"},
			{"never br", long, "br", ""},
			{"not asked for", long, "identity", ""},
			{"refused", long, "gzip;q=0", ""},
			{"below the threshold", short, "gzip", ""},
		} {
			fetch(t, "POST", a, c.event, "Content-Type: text/plain;charset=UTF-8")
			resp, sent := fetch(t, "GET", b, "", "Accept-Encoding: "+c.accept)
			if instance == "off" {
				c.want = ""
			}
			if got := resp.Header.Get("Content-Encoding"); got != c.want || string(inflate(t, resp, sent)) != c.event {
				t.Errorf("%s, %s: Content-Encoding %q, %d bytes", instance, c.name, got, len(sent))
			}
		}
	}
}

// The bundles of the npm package arrive as they are; TestMatrix runs two of them.
func TestClientDir(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, settings+fmt.Sprintf("[instance.one]\nclient_dir = %q\npath = \"/live/\"\n[instance.none]\n", bundles()))
	files, err := filepath.Glob(filepath.Join(bundles(), "*.js*"))
	if err != nil || len(files) != 8 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		url := d.url("one") + "/live/" + filepath.Base(file)
		for accept, coding := range map[string]string{"identity": "", "gzip, deflate, br": "gzip"} {
			resp, sent := fetch(t, "GET", url, "", "Accept-Encoding: "+accept)
			if resp.StatusCode != 200 || resp.Header.Get("Content-Encoding") != coding || !bytes.Equal(inflate(t, resp, sent), want) {
				t.Errorf("%s, %s: %d %v, %d bytes", url, accept, resp.StatusCode, resp.Header, len(sent))
			}
			tag := resp.Header.Get("ETag")
			resp, sent = fetch(t, "GET", url, "", "If-None-Match: "+tag, "Accept-Encoding: "+accept)
			if tag == "" || resp.StatusCode != http.StatusNotModified || len(sent) > 0 {
				t.Errorf("%s with ETag %s: %d, %d bytes", url, tag, resp.StatusCode, len(sent))
			}
			if resp, _ = fetch(t, "GET", url, "", `If-None-Match: "other"`); resp.StatusCode != 200 {
				t.Errorf("%s with another ETag: %d", url, resp.StatusCode)
			}
		}
		if resp, sent := fetch(t, "HEAD", url, ""); resp.StatusCode != 200 || resp.ContentLength != int64(len(want)) || len(sent) > 0 {
			t.Errorf("HEAD %s: %d, length %d", url, resp.StatusCode, resp.ContentLength)
		}
	}
	for _, url := range []string{d.url("one") + "/live/package.json", d.url("none") + "/socket.io/socket.io.js"} {
		if resp, _ := fetch(t, "GET", url, ""); resp.StatusCode < 400 {
			t.Errorf("%s: %d", url, resp.StatusCode)
		}
	}
}
