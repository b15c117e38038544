package enginetest

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/sockd/sockd/instance/engineio"
)

// Host serves requests in memory. It implements [engineio.Host].
type Host struct {
	mu      sync.Mutex
	handler http.Handler
	faults  []error
	window  int
	open    int // parked requests and websockets
}

var _ engineio.Turner = (*Host)(nil)

// NewHost returns a host that serves nothing yet.
func NewHost() *Host { return &Host{handler: http.NotFoundHandler()} }

// Serve sets the handler of all requests, usually an [*engineio.Server]. Its Limit, if it has one, is asked for each request.
func (h *Host) Serve(handler http.Handler) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handler = handler
}

// Deflate makes websockets whose clients offer permessage-deflate an [engineio.Deflater] with a window of 1<<bits bytes; 0 ends
// that for new ones. What clients offer in detail is not looked at.
func (h *Host) Deflate(bits int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.window = bits
}

// deflate returns the window for a client that offers extensions; 0 = none.
func (h *Host) deflate(offer string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !strings.Contains(offer, "permessage-deflate") {
		return 0
	}
	return h.window
}

// Err returns what was wrong with the bytes that the server wrote, or nil.
func (h *Host) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(h.faults...)
}

// Open returns the number of parked requests and of websockets.
func (h *Host) Open() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open
}

func (h *Host) add(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open += n
}

func (h *Host) fault(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, err)
}

// serve runs the handler on the caller's goroutine. Afterwards e is answered, parked or upgraded.
func (h *Host) serve(e *Exchange, r *http.Request) {
	h.mu.Lock()
	handler := h.handler
	h.mu.Unlock()
	if l, ok := handler.(interface{ Limit(*http.Request) int64 }); ok && r.ContentLength > l.Limit(r) {
		e.WriteHeader(http.StatusRequestEntityTooLarge)
	} else {
		handler.ServeHTTP(e, r)
	}
	e.returned()
}

var errNotOurs = errors.New("enginetest: the ResponseWriter is not the host's")

// Park implements [engineio.Host].
func (h *Host) Park(w http.ResponseWriter, _ *http.Request, gone func(error)) (engineio.Reply, error) {
	e, ok := w.(*Exchange)
	if !ok {
		return nil, errNotOurs
	}
	return e.park(gone)
}

// Turn implements [engineio.Turner]: each call gets a goroutine of its own.
func (h *Host) Turn(w http.ResponseWriter) (next func(f func()), err error) {
	if _, ok := w.(*Exchange); !ok {
		return nil, errNotOurs
	}
	return func(f func()) { go f() }, nil
}

// Upgrade implements [engineio.Host].
func (h *Host) Upgrade(w http.ResponseWriter, r *http.Request, frame func(bool, []byte), gone func(error)) (engineio.Conn, error) {
	e, ok := w.(*Exchange)
	if !ok {
		return nil, errNotOurs
	}
	key := r.Header.Get("Sec-WebSocket-Key")
	if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 || r.Method != http.MethodGet ||
		!strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || r.Header.Get("Sec-WebSocket-Version") != "13" {
		http.Error(w, "bad handshake", http.StatusBadRequest)
		return nil, errors.New("enginetest: bad websocket handshake")
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	w.Header().Set("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	window := h.deflate(r.Header.Get("Sec-WebSocket-Extensions"))
	if window > 0 {
		w.Header().Set("Sec-WebSocket-Extensions", "permessage-deflate; server_no_context_takeover; client_no_context_takeover")
	}
	w.WriteHeader(http.StatusSwitchingProtocols)
	h.add(1)
	e.conn = &Conn{host: h, window: window, frame: frame, gone: gone, ready: make(chan struct{}, 1), patience: e.patience}
	return (*writer)(e.conn), nil
}
