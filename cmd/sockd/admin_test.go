package main

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sockd/sockd/fleet/control"
)

// asked is an answer of the admin address.
type asked struct {
	code   int
	header http.Header
	body   string
}

// browser asks one address, and keeps no cookies by itself.
var browser = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// askAdmin sends a request; headers are pairs, of which Host is the Host.
func askAdmin(t *testing.T, method, url, body string, headers ...string) asked {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	answer, err := browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return asked{answer.StatusCode, answer.Header, string(text)}
}

// admin waits until the daemon has an admin address that is as it should be, and every instance is ready.
func (s *saved) admin(good func(address string) bool) (address string) {
	s.t.Helper()
	s.until("the admin address", func(st control.Status) bool {
		address = st.Fleet.Admin
		return address != "" && good(address) && allIn(st, "ready")
	})
	return address
}

func anyAddress(string) bool { return true }

// freePort is one that nobody has at this moment.
func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

func TestAdminFromOutside(t *testing.T) {
	t.Parallel()
	s := runDaemonOf(t, "[instance.one]\nport = \"auto\"\n")
	address := s.admin(anyAddress)
	if host, port, _ := net.SplitHostPort(address); host != "127.0.0.1" || len(port) != 4 || port < "8700" || port > "8799" {
		t.Fatalf("address %s, want one from 127.0.0.1:8700 to 8799", address)
	}
	base := "http://" + address
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		code                     int
		want                     string
	}{
		{"the dashboard", "GET", "/", "", nil, 200, "<!doctype html>"},
		{"its instances", "GET", "/", "", nil, 200, ">one<"},
		{"the part of it that changes", "GET", "/?live", "", nil, 200, ">one<"},
		{"alive", "GET", "/healthz", "", nil, 200, `"status":"ok"`},
		{"ready", "GET", "/readyz", "", nil, 200, `"ready":true`},
		{"metrics", "GET", "/metrics", "", nil, 200, `sockd_instance_state{instance="one",state="ready"} 1`},
		{"the status", "GET", "/api/status", "", nil, 200, `"schema":1`},
		{"one instance", "GET", "/api/instances/one", "", nil, 200, `"name":"one"`},
		{"no instance", "GET", "/api/instances/two", "", nil, 404, `no such instance`},
		{"no page", "GET", "/nowhere", "", nil, 404, `no such page`},
		{"a wrong method", "POST", "/api/status", "{}", []string{"Content-Type", "application/json"}, 405, `takes GET only`},
		{"a dry run", "POST", "/api/reload", `{"dry_run":true}`, []string{"Content-Type", "application/json"}, 200, `"outcome":"unchanged"`},
		{"a form of another site", "POST", "/api/reload", "yes=1", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, `application/json`},
		{"an unknown option", "POST", "/api/reload", `{"force":true}`, []string{"Content-Type", "application/json"}, 400, `force`},
		{"a name that was rebound", "GET", "/api/status", "", []string{"Host", "evil.example"}, 403, `not a name of this machine`},
		{"a name of this machine", "GET", "/api/status", "", []string{"Host", "localhost:1"}, 200, `"schema":1`},
		{"a page of another origin", "GET", "/api/status", "", []string{"Origin", "http://evil.example"}, 403, `another origin`},
		{"its own page", "GET", "/api/status", "", []string{"Origin", base}, 200, `"schema":1`},
		{"profiles", "GET", "/debug/pprof/", "", nil, 403, `with a token only`},
		{"a profile", "GET", "/debug/pprof/goroutine?debug=1", "", nil, 403, `with a token only`},
	} {
		got := askAdmin(t, c.method, base+c.path, c.body, c.headers...)
		if got.code != c.code || !strings.Contains(strings.ToLower(got.body), strings.ToLower(c.want)) {
			t.Errorf("%s: %s %s: got %d, want %d with %q\n%.400s", c.name, c.method, c.path, got.code, c.code, c.want, got.body)
		}
	}
	s.sameStatus(base)
	s.readinessOf(base)
}

