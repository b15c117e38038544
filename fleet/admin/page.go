package admin

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"net"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sockd/sockd/fleet/control"
)

//go:embed page.html
var pageText string

// The templates are read when a page is made, of which there are few: a package has no state of its own.
func pageTemplate() *template.Template { return template.Must(template.New("page").Parse(pageText)) }

// page is what the dashboard shows, already as text where that is not obvious.
type page struct {
	Nonce      string
	Title      string
	Login      bool   // only the form
	Wrong      string // with the form of a login
	Fleet      control.FleetStatus
	Up         string
	Applied    string // how long ago
	Judged     string // how long ago the fault of the file was found
	Tally      string
	Ready      readiness
	Notes      []string
	Tiles      []tile
	Rows       []row
	HasProfile bool
}

type tile struct{ Label, Value string }

// row is one instance.
type row struct {
	control.InstanceStatus
	Tone    string // good, warn, bad or idle
	Link    string // where its server is, "" while it does not serve
	Serving bool
	People  string // clients
	In, Out string
	Retry   string
	Drops   string
	Up      string
	// Runtime is what the worker runs in, as in python3.12.
	Runtime string
	Why     string // the notes of both
}

// dashboard answers with the page, or with ?live with the part of it that changes.
func (s *Server) dashboard(w http.ResponseWriter, r *http.Request) {
	m := s.o.Backend.Metrics()
	p := pageOf(m, time.Now())
	if note := s.Note(); note != "" {
		p.Notes = append(p.Notes, note)
	}
	p.HasProfile = s.settings.Load().Token != ""
	name := "page"
	if r.URL.Query().Has("live") {
		name = "live"
	}
	writePage(w, http.StatusOK, name, p)
}

func writeLogin(w http.ResponseWriter, wrong string) {
	writePage(w, http.StatusUnauthorized, "page", page{Title: "sockd", Login: true, Wrong: wrong})
}

// writePage renders the template of that name under a policy that runs nothing but the page's own script and asks nobody but its own server.
func writePage(w http.ResponseWriter, status int, name string, p page) {
	p.Nonce = rand.Text()
	var b bytes.Buffer
	if err := pageTemplate().ExecuteTemplate(&b, name, p); err != nil {
		refuse(w, http.StatusInternalServerError, "the page cannot be made")
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src data:; script-src 'nonce-"+p.Nonce+"'; style-src 'nonce-"+p.Nonce+
		"'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes()) // fails only when the operator has gone
}

// pageOf makes the page of one snapshot.
func pageOf(m control.Metrics, now time.Time) page {
	f := m.Status.Fleet
	p := page{
		Title: strings.TrimSpace(f.Name + " · sockd"), Fleet: f, Up: age(f.UptimeS), Ready: readyOf(m.Status),
		Applied: since(f.AppliedAt, now), Judged: since(f.JudgedAt, now),
	}
	if len(f.Pending) > 0 {
		p.Notes = append(p.Notes, strings.Join(f.Pending, ", ")+" waits for the next start of the daemon")
	}
	var clients, retry, in, out float64
	states := make(map[string]int)
	for i, x := range m.Status.Instances {
		r := rowOf(x)
		if i < len(m.Instances) {
			r.Drops = figure(sum(m.Instances[i].Dropped))
		}
		p.Rows = append(p.Rows, r)
		states[x.State]++
		if r.Serving {
			clients, retry, in, out = clients+float64(x.Clients), retry+float64(x.RetryQueue), in+x.RateIn, out+x.RateOut
		}
	}
	p.Tally = tally(states)
	p.Tiles = []tile{{"clients", figure(clients)}, {"events in / s", figure(in)}, {"events out / s", figure(out)}, {"waiting for acks", figure(retry)}}
	return p
}

func sum(counters map[string]uint64) (all float64) {
	for _, n := range counters {
		all += float64(n)
	}
	return all
}

func rowOf(x control.InstanceStatus) row {
	r := row{InstanceStatus: x, Tone: tone(x.State), Why: x.Note}
	r.Serving = slices.Contains([]string{"ready", "degraded", "draining"}, x.State)
	if r.Serving {
		r.People = figure(float64(x.Clients))
		r.Link = linkTo(x.Address)
		r.In, r.Out, r.Up, r.Retry = figure(x.RateIn), figure(x.RateOut), age(x.UptimeS), figure(float64(x.RetryQueue))
	}
	if wk := x.Worker; wk != nil {
		if wk.Interpreter != "" {
			r.Runtime = path.Base(wk.Interpreter)
		}
		r.Runtime = strings.TrimSpace(r.Runtime + " " + wk.Version)
		if wk.Note != "" && wk.Note != x.Note {
			r.Why = strings.TrimSpace(x.Note + " " + wk.Note)
		}
	}
	return r
}

// linkTo leads to an instance from this machine; one that listens everywhere is found on localhost too.
func linkTo(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip, bad := netip.ParseAddr(host); err == nil && bad == nil && ip.IsUnspecified() {
		return "http://localhost:" + port + "/"
	}
	return "http://" + address + "/"
}

func tone(state string) string {
	switch state {
	case "ready":
		return "good"
	case "failed":
		return "bad"
	case "disabled", "stopped":
		return "idle"
	}
	return "warn"
}

// tally is "5 ready, 1 backoff".
func tally(n map[string]int) string {
	var parts []string
	for _, s := range []string{"ready", "degraded", "starting", "bound", "backoff", "failed", "draining", "stopped", "disabled"} {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s], s))
		}
	}
	if len(parts) == 0 {
		return "no instances"
	}
	return strings.Join(parts, ", ")
}

func since(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return age(now.Sub(t).Seconds()) + " ago"
}

// age writes seconds in one or two units.
func age(seconds float64) string {
	s := int64(max(seconds, 0))
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm %ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh %dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd %dh", s/86400, s/3600%24)
}

// figure writes a number with thin spaces between thousands, and one decimal while it is small.
func figure(v float64) string {
	if v > 0 && v < 10 && v != math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	text := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u2009" + text[i:]
	}
	return text
}
