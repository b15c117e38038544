package ingest

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// Handler serves one path. Make one with [New]; its [Handler.Run] must run too.
type Handler struct {
	settings atomic.Pointer[settings]
	host     Host
	publish  Publish
	feed     Feed
	turns    atomic.Uint64 // keys for Options.Work
	bucket   bucket
	ledger   ledger
	watchers watchers
	clock    clock
	counters counters
	bodies   sync.Pool // of *[]byte, for bodies up to inlineBody
}

var errIncomplete = errors.New("ingest: host, publish and feed are required")

// New returns a handler that publishes with p and reads from f.
func New(o Options, host Host, p Publish, f Feed) (*Handler, error) {
	if host == nil || p == nil || f == nil {
		return nil, errIncomplete
	}
	h := &Handler{host: host, publish: p, feed: f}
	h.bodies.New = func() any { b := make([]byte, inlineBody); return &b }
	h.clock.wake = make(chan struct{}, 1)
	h.Configure(o)
	return h, nil
}

// Configure replaces the options for the requests to come. Those under way and watchers keep theirs.
func (h *Handler) Configure(o Options) { h.settings.Store(o.settings()) }

// Limit is how long the body of a request may be. Whatever the shape of a body, it is the same.
func (h *Handler) Limit(r *http.Request) int64 {
	if r.Method != http.MethodPost {
		return 0
	}
	return h.settings.Load().MaxBody
}

// ServeHTTP runs on a poller and does not block.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := h.settings.Load()
	switch {
	case r.Method == http.MethodPost:
		h.post(s, w, r)
	case r.Method != http.MethodGet:
		h.refuse(w, newFault(wrongMethod, "POST events, or GET them"))
	case accepts(r.Header.Values("Accept"), "text/event-stream"):
		h.watch(s, w, r)
	case r.URL.Query().Has("since"):
		h.list(s, w, r)
	default:
		h.refuse(w, newFault(notAcceptable, "GET "+s.Path+" needs Accept: text/event-stream, or ?since=ID"))
	}
}

func (h *Handler) refuse(w http.ResponseWriter, f *fault) {
	h.counters.count(f.what)
	f.answer(-1).write(w)
}

// accepts tells whether a media type is named in Accept, with a weight that is not zero.
func accepts(values []string, kind string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			name, params, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(name), kind) {
				weight := strings.ReplaceAll(params, " ", "")
				return strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "" || !strings.HasPrefix(weight, "q=")
			}
		}
	}
	return false
}
