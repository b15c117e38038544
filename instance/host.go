package instance

import (
	"errors"
	"net/http"
	"sync"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/ingest"
	"github.com/sockd/sockd/instance/transport"
)

// host gives the package ingest what its requests need of the transport.
type host Instance

var _ ingest.Host = (*host)(nil)

// Park implements [ingest.Host].
func (h *host) Park(w http.ResponseWriter, r *http.Request, gone func(error)) (func(int, http.Header, []byte) error, error) {
	return h.http.Park(w, r, gone)
}

// Stream implements [ingest.Host].
func (h *host) Stream(w http.ResponseWriter, r *http.Request, gone func(error)) (ingest.Stream, error) {
	s, err := h.http.Stream(w, r, gone)
	if err != nil {
		return nil, err
	}
	if err := s.Start(http.StatusOK, nil); err != nil {
		return nil, err
	}
	return &watcher{stream: s, in: (*Instance)(h)}, nil
}

// maxWatched is how many bytes may wait for one who watches: what is kept, and what happens while that is read.
const maxWatched = 16 << 20

// watcher is a stream of events. What the transport does not take is kept here until it does.
type watcher struct {
	stream *transport.Stream
	in     *Instance

	mu   sync.Mutex
	rest []byte
}

// Write implements [ingest.Stream]. It is slow who lets more than maxWatched wait, or anything while too much waits for slow readers altogether.
func (w *watcher) Write(p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) == 0 {
		err := w.stream.Write(p)
		if !errors.Is(err, engineio.ErrSlow) {
			return err
		}
	}
	if len(w.rest)+len(p) > maxWatched || w.in.crowded() {
		return ingest.ErrSlow
	}
	if len(w.rest) == 0 {
		w.stream.Drained(w.drained)
	}
	w.rest = append(w.rest, p...)
	return nil
}

// part is how much of what waits is given to the transport at once.
const part = 128 << 10

// drained goes on with what waits. It runs on the connection's poller.
func (w *watcher) drained() {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.rest), part)
	if w.stream.Write(w.rest[:n]) != nil {
		w.rest = nil // the reader has left, which the stream's gone tells
		return
	}
	if w.rest = w.rest[n:]; len(w.rest) == 0 {
		w.rest = nil
		return
	}
	w.stream.Drained(w.drained)
}

// Close implements [ingest.Stream].
func (w *watcher) Close() error { return w.stream.Close() }
