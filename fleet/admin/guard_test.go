package admin_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/sockd/sockd/fleet/admin"
)

const secret = "s3cret-of-the-fleet"

func TestWithoutTokenOnlyThisMachineIsAnswered(t *testing.T) {
	x := serve(t, sample(), admin.Settings{})
	port := portOf(t, x.Address())
	for _, c := range []struct {
		name    string
		headers []string
		want    int
	}{
		{"the address", nil, 200},
		{"localhost", []string{"Host", "localhost:" + port}, 200},
		{"a name below localhost", []string{"Host", "dev.localhost"}, 200},
		{"another loopback address", []string{"Host", "127.8.9.1:" + port}, 200},
		{"the loopback address of IPv6", []string{"Host", "[::1]:" + port}, 200},
		{"a name that was rebound", []string{"Host", "evil.example:" + port}, 403},
		{"a name that only begins like an address", []string{"Host", "127.0.0.1.evil.example"}, 403},
		{"a name that only ends like localhost", []string{"Host", "notlocalhost"}, 403},
		{"its own page", []string{"Origin", "http://" + x.Address()}, 200},
		{"a page of another port", []string{"Origin", "http://127.0.0.1:3000"}, 403},
		{"a page of another site", []string{"Origin", "https://evil.example"}, 403},
		{"a page without an origin", []string{"Origin", "null"}, 403},
		{"two origins", []string{"Origin", "http://" + x.Address(), "Origin", "https://evil.example"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, path := range []string{"/api/status", "/", "/metrics", "/healthz", "/readyz"} {
				if got := x.get(path, c.headers...); got.status != c.want {
					t.Errorf("%s: got %d, want %d: %s", path, got.status, c.want, got.body)
				}
			}
		})
	}
}

func TestATokenIsDemandedOnEveryPathButHealth(t *testing.T) {
	x := serve(t, sample(), admin.Settings{Token: secret})
	for path, open := range map[string]bool{
		"/healthz": true, "/readyz": true, "/": false, "/metrics": false, "/api/status": false, "/api/instances/api": false,
		"/debug/pprof/": false, "/debug/pprof/cmdline": false, "/nowhere": false,
	} {
		for given, right := range map[string]bool{
			"": false, "Bearer wrong": false, "Bearer ": false, "Basic " + secret: false, "Bearer " + secret: true, "bearer " + secret: true,
		} {
			var headers []string
			if given != "" {
				headers = []string{"Authorization", given}
			}
			got := x.get(path, headers...)
			if refused := got.status == 401; refused == (open || right) {
				t.Errorf("%s with %q: got %d", path, given, got.status)
			}
			if got.status == 401 && !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s: no WWW-Authenticate in %v", path, got.header)
			}
		}
	}
}

func TestProfilesNeedATokenThatIsSet(t *testing.T) {
	x := serve(t, sample(), admin.Settings{})
	if got := x.get("/debug/pprof/"); got.status != 403 || strings.Contains(got.body, "goroutine") {
		t.Errorf("got %d %s, want 403", got.status, got.body)
	}
	if err := x.Configure(admin.Settings{Listen: "127.0.0.1:0", Fixed: true, Token: secret}); err != nil {
		t.Fatal(err)
	}
	got := x.get("/debug/pprof/goroutine?debug=1", "Authorization", "Bearer "+secret)
	if got.status != 200 || !strings.Contains(got.body, "goroutine profile") {
		t.Errorf("got %d %s, want the profile", got.status, got.body)
	}
}

func TestReloadCannotBeAskedForByAForm(t *testing.T) {
	const jsonType = "application/json"
	for _, c := range []struct {
		name, token, auth, kind, origin string
		want                            int
	}{
		{"JSON from this machine", "", "", jsonType, "", 200},
		{"JSON with parameters", "", "", jsonType + "; charset=utf-8", "", 200},
		{"a form", "", "", "application/x-www-form-urlencoded", "", 415},
		{"plain text, which needs no preflight", "", "", "text/plain", "", 415},
		{"no content type", "", "", "", "", 415},
		{"JSON of another site", "", "", jsonType, "https://evil.example", 403},
		{"no token", secret, "", jsonType, "", 401},
		{"a wrong token", secret, "Bearer x", jsonType, "", 401},
		{"the token", secret, "Bearer " + secret, jsonType, "", 200},
		{"the token is enough", secret, "Bearer " + secret, "", "", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := sample()
			x := serve(t, b, admin.Settings{Token: c.token})
			var headers []string
			for name, value := range map[string]string{"Authorization": c.auth, "Content-Type": c.kind, "Origin": c.origin} {
				if value != "" {
					headers = append(headers, name, value)
				}
			}
			got := x.ask("POST", "/api/reload", `{"yes":true}`, headers...)
			if got.status != c.want {
				t.Errorf("got %d, want %d: %s", got.status, c.want, got.body)
			}
			if reloaded := len(b.reloads) == 1 && b.reloads[0].Yes; reloaded != (c.want == 200) {
				t.Errorf("reloads: got %v", b.reloads)
			}
		})
	}
}

