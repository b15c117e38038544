package admin_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/sockd/sockd/fleet/admin"
	"github.com/sockd/sockd/fleet/control"
)

func TestReadyzJudgesEveryEnabledInstance(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*control.Status)
		want   int
		says   string
	}{
		{"a degraded one counts, with its reason", func(*control.Status) {}, 200, "worker is down"},
		{"one in backoff", func(s *control.Status) { s.Instances[0].State, s.Instances[0].Note = "backoff", "port 3001 in use" }, 503, "port 3001 in use"},
		{"one that starts", func(s *control.Status) { s.Instances[0].State = "starting" }, 503, "starting"},
		{"one that has failed", func(s *control.Status) { s.Instances[0].State = "failed" }, 503, "failed"},
		{"one that was stopped on purpose", func(s *control.Status) { s.Instances[0].State = "stopped" }, 200, ""},
		{"a rejected file changes the body only", func(s *control.Status) {
			s.Fleet.ConfigState, s.Fleet.ConfigError = control.ConfigRejected, &control.Fault{File: "sockd.toml", Line: 41, Col: 1, Message: `unknown key "prot"`}
		}, 200, `unknown key \"prot\"`},
		{"no configuration yet", func(s *control.Status) { s.Fleet.Revision, s.Instances = 0, nil }, 503, "no configuration"},
		{"a fleet that stops", func(s *control.Status) { s.Fleet.State = control.Stopping }, 503, "stopping"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := sample()
			b.change(c.change)
			x := serve(t, b, admin.Settings{})
			got := x.get("/readyz")
			if got.status != c.want || !strings.Contains(got.body, c.says) || got.json(t)["ready"] != (c.want == 200) {
				t.Errorf("got %d %s, want %d and %q", got.status, got.body, c.want, c.says)
			}
			if got := x.get("/healthz"); got.status != 200 || got.json(t)["status"] != "ok" {
				t.Errorf("healthz: got %d %s", got.status, got.body)
			}
		})
	}
}

func TestTheAPIAnswersWhatStatusPrints(t *testing.T) {
	b := sample()
	x := serve(t, b, admin.Settings{})
	want, err := json.Marshal(b.metrics.Status)
	if err != nil {
		t.Fatal(err)
	}
	if got := x.get("/api/status"); strings.TrimSpace(got.body) != string(want) || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %s\nwant %s", got.body, want)
	}
	one := x.get("/api/instances/api").json(t)
	if one["name"] != "api" || one["clients"] != 128.0 || one["dropped"].(map[string]any)["rule.no_rule"] != 5.0 {
		t.Errorf("got %v", one)
	}
	for path, status := range map[string]int{"/api/instances/none": 404, "/api/none": 404, "/none": 404} {
		if got := x.get(path); got.status != status || got.json(t)["error"] == nil {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
		}
	}
	if got := x.get("/api/reload"); got.status != 405 || got.header.Get("Allow") != "POST" || len(b.reloads) > 0 {
		t.Errorf("GET /api/reload: got %d", got.status)
	}
}

func TestReloadAnswersWithItsOutcome(t *testing.T) {
	for outcome, status := range map[control.Outcome]int{
		control.Applied: 200, control.Unchanged: 200, control.Planned: 200, control.Held: 409, control.Rejected: 422, control.RolledBack: 500,
	} {
		b := sample()
		b.outcome = outcome
		x := serve(t, b, admin.Settings{})
		got := x.ask("POST", "/api/reload", `{"dry_run":true}`, "Content-Type", "application/json")
		if got.status != status || got.json(t)["outcome"] != string(outcome) {
			t.Errorf("%s: got %d %s", outcome, got.status, got.body)
		}
		for _, bad := range []string{`{"dry":true}`, `[`, `"` + strings.Repeat("x", 1<<17) + `"`} {
			if got := x.ask("POST", "/api/reload", bad, "Content-Type", "application/json"); got.status != 400 {
				t.Errorf("%.20s: got %d, want 400", bad, got.status)
			}
		}
		if len(b.reloads) != 1 || !b.reloads[0].DryRun {
			t.Errorf("reloads: got %v", b.reloads)
		}
		b.err = errors.New("the fleet is stopping")
		if got := x.ask("POST", "/api/reload", "", "Content-Type", "application/json"); got.status != 503 || !strings.Contains(got.body, "stopping") {
			t.Errorf("while it stops: got %d %s", got.status, got.body)
		}
	}
}

func TestTheDashboardIsCompleteWithoutScripts(t *testing.T) {
	b := sample()
	b.change(func(s *control.Status) {
		s.Fleet.ConfigState = control.ConfigRejected
		s.Fleet.ConfigError = &control.Fault{File: "sockd.toml", Line: 41, Col: 1, Message: "unknown key <b>prot</b>"}
		s.Instances[2].Note = `<script>alert(1)</script>`
	})
	x := serve(t, b, admin.Settings{})
	got := x.get("/")
	for _, want := range []string{
		"127.0.0.1:3001", "128", "910", "python 3.12.4", "sockd.toml:41:1: unknown key &lt;b&gt;prot", "degraded", "disabled", "/metrics", "rev 14",
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if strings.Contains(got.body, "<script>alert") || strings.Contains(got.body, "style=") {
		t.Error("foreign markup, or an inline style that the policy forbids")
	}
	live := x.get("/?live").body
	if !strings.HasPrefix(strings.TrimSpace(live), `<div id="live">`) || strings.Contains(live, "<style") || !strings.Contains(live, "127.0.0.1:3001") {
		t.Errorf("the part that changes: got %s", live)
	}
	policy := got.header.Get("Content-Security-Policy")
	nonce := regexp.MustCompile(`script-src 'nonce-([A-Z0-9]+)'`).FindStringSubmatch(policy)
	if nonce == nil || !strings.Contains(got.body, `<script nonce="`+nonce[1]+`"`) || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy %q does not fit the page", policy)
	}
	if again := x.get("/").header.Get("Content-Security-Policy"); again == policy {
		t.Error("the nonce was used twice")
	}
	for _, outside := range regexp.MustCompile(`(?:src|href|action)="([^"]*)"`).FindAllStringSubmatch(got.body, -1) {
		if to := outside[1]; !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "http://127.0.0.1:") && to != "data:," {
			t.Errorf("the page leads to %q", to)
		}
	}
	if strings.Index(got.body, "unknown key") > strings.Index(got.body, "<table") {
		t.Error("the fault of the file is not on top")
	}
}

func TestEveryAnswerIsOfOneSnapshot(t *testing.T) {
	b := sample()
	x := serve(t, b, admin.Settings{})
	for _, path := range []string{"/", "/readyz", "/metrics", "/api/status", "/api/instances/api"} {
		before := b.asked
		x.get(path)
		if n := b.asked - before; n != 1 {
			t.Errorf("%s: asked %d times, want 1", path, n)
		}
	}
}
