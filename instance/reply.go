package instance

import (
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"net/http"

	"github.com/sockd/sockd/instance/rule"
)

// reply gives the answer that the file has for a path. One that is made by a program is made on the work pool.
func (h *handler) reply(w http.ResponseWriter, r *http.Request, s *settings) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		answer(w, http.StatusMethodNotAllowed, map[string]string{"error": "method not allowed"})
		return
	}
	in, of := (*Instance)(h), s.replies[r.URL.Path]
	if !of.Slow() {
		status, header, body := in.render(of, r)
		put(w, status, header, body)
		return
	}
	h.later(w, r, func(r *http.Request) (int, http.Header, []byte) { return in.render(of, r) })
}

// later answers a request from the work pool. Requests of one connection keep their order, as it has one at a time.
func (h *handler) later(w http.ResponseWriter, r *http.Request, make func(*http.Request) (int, http.Header, []byte)) {
	reply, err := h.http.Park(w, r, func(error) {})
	if err != nil {
		return // the client has left
	}
	r = r.Clone(context.Background())
	err = h.work.Do(int(maphash.String(h.seed, r.RemoteAddr)>>1), func() {
		status, header, body := make(r)
		_ = reply(status, header, body) // or the client has left
	})
	if err != nil {
		h.counts.refuse(overWork)
		_ = reply(http.StatusServiceUnavailable, http.Header{"Retry-After": {"1"}}, nil)
	}
}

var jsonHeader = http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}}

func (in *Instance) render(of *rule.Reply, r *http.Request) (int, http.Header, []byte) {
	body, err := of.Render(r.URL.Path, r.URL.Query(), r.Header, (*facts)(in))
	if err == nil {
		return http.StatusOK, jsonHeader, body
	}
	in.env.Log.Debug("answer not made", "reason", r.URL.Path, "err", err)
	status := http.StatusInternalServerError
	if errors.Is(err, rule.ErrTimeout) {
		status = http.StatusServiceUnavailable
	}
	body, _ = json.Marshal(map[string]string{"error": "the answer could not be made"}) // why is in the log: it may tell of what a client must not see
	return status, jsonHeader, body
}

func put(w http.ResponseWriter, status int, header http.Header, body []byte) {
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
