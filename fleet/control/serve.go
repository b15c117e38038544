package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Limits of the server. A reload may take as long as the slowest start, so an answer has no deadline.
const (
	headTime     = 5 * time.Second
	bodyTime     = 10 * time.Second
	idleTime     = time.Minute
	shutdownTime = 2 * time.Second
	maxRequest   = 64 << 10
)

// Serve answers operators on ln until ctx ends, then lets the requests under way finish for two seconds at most. It closes
// ln. A nil error means that it ended because of ctx.
func Serve(ctx context.Context, ln net.Listener, b Backend) error {
	srv := &http.Server{
		Handler:           handler(b),
		ReadHeaderTimeout: headTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxRequest,
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the control socket: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if srv.Shutdown(grace) != nil {
		srv.Close() // cuts off what is still under way
	}
	<-served
	return nil
}

func handler(b Backend) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/status", endpoint(func(w http.ResponseWriter, _ *http.Request) error {
		return writeJSON(w, http.StatusOK, wrap(b.Status()))
	}))
	mux.Handle("POST /v1/reload", endpoint(func(w http.ResponseWriter, r *http.Request) error {
		var o ReloadOptions
		if err := readJSON(w, r, &o); err != nil {
			return err
		}
		report, err := b.Reload(r.Context(), o)
		if err != nil {
			return &httpError{status: http.StatusServiceUnavailable, message: err.Error()}
		}
		return writeJSON(w, http.StatusOK, report)
	}))
	routeOrders(mux, b)
	routeTraffic(mux, b)
	mux.Handle("/", endpoint(func(_ http.ResponseWriter, r *http.Request) error {
		return &httpError{status: http.StatusNotFound, message: "no such request: " + r.Method + " " + r.URL.Path}
	}))
	return mux
}

// httpError is an error that knows its status and is meant to be read by the operator.
type httpError struct {
	status  int
	message string
	code    string // empty unless a client tells it apart
}

func (e *httpError) Error() string { return e.message }

// endpoint is a handler that returns its error. Here, and only here, errors are written.
type endpoint func(http.ResponseWriter, *http.Request) error

func (f endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(versionHeader, strconv.Itoa(protocolVersion))
	err := checkVersion(r)
	if err == nil {
		err = f(w, r)
	}
	if err == nil {
		return
	}
	status, known := http.StatusInternalServerError, (*httpError)(nil)
	var body errorBody
	body.Error.Message = err.Error()
	if errors.As(err, &known) {
		status, body.Error.Code = known.status, known.code
	}
	writeJSON(w, status, body) // fails only when the operator has gone
}

func checkVersion(r *http.Request) error {
	v := r.Header.Get(versionHeader)
	if v == "" {
		return nil // curl
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return &httpError{status: http.StatusBadRequest, message: "header " + versionHeader + ": not a version: " + strconv.Quote(v)}
	}
	if n > protocolVersion {
		return &httpError{status: http.StatusUpgradeRequired, message: olderDaemon(protocolVersion, n)}
	}
	return nil
}

// readJSON bounds the time of the body by hand: http.Server.ReadTimeout would also end the context of a reload that takes
// longer than that.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	return readUpTo(w, r, v, maxRequest)
}

func readUpTo(w http.ResponseWriter, r *http.Request, v any, limit int64) error {
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Now().Add(bodyTime))
	defer rc.SetReadDeadline(time.Time{})
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return &httpError{status: http.StatusBadRequest, message: "request body: " + err.Error()}
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(body, '\n')) // fails only when the operator has gone
	return nil
}
