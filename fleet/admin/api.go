package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/pprof"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sockd/sockd/fleet/control"
)

// routes are the pages, without a guard.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	on(mux, "GET", "/healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	on(mux, "GET", "/readyz", s.readyz)
	on(mux, "GET", "/metrics", promhttp.HandlerFor(registry(s.o.Backend), promhttp.HandlerOpts{MaxRequestsInFlight: 8}).ServeHTTP)
	on(mux, "GET", "/api/status", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.o.Backend.Metrics().Status)
	})
	on(mux, "GET", "/api/instances/{name}", s.instance)
	on(mux, "POST", "/api/reload", s.reload)
	on(mux, "GET", "/{$}", s.dashboard)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "no such page: "+r.URL.Path)
	})
	return mux
}

// on answers one method of a path, and tells of it when another is used. GET includes HEAD.
func on(mux *http.ServeMux, method, path string, h http.HandlerFunc) {
	mux.HandleFunc(method+" "+path, h)
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", method)
		refuse(w, http.StatusMethodNotAllowed, r.URL.Path+" takes "+method+" only")
	})
}

// details is one instance with its counters.
type details struct {
	control.InstanceStatus
	Refused map[string]uint64 `json:"refused"`
	Dropped map[string]uint64 `json:"dropped"`
	Ended   map[string]uint64 `json:"ended"`
}

func (s *Server) instance(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	m := s.o.Backend.Metrics()
	i := slices.IndexFunc(m.Status.Instances, func(in control.InstanceStatus) bool { return in.Name == name })
	if i < 0 {
		refuse(w, http.StatusNotFound, "no such instance: "+strconv.Quote(name))
		return
	}
	d := details{m.Status.Instances[i], map[string]uint64{}, map[string]uint64{}, map[string]uint64{}}
	if i < len(m.Instances) {
		in := m.Instances[i]
		for _, x := range []struct{ to, from *map[string]uint64 }{{&d.Refused, &in.Refused}, {&d.Dropped, &in.Dropped}, {&d.Ended, &in.Ended}} {
			if *x.from != nil {
				*x.to = *x.from
			}
		}
	}
	writeJSON(w, http.StatusOK, d)
}

// reload applies the file. A fault of the file is the client's in terms of HTTP, so that curl -f and its like see it; the body is the report
// in each case.
func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	deadline(w)
	var o control.ReloadOptions
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil && !errors.Is(err, io.EOF) {
		refuse(w, http.StatusBadRequest, "request body: "+err.Error())
		return
	}
	http.NewResponseController(w).SetReadDeadline(time.Time{})
	report, err := s.o.Backend.Reload(r.Context(), o)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	writeJSON(w, reloadStatus(report.Outcome), report)
}

func reloadStatus(o control.Outcome) int {
	switch o {
	case control.Rejected:
		return http.StatusUnprocessableEntity
	case control.RolledBack:
		return http.StatusInternalServerError
	case control.Held:
		return http.StatusConflict
	}
	return http.StatusOK
}

// deadline bounds the time of a body. http.Server.ReadTimeout would end the context of a reload that takes longer than that.
func deadline(w http.ResponseWriter) {
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]string{"message": message}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":{"message":"the answer cannot be written as JSON"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(body, '\n')) // fails only when the operator has gone
}
