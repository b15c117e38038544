package instance

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/sockd/sockd/config"
)

// origins are the web pages that may talk to an instance. Unlike Node's server, which only leaves out the CORS header, sockd refuses a
// request whose Origin is not allowed: a WebSocket is not protected by CORS, so any page that the user visits could otherwise drive an
// instance on the user's own machine.
type origins struct {
	any         bool
	patterns    []originPattern
	credentials bool
}

type originPattern struct{ scheme, host, port string } // host and port may hold *

func compileOrigins(c config.CORS) (origins, error) {
	o := origins{credentials: c.Credentials, any: slices.Contains(c.Origins, "*")}
	for _, p := range c.Origins {
		if p == "*" {
			continue
		}
		op, ok := parseOrigin(p)
		if !ok {
			return origins{}, fmt.Errorf("cors.origins: %q is not an origin, write scheme://host or scheme://host:port", p)
		}
		o.patterns = append(o.patterns, op)
	}
	return o, nil
}

// parseOrigin splits a serialized origin (RFC 6454 §6.2) or a pattern of one. The port is "" when the scheme's own is meant.
func parseOrigin(s string) (originPattern, bool) {
	scheme, rest, ok := strings.Cut(strings.ToLower(s), "://")
	if !ok || scheme == "" || rest == "" || strings.ContainsAny(rest, "/?#@ ") {
		return originPattern{}, false
	}
	host, port := rest, ""
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		host, port = rest[:i], rest[i+1:]
		if port == "" {
			return originPattern{}, false
		}
	}
	if host == "" {
		return originPattern{}, false
	}
	if port == map[string]string{"http": "80", "https": "443"}[scheme] {
		port = ""
	}
	return originPattern{scheme, host, port}, true
}

// allowed tells whether a request with this Origin header may be served. A page that the instance itself serves always may.
func (o *origins) allowed(origin, host string) bool {
	if o.any {
		return true
	}
	got, ok := parseOrigin(origin)
	if !ok || strings.Contains(origin, "*") {
		return false
	}
	if u, err := url.Parse(got.scheme + "://" + host); err == nil && strings.EqualFold(u.Host, authority(got)) {
		return true
	}
	return slices.ContainsFunc(o.patterns, func(p originPattern) bool {
		return p.scheme == got.scheme && config.Match(p.host, got.host) && (p.port == "*" || p.port == got.port)
	})
}

func authority(o originPattern) string {
	if o.port == "" {
		return o.host
	}
	return o.host + ":" + o.port
}

// headers sets what a browser asks of a cross-origin answer, as the npm package cors does.
func (o *origins) headers(h http.Header, r *http.Request) {
	origin := r.Header.Get("Origin")
	switch {
	case o.any:
		h.Set("Access-Control-Allow-Origin", "*")
	case origin != "":
		h.Set("Access-Control-Allow-Origin", origin)
		fallthrough
	default: // the answer would be another with an Origin, so a cache has to know
		h.Add("Vary", "Origin")
	}
	if o.credentials && !o.any {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}

// some tells whether any page of another origin may ask. If not, OPTIONS is a method like any other, as without the option cors there.
func (o *origins) some() bool { return o.any || len(o.patterns) > 0 }

// preflight answers a browser's question before a request of another origin. The origin was found to be allowed, so a page of a public
// network may reach this private one, which the browser asks about too: https://wicg.github.io/private-network-access/
func (o *origins) preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" && r.Header.Get("Origin") != "" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	h.Set("Content-Length", "0")
	h.Set("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
		h.Add("Vary", "Access-Control-Request-Headers")
	}
	w.WriteHeader(http.StatusNoContent)
}

// hosts are the Host names under which a loopback instance answers. A name that an attacker's DNS server points to 127.0.0.1 is not one of
// them, so a page of that name cannot reach the instance as its own origin (DNS rebinding).
type hosts struct {
	any   bool
	names []string
}

func compileHosts(c *config.Instance) hosts {
	addr, err := netip.ParseAddr(c.Host)
	loopback := c.Host == "localhost" || err == nil && addr.IsLoopback()
	h := hosts{any: !loopback || slices.Contains(c.Hosts, "*")}
	for _, n := range c.Hosts {
		h.names = append(h.names, strings.ToLower(n))
	}
	return h
}

// allowed takes the Host header as it came, with or without a port.
func (h *hosts) allowed(host string) bool {
	if h.any || host == "" { // only HTTP/1.0 has no Host, which no browser speaks
		return true
	}
	name := host
	if n, _, err := net.SplitHostPort(host); err == nil {
		name = n
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if addr, err := netip.ParseAddr(name); err == nil && addr.Unmap().IsLoopback() {
		return true
	}
	return slices.ContainsFunc(h.names, func(p string) bool { return config.Match(p, name) })
}
