package instance

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"sync"

	"github.com/sockd/sockd/instance/static"
	"github.com/sockd/sockd/instance/transport"
)

// page serves a file from the work pool, where it may wait for the disk.
func (h *handler) page(w http.ResponseWriter, r *http.Request, site *static.Site) {
	if (*Instance)(h).crowded() {
		h.counts.refuse(backlogged)
		w.Header().Set("Retry-After", "1")
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": "too many slow readers"})
		return
	}
	k := &sink{}
	stream, err := h.http.Stream(w, r, k.left)
	if err != nil {
		return // the client has left
	}
	k.stream = stream
	r = r.Clone(context.Background())
	if h.work.Do(int(maphash.String(h.seed, r.RemoteAddr)>>1), func() { site.Serve(k, r) }) != nil {
		h.counts.refuse(overWork)
		_ = k.Send(http.StatusServiceUnavailable, http.Header{"Retry-After": {"1"}}, nil)
	}
}

// sink takes the answer to one request for a file. It implements [static.Sink] and [static.Stream].
type sink struct {
	stream *transport.Stream

	mu      sync.Mutex
	gone    bool
	waiting func() // what Drained is to call
}

// Send implements [static.Sink].
func (k *sink) Send(status int, h http.Header, body []byte) error {
	if h.Get("Content-Length") == "" {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	err := k.stream.Start(status, h)
	if err == nil && len(body) > 0 {
		err = k.stream.Write(body)
	}
	return errors.Join(err, k.stream.Close())
}

// Stream implements [static.Sink].
func (k *sink) Stream(status int, h http.Header) (static.Stream, error) {
	return k, k.stream.Start(status, h)
}

// Write implements [static.Stream].
func (k *sink) Write(p []byte) error { return k.stream.Write(p) }

// Close implements [static.Stream].
func (k *sink) Close() error { return k.stream.Close() }

// Drained implements [static.Stream].
func (k *sink) Drained(f func()) {
	k.mu.Lock()
	gone := k.gone
	if !gone {
		k.waiting = f
	}
	k.mu.Unlock()
	if gone {
		f()
		return
	}
	k.stream.Drained(k.drained)
}

func (k *sink) drained() {
	k.mu.Lock()
	f := k.waiting
	k.waiting = nil
	k.mu.Unlock()
	if f != nil {
		f()
	}
}

// left is called when the client has gone.
func (k *sink) left(error) {
	k.mu.Lock()
	k.gone = true
	k.mu.Unlock()
	k.drained()
}

// site makes the files of s, or takes those of old if nothing has changed. A folder that is not there is left out: it may come, but with the next edit
// only.
func (in *Instance) site(s, old *settings) error {
	c := s.c.Static
	if c == nil {
		return nil
	}
	if old != nil && old.site != nil && reflect.DeepEqual(old.c.Static, c) && len(s.missing) == 0 && len(old.missing) == 0 {
		s.site = old.site
		return nil
	}
	o := static.Options{Index: c.Index, Go: func(part func()) error { return in.work.Do(int(in.turn.Add(1)), part) }}
	if c.Dir != "" && !slices.Contains(s.missing, c.Dir) {
		o.Dir = c.Dir
	}
	for _, r := range c.Rewrite {
		o.Rewrite = append(o.Rewrite, static.Rewrite{From: r.From, To: r.To})
	}
	for _, m := range c.Mounts {
		if !slices.Contains(s.missing, m.Dir) {
			o.Mounts = append(o.Mounts, static.Mount{At: m.At, Dir: m.Dir, Immutable: m.Immutable})
		}
	}
	var err error
	if s.site, err = static.New(o); err != nil {
		return fmt.Errorf("static: %w", err)
	}
	return nil
}