func TestLoginGivesACookieThatEndsWithTheToken(t *testing.T) {
	x := serve(t, sample(), admin.Settings{Token: secret})
	form := []string{"Content-Type", "application/x-www-form-urlencoded", "Origin", "http://" + x.Address()}
	page := x.get("/", "Accept", "text/html")
	if page.status != 401 || !strings.Contains(page.body, "<form") || strings.Contains(page.body, "4211") {
		t.Fatalf("got %d %s, want only the form", page.status, page.body)
	}
	if got := x.ask("POST", "/login", "token=wrong", form...); got.status != 401 || got.header.Get("Set-Cookie") != "" {
		t.Errorf("a wrong token: got %d %v", got.status, got.header)
	}
	if got := x.ask("POST", "/login", "token="+secret, "Content-Type", form[1], "Origin", "https://evil.example"); got.status != 403 {
		t.Errorf("a form of another site: got %d, want 403", got.status)
	}
	in := x.ask("POST", "/login", "token="+url.QueryEscape(secret), form...)
	set := in.header.Get("Set-Cookie")
	if in.status != 303 || !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "SameSite=Strict") || strings.Contains(set, secret) {
		t.Fatalf("got %d %q", in.status, set)
	}
	cookie, _, _ := strings.Cut(set, ";")
	if got := x.get("/", "Cookie", cookie, "Accept", "text/html"); got.status != 200 || !strings.Contains(got.body, "4211") {
		t.Errorf("with the cookie: got %d", got.status)
	}
	if got := x.ask("POST", "/login", "token="+secret, append(form, "Cookie", cookie)...); got.status != 303 {
		t.Errorf("a second login: got %d, want 303", got.status)
	}
	if got := x.ask("POST", "/api/reload", "", "Cookie", cookie); got.status != 415 {
		t.Errorf("a reload by cookie alone: got %d, want 415", got.status)
	}
	if err := x.Configure(admin.Settings{Listen: "127.0.0.1:0", Fixed: true, Token: "another"}); err != nil {
		t.Fatal(err)
	}
	if got := x.get("/api/status", "Cookie", cookie); got.status != 401 {
		t.Errorf("after the token has changed: got %d, want 401", got.status)
	}
	if got := x.get("/api/status", "Authorization", "Bearer another"); got.status != 200 {
		t.Errorf("the new token: got %d, want 200", got.status)
	}
}

func TestAddressesOfOtherMachinesNeedAToken(t *testing.T) {
	for _, c := range []struct {
		listen, token string
		good          bool
	}{
		{"127.0.0.1:8700", "", true}, {"localhost:8700", "", true}, {"[::1]:8700", "", true}, {"off", "", true},
		{"0.0.0.0:8700", "", false}, {":8700", "", false}, {"[::]:8700", "", false}, {"10.0.0.1:8700", "", false}, {"box.example:8700", "", false},
		{"0.0.0.0:8700", secret, true}, {"nonsense", secret, false},
	} {
		s := admin.Settings{Listen: c.listen, Token: c.token}
		if err := s.Check(); (err == nil) != c.good {
			t.Errorf("%s with token %q: got %v", c.listen, c.token, err)
		}
	}
	err := admin.New(admin.Options{Backend: sample(), Settings: admin.Settings{Listen: "0.0.0.0:0"}}).Run(t.Context())
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "token") {
		t.Errorf("Run: got %v, want one sentence about the token", err)
	}
}

func TestAnOpenAddressTakesAnyHostWithTheToken(t *testing.T) {
	x := serve(t, sample(), admin.Settings{Listen: "0.0.0.0:0", Token: secret})
	if got := x.get("/api/status", "Host", "box.example", "Authorization", "Bearer "+secret); got.status != 200 {
		t.Errorf("got %d, want 200", got.status)
	}
	if err := x.Configure(admin.Settings{Listen: "0.0.0.0:0"}); err == nil {
		t.Error("the token was taken away: got nil, want an error")
	}
	if got := x.get("/api/status"); got.status != 401 {
		t.Errorf("got %d, want 401: the settings before still hold", got.status)
	}
}
