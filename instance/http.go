package instance

import (
	"encoding/json"
	"net/http"
	"strings"
)

// handler is the instance as its connections see it.
type handler Instance

// Limit is asked when a request's header has arrived: how long its body may be.
func (h *handler) Limit(r *http.Request) int64 {
	if strings.HasPrefix(r.URL.Path, h.settings.Load().path) {
		return h.engine.Limit(r)
	}
	return 0
}

// ServeHTTP runs on a poller goroutine and does not block.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := h.settings.Load()
	origin := r.Header.Get("Origin")
	switch {
	case !s.hosts.allowed(r.Host):
		h.forbid(w, r, "host not allowed", r.Host)
		return
	case origin != "" && !s.origins.allowed(origin, r.Host):
		h.forbid(w, r, "origin not allowed", origin)
		return
	}
	s.origins.headers(w.Header(), r)
	if isPreflight(r) {
		s.origins.preflight(w, r)
		return
	}
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, s.path):
		h.engine.ServeHTTP(w, r)
	case path == "/healthz":
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	case path == "/readyz":
		h.readyz(w)
	default:
		answer(w, http.StatusNotFound, map[string]string{"error": "not found"})
	}
}

// forbid refuses with the body that Node's server has for it.
func (h *handler) forbid(w http.ResponseWriter, r *http.Request, why, what string) {
	h.env.Log.Debug(why, "reason", what, "remote", r.RemoteAddr)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write([]byte(`{"code":4,"message":"Forbidden"}`))
}

// readyz says whether the instance serves; a degraded one does, and says what is wrong.
func (h *handler) readyz(w http.ResponseWriter) {
	st := (*Instance)(h).Status()
	status := http.StatusServiceUnavailable
	if st.State == Ready || st.State == Degraded {
		status = http.StatusOK
	}
	body := map[string]string{"state": string(st.State)}
	if st.Note != "" {
		body["reason"] = st.Note
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
