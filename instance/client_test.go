package instance_test

import (
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance"
)

var bundles = []string{"socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"}

// clientDir makes a folder like client-dist of npm's socket.io, with files of size bytes that hardly shrink.
func clientDir(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	for _, b := range bundles {
		for _, name := range []string{b, b + ".map"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(bundle(name, size)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func bundle(name string, size int) string {
	return (name + strings.Repeat("\x00", size))[:size]
}

func TestClientFilesAreServed(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.ClientDir = clientDir(t, 2000)
	r := run(t, loops(t), c)
	for _, b := range bundles {
		for name, kind := range map[string]string{b: "application/javascript; charset=utf-8", b + ".map": "application/json; charset=utf-8"} {
			status, h, body := request(t, r.addr, "GET", "/socket.io/"+name+"?v=4", "Origin: http://localhost:1")
			if status != 200 || body != bundle(name, 2000) || h.Get("Content-Type") != kind || h.Get("Cache-Control") != "public, max-age=0" || h.Get("ETag") == "" {
				t.Errorf("GET %s: %d %v", name, status, h)
			}
			if h.Get("Access-Control-Allow-Origin") != "http://localhost:1" || strings.Join(h.Values("Vary"), ", ") != "Origin, Accept-Encoding" {
				t.Errorf("GET %s: header for a page %v", name, h)
			}
			status, head, body := request(t, r.addr, "HEAD", "/socket.io/"+name)
			if status != 200 || body != "" || head.Get("Content-Length") != "2000" || head.Get("ETag") != h.Get("ETag") {
				t.Errorf("HEAD %s: %d %v %q", name, status, head, body)
			}
			for _, match := range []string{h.Get("ETag"), "W/" + h.Get("ETag")} {
				status, h, body := request(t, r.addr, "GET", "/socket.io/"+name, "If-None-Match: "+match)
				if status != 304 || body != "" || h.Get("Cache-Control") != "" || h.Get("Content-Type") != "" || h.Get("Content-Length") != "" {
					t.Errorf("If-None-Match %s: %d %v %q", match, status, h, body)
				}
			}
		}
	}
	_, h, body := request(t, r.addr, "GET", "/socket.io/socket.io.js", "Accept-Encoding: br, gzip")
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil || h.Get("Content-Encoding") != "gzip" {
		t.Fatalf("gzip: %v, header %v", err, h)
	}
	if plain, err := io.ReadAll(z); err != nil || string(plain) != bundle("socket.io.js", 2000) {
		t.Errorf("gzip: other content, %v", err)
	}
	others := []struct{ method, target string }{
		{"GET", "/socket.io/socket.io.slim.js"}, {"GET", "/socket.io/socket.io.js.gz"}, {"GET", "/socket.io/x/socket.io.js"}, {"GET", "/socket.io/../socket.io.js"},
		{"GET", "/socket.io/%2e%2e/client_test.go"}, {"GET", "/socket.io/SOCKET.IO.js"}, {"POST", "/socket.io/socket.io.js"},
	}
	for _, o := range others {
		if status, _, body := request(t, r.addr, o.method, o.target); status != 400 || body != `{"code":0,"message":"Transport unknown"}` {
			t.Errorf("%s %s: %d %s, want the engine's answer", o.method, o.target, status, body)
		}
	}
	if status, _, _ := request(t, r.addr, "GET", "/socket.io/socket.io.js", "Origin: http://evil.test"); status != 403 {
		t.Errorf("a stranger's page: %d", status)
	}
	if status, _, _ := request(t, r.addr, "GET", "/socket.io.js"); status != 404 {
		t.Errorf("outside of path: %d", status)
	}
}

func TestClientDirIsReadAgainOnApply(t *testing.T) {
	t.Parallel()
	c := defaults()
	r := run(t, loops(t), c)
	const target = "/socket.io/socket.io.js"
	if status, _, _ := request(t, r.addr, "GET", target); status != 400 {
		t.Errorf("without client_dir: %d", status)
	}
	next := *c
	next.ClientDir = clientDir(t, 100)
	apply := func(c *config.Instance) {
		t.Helper()
		if err := r.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	apply(&next)
	_, h, _ := request(t, r.addr, "GET", target)
	if err := os.WriteFile(filepath.Join(next.ClientDir, "socket.io.js"), []byte("new one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, same, body := request(t, r.addr, "GET", target); same.Get("ETag") != h.Get("ETag") || body != bundle("socket.io.js", 100) {
		t.Error("the file changed without a reload")
	}
	apply(&next)
	if _, other, body := request(t, r.addr, "GET", target); other.Get("ETag") == h.Get("ETag") || body != "new one" {
		t.Errorf("after a reload: %q", body)
	}
	bad := next
	bad.ClientDir = filepath.Join(next.ClientDir, "gone")
	if err := r.Apply(&bad); err == nil || !strings.Contains(err.Error(), "client_dir: "+bad.ClientDir+": no such file or directory") {
		t.Errorf("a folder that is missing: %v", err)
	}
	_ = os.Remove(filepath.Join(next.ClientDir, "socket.io.min.js"))
	if _, err := instance.New("x", &next, instance.Env{Loops: loops(t)}); err == nil || !strings.Contains(err.Error(), "socket.io.min.js: no such file") {
		t.Errorf("a file that is missing: %v", err)
	}
	if status, _, _ := request(t, r.addr, "GET", target); status != 200 {
		t.Errorf("after a bad edit: %d", status)
	}
}

// One connection asks for a large file again and again and reads nothing: the ledger of its bytes ends it. Others are served meanwhile.
func TestClientFilesToAReaderThatNeverReads(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.ClientDir = clientDir(t, 1<<20)
	c.Limits.Queue, c.MaxPayload = 1<<20, 1<<20
	r := run(t, loops(t), c)
	conn := raw(t, r.addr)
	go func() {
		ask := []byte("GET /socket.io/socket.io.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
		for {
			if _, err := conn.Write(ask); err != nil {
				return
			}
		}
	}()
	counted(t, r, "transport.slow")
	status, _, body := request(t, r.addr, "GET", "/socket.io/socket.io.js")
	if status != http.StatusOK || len(body) != 1<<20 {
		t.Errorf("another client: %d, %d bytes", status, len(body))
	}
}

// A crowd that asks for files and reads nothing holds no more memory than all readers together may.
func TestClientFilesToACrowdThatNeverReads(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.ClientDir = clientDir(t, 1<<20)
	r := run(t, loops(t), c, func(in *instance.Instance) { in.SetBacklog(3 << 20) })
	ask := strings.Repeat("GET /socket.io/socket.io.js HTTP/1.1\r\nHost: localhost\r\n\r\n", 8)
	for range 16 {
		conn := raw(t, r.addr)
		_ = conn.(*net.TCPConn).SetReadBuffer(4096)
		_, _ = io.WriteString(conn, ask)
	}
	counted(t, r, "instance.backlog")
	a, b := dial(t, r.addr, ""), dial(t, r.addr, "")
	a.send(`42["unharmed"]`)
	b.want(`42["unharmed"]`)
}
