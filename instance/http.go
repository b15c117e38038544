package instance

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/sockd/sockd/instance/static"
	"github.com/sockd/sockd/instance/transport"
)

// handler is the instance as its connections see it.
type handler Instance

var (
	_ transport.Uploads = (*handler)(nil)
	_ transport.Streams = (*handler)(nil)
	_ transport.Refusal = (*handler)(nil)
)

// Limit is asked when a request's header has arrived: how long its body may be.
func (h *handler) Limit(r *http.Request) int64 {
	switch s := h.settings.Load(); {
	case strings.HasPrefix(r.URL.Path, s.path):
		return h.engine.Limit(r)
	case s.posts(r):
		return h.posts.Limit(r)
	}
	return strayBody
}

// strayBody is how long a body may be that nobody reads: who posts to the wrong path is to be told so.
const strayBody = 64 << 10

// Stream is asked whether a body is to be taken as it arrives.
func (h *handler) Stream(r *http.Request, _ func(bool)) (take func([]byte, bool) error, gone func(error)) {
	s := h.settings.Load()
	if !s.posts(r) || !s.admits(r) {
		return nil, nil
	}
	return h.posts.Lines(r), nil
}

// Decorate puts the headers of every answer on those that the transport gives by itself.
func (h *handler) Decorate(header http.Header, r *http.Request) {
	if s := h.settings.Load(); s.admits(r) {
		s.origins.headers(header, r)
	}
}

// admits tells whether a request comes by a name and from a page that are allowed.
func (s *settings) admits(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return s.hosts.allowed(r.Host) && len(r.Header["Origin"]) <= 1 && (origin == "" || s.origins.allowed(origin, r.Host))
}

// posts tells whether a request is for the path of the ingest.
func (s *settings) posts(r *http.Request) bool {
	return s.c.Ingest != nil && r.URL.Path == s.c.Ingest.Path
}

// Receiving is asked when a body does not come in one piece: what to call if its client leaves.
func (h *handler) Receiving(r *http.Request) (gone func(error)) {
	if strings.HasPrefix(r.URL.Path, h.settings.Load().path) {
		return h.engine.Receiving(r)
	}
	return nil
}

// ServeHTTP runs on a poller goroutine and does not block.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := h.settings.Load()
	origin := r.Header.Get("Origin")
	switch {
	case !s.hosts.allowed(r.Host):
		h.counts.refuse(badHost)
		h.forbid(w, r, "host not allowed", r.Host)
		return
	case len(r.Header["Origin"]) > 1 || origin != "" && !s.origins.allowed(origin, r.Host):
		h.counts.refuse(badOrigin)
		h.forbid(w, r, "origin not allowed", origin)
		return
	}
	s.origins.headers(w.Header(), r)
	if r.Method == http.MethodOptions && s.origins.some() {
		s.origins.preflight(w, r)
		return
	}
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, s.path):
		if f := s.client.File(path[len(s.path):]); f != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			h.file(w, r, f)
			return
		}
		h.engine.ServeHTTP(w, r)
	case path == "/healthz":
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	case path == "/readyz":
		h.readyz(w)
	case s.posts(r):
		h.posts.ServeHTTP(w, r)
	case s.replies[path] != nil:
		h.reply(w, r, s)
	case s.site != nil && s.site.Match(path):
		h.page(w, r, s.site)
	default:
		answer(w, http.StatusNotFound, map[string]string{"error": "not found"})
	}
}

// file serves a file of the browser's client, unless so much waits for slow readers already that one more could cost memory which others need. Each
// connection has its own bound, but there may be many.
func (h *handler) file(w http.ResponseWriter, r *http.Request, f *static.File) {
	if (*Instance)(h).crowded() {
		h.counts.refuse(backlogged)
		w.Header().Set("Retry-After", "1")
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": "too many slow readers"})
		return
	}
	f.ServeHTTP(w, r)
}

// forbid refuses with the body that Node's server has for it.
func (h *handler) forbid(w http.ResponseWriter, r *http.Request, why, what string) {
	h.env.Log.Debug("request refused", "reason", why, "err", what, "remote", r.RemoteAddr)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write([]byte(`{"code":4,"message":"Forbidden"}`))
}

// readyz says whether the instance serves; a degraded one does, and says what is wrong.
func (h *handler) readyz(w http.ResponseWriter) {
	state, _, note := (*Instance)(h).condition()
	status := http.StatusServiceUnavailable
	if state == Ready || state == Degraded {
		status = http.StatusOK
	}
	body := map[string]string{"state": string(state)}
	if note != "" {
		body["reason"] = note
	}
	answer(w, status, body)
}

func answer(w http.ResponseWriter, status int, v any) {
	body, _ := json.Marshal(v) // maps of strings always marshal
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
