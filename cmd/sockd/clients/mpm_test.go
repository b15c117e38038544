package clients_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// mpm runs the example over a project and the pages of an installed package.
func mpm(t *testing.T, exe, dashboard string) (url, project string) {
	t.Helper()
	project = t.TempDir()
	port := freePorts(t, 1)[0]
	d := runWith(t, exe, examples+"/claude-mpm/sockd.toml", fmt.Sprintf("MPM_PORT=%d", port), "MPM_PROJECT="+project, "MPM_DASHBOARD="+dashboard)
	return d.url("mpm"), project
}

// pages are files as the package has them.
func pages(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"svelte-build/index.html":                  `<script type="module" src="/_app/immutable/app.js"></script>`,
		"svelte-build/favicon.svg":                 "<svg/>",
		"svelte-build/_app/version.json":           "{}",
		"svelte-build/_app/immutable/app.js":       `connect("http://localhost:8765")`,
		"svelte-build/_app/immutable/a/style.css":  "p{}",
		"built/dashboard.js":                       "built()",
		"js/socket.js":                             "legacy()",
		"../outside-" + filepath.Base(dir) + ".js": "outside",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Two servers, their hooks and their pages; beside no other test, as hooks do not wait.
func TestClaudeMPMExample(t *testing.T) {
	one, _ := mpm(t, quick, pages(t)) // its hooks have 0.3 s
	other, _ := mpm(t, binary, pages(t))
	pass(t, map[string]string{"URL": one, "OTHER": other}, "node", "--test-reporter=spec", "testdata/mpm.mjs")
}

// What pages and launchers ask for over HTTP.
func TestClaudeMPMAnswers(t *testing.T) {
	t.Parallel()
	url, project := mpm(t, binary, pages(t))
	for _, c := range []struct {
		path string
		keys []string
		want map[string]any
	}{
		{"/api/working-directory", []string{"success", "working_directory"}, map[string]any{"working_directory": project, "success": true}},
		{"/health", []string{"pid", "port", "service", "status", "uptime", "version"}, map[string]any{"status": "running", "service": "claude-mpm-monitor"}},
		{"/api/health", []string{"buffered_events", "connected_clients", "service", "status", "timestamp", "total_events", "uptime_seconds"},
			map[string]any{"status": "healthy", "service": "claude-mpm-socketio", "connected_clients": 0.0}},
		{"/version.json", []string{"build", "formatted_build", "full_version", "service", "version"}, map[string]any{"service": "claude-mpm-monitor"}},
	} {
		resp, body := fetch(t, "GET", url+c.path, "")
		var got map[string]any
		if err := json.Unmarshal(body, &got); err != nil || resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
			t.Errorf("%s: %d %v %s: %v", c.path, resp.StatusCode, resp.Header, body, err)
			continue
		}
		if keys := keysOf(got); !slices.Equal(keys, c.keys) {
			t.Errorf("%s: keys %v, want %v", c.path, keys, c.keys)
		}
		for k, want := range c.want {
			if got[k] != want {
				t.Errorf("%s: %s is %v, want %v", c.path, k, got[k], want)
			}
		}
	}
	for _, path := range []string{"/api/file/read?path=/etc/passwd", "/api/file/diff?path=x", "/api/directory/list?path=/", "/api/config/agents"} {
		resp, body := fetch(t, "GET", url+path, "")
		if resp.StatusCode != 404 || !json.Valid(body) || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
			t.Errorf("%s: %d %s %q, want 404, JSON", path, resp.StatusCode, resp.Header.Get("Content-Type"), body)
		}
	}
	for _, query := range []string{"EIO=3&transport=polling", "EIO=4&transport=polling&sid=unknown", "EIO=4&transport=carrier"} {
		if resp, body := fetch(t, "GET", url+"/socket.io/?"+query, ""); resp.StatusCode != 400 || !json.Valid(body) {
			t.Errorf("%s: %d %s, want 400 and JSON", query, resp.StatusCode, body)
		}
	}
	if resp, _ := fetch(t, "GET", url+"/api/events", ""); resp.StatusCode != 405 && resp.StatusCode != 406 {
		t.Errorf("GET /api/events: %d, want 405 or 406", resp.StatusCode)
	}
}

