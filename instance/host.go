package instance

import (
	"errors"
	"net/http"

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
	return watcher{s}, nil
}

// watcher is a stream of events.
type watcher struct{ *transport.Stream }

// Write implements [ingest.Stream].
func (w watcher) Write(p []byte) error {
	err := w.Stream.Write(p)
	if errors.Is(err, engineio.ErrSlow) {
		return ingest.ErrSlow
	}
	return err
}