// sameStatus compares the JSON of the API with that of the command line: the same keys, all the way down.
func (s *saved) sameStatus(base string) {
	s.t.Helper()
	st, err := s.client.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	own, err := json.Marshal(st)
	if err != nil {
		s.t.Fatal(err)
	}
	if got, want := keysOf(s.t, askAdmin(s.t, "GET", base+"/api/status", "").body), keysOf(s.t, string(own)); !slices.Equal(got, want) {
		s.t.Errorf("keys of /api/status: got %v, want %v", got, want)
	}
}

func keysOf(t *testing.T, text string) (keys []string) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var walk func(string, any)
	walk = func(at string, v any) {
		keys = append(keys, at)
		switch v := v.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				walk(at+"."+k, v[k])
			}
		case []any:
			for _, x := range v {
				walk(at+"[]", x)
			}
		}
	}
	walk("", v)
	return keys
}

// readinessOf: a file that was refused shows in the body, an instance that cannot start in the code.
func (s *saved) readinessOf(base string) {
	s.t.Helper()
	s.save(write, "[instance.one]\nprot = 1\n")
	s.until("the refusal", func(st control.Status) bool { return st.Fleet.ConfigState == control.ConfigRejected })
	for path, want := range map[string]string{
		"/readyz": `unknown key \"prot\"`, "/": "unknown key &#34;prot&#34;", "/metrics": "sockd_config_last_reload_successful 0",
	} {
		if got := askAdmin(s.t, "GET", base+path, ""); got.code != 200 || !strings.Contains(got.body, want) {
			s.t.Errorf("%s after a refused edit: got %d without %q\n%s", path, got.code, want, got.body)
		}
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer busy.Close()
	s.save(write, "[instance.one]\nport = \"auto\"\n[instance.two]\nport = "+strconv.Itoa(busy.Addr().(*net.TCPAddr).Port)+"\n")
	s.until("the busy port", func(st control.Status) bool {
		return slices.ContainsFunc(st.Instances, func(in control.InstanceStatus) bool { return in.Name == "two" && in.State == "backoff" })
	})
	if got := askAdmin(s.t, "GET", base+"/readyz", ""); got.code != 503 || !strings.Contains(got.body, "in use by pid") {
		s.t.Errorf("/readyz with a busy port: got %d, want 503 with the holder\n%s", got.code, got.body)
	}
}

func TestAdminTokenFromOutside(t *testing.T) {
	t.Parallel()
	port := strconv.Itoa(freePort(t))
	token := filepath.Join(t.TempDir(), "token")
	if err := write(token, "first-secret\n"); err != nil {
		t.Fatal(err)
	}
	s := runDaemonOf(t, "[admin]\nlisten = \"0.0.0.0:"+port+"\"\ntoken_file = \""+token+"\"\n[instance.one]\nport = \"auto\"\n")
	s.admin(anyAddress)
	bases := []string{"http://127.0.0.1:" + port}
	if ip := outward(); ip != "" {
		bases = append(bases, "http://"+net.JoinHostPort(ip, port))
	}
	first := []string{"Authorization", "Bearer first-secret"}
	for _, base := range bases {
		for path, open := range map[string]bool{"/healthz": true, "/readyz": true, "/": false, "/metrics": false, "/api/status": false, "/debug/pprof/": false} {
			if got := askAdmin(t, "GET", base+path, ""); got.code == 200 != open || !open && got.code != 401 {
				t.Errorf("%s%s without a token: got %d", base, path, got.code)
			}
			if got := askAdmin(t, "GET", base+path, "", first...); got.code != 200 {
				t.Errorf("%s%s with the token: got %d %s", base, path, got.code, got.body)
			}
		}
		if got := askAdmin(t, "GET", base+"/debug/pprof/goroutine?debug=1", "", first...); !strings.Contains(got.body, "goroutine profile") {
			t.Errorf("%s: profile: got %d %.100s", base, got.code, got.body)
		}
		if got := askAdmin(t, "POST", base+"/api/reload", "{}", first...); got.code != 200 {
			t.Errorf("%s: reload: got %d %s", base, got.code, got.body)
		}
	}
	cookie := login(t, bases[0], "first-secret")
	if got := askAdmin(t, "GET", bases[0]+"/", "", "Cookie", cookie, "Accept", "text/html"); got.code != 200 || !strings.Contains(got.body, ">one<") {
		t.Errorf("the page after the login: got %d", got.code)
	}
	// The content of the file counts as soon as it has changed; the login with the old one is over.
	if err := over(token, "second-secret\n", token+".tmp"); err != nil {
		t.Fatal(err)
	}
	s.until("the new token", func(control.Status) bool {
		return askAdmin(t, "GET", bases[0]+"/api/status", "", "Authorization", "Bearer second-secret").code == 200
	})
	for _, old := range [][]string{first, {"Cookie", cookie}} {
		if got := askAdmin(t, "GET", bases[0]+"/api/status", "", old...); got.code != 401 {
			t.Errorf("with the old %s: got %d, want 401", old[0], got.code)
		}
	}
}

// login uses the form of the page, first with a wrong token, and returns the cookie.
func login(t *testing.T, base, token string) string {
	t.Helper()
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	if got := askAdmin(t, "POST", base+"/login", "token=wrong", form...); got.header.Get("Set-Cookie") != "" || !strings.Contains(got.body, "not the token") {
		t.Errorf("a wrong token: got %d %s", got.code, got.body)
	}
	got := askAdmin(t, "POST", base+"/login", url.Values{"token": {token}}.Encode(), form...)
	if got.code != http.StatusSeeOther || !strings.Contains(got.header.Get("Set-Cookie"), "HttpOnly") {
		t.Fatalf("login: got %d, %v", got.code, got.header)
	}
	cookie, _, _ := strings.Cut(got.header.Get("Set-Cookie"), ";")
	return cookie
}

// outward is an address of this machine that others reach, "" without one.
func outward() string {
	list, _ := net.InterfaceAddrs()
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	return ""
}

// The default admin address makes way for an instance that is moved to its port: the edit is no one's fault.
func TestAdminYieldsToAnInstance(t *testing.T) {
	t.Parallel()
	s := runDaemonOf(t, "[fleet]\nwatch = \"off\"\n[instance.one]\nport = \"auto\"\n")
	before := s.admin(anyAddress)
	_, port, _ := net.SplitHostPort(before)
	s.save(write, "[fleet]\nwatch = \"off\"\n[instance.one]\nport = "+port+"\n")
	if r, err := s.client.Reload(t.Context(), control.ReloadOptions{DryRun: true}); err != nil || r.Outcome != control.Planned {
		t.Fatalf("dry run: got %+v, %v", r, err)
	}
	if got := s.admin(anyAddress); got != before {
		t.Errorf("a dry run has moved it to %s", got)
	}
	r, err := s.client.Reload(t.Context(), control.ReloadOptions{})
	if err != nil || r.Outcome != control.Applied || len(r.Unready) > 0 {
		t.Fatalf("got %+v, %v", r, err)
	}
	after := s.admin(func(a string) bool { return a != before })
	if got := askAdmin(t, "GET", "http://"+after+"/healthz", ""); got.code != 200 {
		t.Errorf("admin at %s: got %d", after, got.code)
	}
	if got := askAdmin(t, "GET", "http://"+before+"/readyz", ""); got.code != 200 || !strings.Contains(got.body, `"state":"ready"`) {
		t.Errorf("the instance at %s: got %d %s", before, got.code, got.body)
	}
	// A written address does not: two that want one port are a fault, with both places.
	s.save(write, "[admin]\nlisten = \""+after+"\"\n[instance.one]\nport = "+after[strings.LastIndex(after, ":")+1:]+"\n")
	if r, err := s.client.Reload(t.Context(), control.ReloadOptions{}); err != nil || r.Outcome != control.Rejected || !strings.Contains(r.Errors[0].Message, "admin.listen") {
		t.Errorf("a clash: got %+v, %v", r, err)
	}
}

// A file that would show the fleet to other machines without a token does not start.
func TestAdminWithoutATokenStaysHome(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sockd.toml")
	if err := os.WriteFile(file, []byte("[admin]\nlisten = \"0.0.0.0:8700\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sockd", "config", "check", "-c", file).CombinedOutput()
	errs := string(out)
	if code := exitCode(err); code != exitConfig || !strings.Contains(errs, "sockd.toml:2:1: admin.listen") || !strings.Contains(errs, "token") {
		t.Errorf("got %v, %q", err, errs)
	}
}