func keysOf(m map[string]any) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// A page that was opened under another loopback name is answered; a page of elsewhere is not.
func TestClaudeMPMOrigins(t *testing.T) {
	t.Parallel()
	url, _ := mpm(t, binary, pages(t))
	for _, path := range []string{"/api/working-directory", "/socket.io/?EIO=4&transport=polling"} {
		for _, origin := range []string{"http://localhost:8765", "http://127.0.0.1:8765"} {
			resp, _ := fetch(t, "GET", url+path, "", "Origin: "+origin)
			if h := resp.Header; resp.StatusCode != 200 || h.Get("Access-Control-Allow-Origin") != origin || h.Get("Access-Control-Allow-Credentials") != "true" {
				t.Errorf("%s for %s: %d %v", path, origin, resp.StatusCode, h)
			}
		}
		resp, body := fetch(t, "GET", url+path, "", "Origin: http://evil.example")
		if resp.StatusCode != 403 || resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s for a foreign page: %d %v %s", path, resp.StatusCode, resp.Header, body)
		}
	}
}

// The pages come from the folder of the package, and name no server of their own.
func TestClaudeMPMPages(t *testing.T) {
	t.Parallel()
	url, _ := mpm(t, binary, pages(t))
	for _, c := range []struct {
		path, mime, body string
		immutable        bool
	}{
		{"/", "text/html", `<script type="module" src="/_app/immutable/app.js"></script>`, false},
		{"/favicon.svg", "image/svg+xml", "<svg/>", false},
		{"/_app/version.json", "application/json", "{}", false},
		{"/_app/immutable/app.js", "text/javascript", `connect("")`, true},
		{"/_app/immutable/a/style.css", "text/css", "p{}", true},
		{"/static/dist/dashboard.js", "text/javascript", "built()", false},
		{"/static/js/socket.js", "text/javascript", "legacy()", false},
		{"/static/built/dashboard.js", "text/javascript", "built()", false},
	} {
		resp, body := fetch(t, "GET", url+c.path, "", "Connection: close")
		mime, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
		cache := resp.Header.Get("Cache-Control")
		if resp.StatusCode != 200 || mime != c.mime || string(body) != c.body || resp.Header.Get("ETag") == "" ||
			strings.Contains(cache, "immutable") != c.immutable {
			t.Errorf("%s: %d %v %q", c.path, resp.StatusCode, resp.Header, body)
		}
		if c.immutable && !strings.Contains(cache, "max-age=31536000") {
			t.Errorf("%s: Cache-Control %q, want a year", c.path, cache)
		}
		if resp, _ := fetch(t, "GET", url+c.path, "", "If-None-Match: "+resp.Header.Get("ETag")); resp.StatusCode != 304 {
			t.Errorf("%s again: %d, want 304", c.path, resp.StatusCode)
		}
	}
	for _, path := range []string{"/static/none.js", "/static/../../outside.js", "/static/%2e%2e/%2e%2e/sockd.toml"} {
		if resp, body := fetch(t, "GET", url+path, ""); resp.StatusCode < 400 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
}

// Two hundred hooks at once, each with a connection of its own, are all answered in the time that a hook has.
func TestClaudeMPMBurst(t *testing.T) {
	url, _ := mpm(t, quick, pages(t))
	const hooks, atOnce = 200, 20
	body := `{"event":"claude_event","data":{"type":"hook","subtype":"post_tool","session_id":"s","data":{"tool_response":"` + strings.Repeat("x", 4000) + `"}}}`
	took := make([]time.Duration, hooks)
	gate := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range hooks {
		gate <- struct{}{}
		all.Go(func() {
			defer func() { <-gate }()
			start := time.Now()
			if err := oneShot(t.Context(), url+"/api/events", body); err != nil {
				t.Errorf("hook %d: %v", i, err)
			}
			took[i] = time.Since(start)
		})
	}
	all.Wait()
	slices.Sort(took)
	t.Logf("answers: p50 %v, p99 %v, max %v", took[hooks/2], took[hooks*99/100], took[hooks-1])
	if p99 := took[hooks*99/100]; p99 > 300*time.Millisecond {
		t.Errorf("p99 %v is more than a hook waits", p99)
	}
}

// oneShot posts over a new connection and expects 204 without a body.
func oneShot(ctx context.Context, url, body string) error {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 204 || len(b) > 0 {
		return fmt.Errorf("%d %q %w", resp.StatusCode, b, err)
	}
	return nil
}

// One connection serves many files: the answer to one is over when its last byte has been sent.
func TestManyFilesOverOneConnection(t *testing.T) {
	t.Parallel()
	url, _ := mpm(t, binary, pages(t))
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for i := range 500 {
		resp, err := client.Get(url + "/favicon.svg")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("file %d of one connection: %d", i, resp.StatusCode)
		}
	}
}
