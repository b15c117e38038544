package engineio

import (
	"context"
	"hash/maphash"
	"net/http"
	"sync/atomic"
	"time"
)

// Server keeps the sessions of one endpoint. It serves the requests that its owner routes to it, whatever their path.
type Server struct {
	accept   Accept
	host     Host
	settings atomic.Pointer[Options] // filled; replaced whole
	sessions table
	clock    clock
	live     atomic.Int64           // sessions that were let in and have not been forgotten
	polling  atomic.Int64           // those of them that use polling
	draining atomic.Pointer[Reason] // set once, by Drain
	idle     chan struct{}          // has a token when live has become 0
	counts   counts
}

// NewServer returns a server that calls accept for each new session. Its heartbeat is [Server.Run].
func NewServer(accept Accept, host Host, o Options) *Server {
	s := &Server{accept: accept, host: host, idle: make(chan struct{}, 1)}
	s.sessions.seed = maphash.MakeSeed()
	s.clock.epoch = time.Now()
	s.clock.wake = make(chan struct{}, 1)
	s.settings.Store(o.filled())
	return s
}

// Configure replaces the options for new sessions. MaxSockets, Queue and OnFull count for the existing ones too, at once.
func (s *Server) Configure(o Options) { s.settings.Store(o.filled()) }

// Limit returns how many bytes the body of a request may have: what its session was told, in bytes. A host answers 413 without
// a body to longer ones, and the session goes on.
func (s *Server) Limit(r *http.Request) int64 {
	if id := param(r.URL.RawQuery, "sid"); id != "" {
		if k := s.sessions.get(id); k != nil {
			return k.options.MaxPayload
		}
	}
	return s.settings.Load().MaxPayload
}

// Receiving is for hosts whose requests come in pieces: of a request with a body, when its header has come. What it returns, if
// not nil, is called if the client leaves before the body is whole, and instead of ServeHTTP; its session ends then, unless the
// error is an [http.MaxBytesError]. It must also be called, without an error, after the request was served: another handler may have refused
// it. r is changed in place: ServeHTTP must get it, or a copy with its context.
func (s *Server) Receiving(r *http.Request) (gone func(error)) {
	if r.Method != http.MethodPost {
		return nil
	}
	k := s.sessions.get(param(r.URL.RawQuery, "sid"))
	if k == nil {
		return nil
	}
	return k.arriving(r)
}

// Len returns the number of sessions, including those that linger until their client fetches the close packet.
func (s *Server) Len() int { return int(s.live.Load()) }

// ServeHTTP serves one request. It never blocks: a poll is parked with the [Host]. The body must be in memory already.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := request{upgrade: isUpgrade(r), sid: param(r.URL.RawQuery, "sid"), transport: param(r.URL.RawQuery, "transport")}
	q.options = s.settings.Load()
	if q.sid != "" {
		if q.socket = s.sessions.get(q.sid); q.socket != nil {
			q.socket.refresh()
			q.options = q.socket.options
		}
	}
	code, ok := q.verify(r)
	switch {
	case !ok:
		s.refuse(w, r, code)
	case q.socket == nil:
		s.handshake(w, r, &q)
	case q.upgrade:
		q.socket.upgrade(w, r)
	case r.Method == http.MethodGet:
		q.socket.poll(w, r)
	case r.Method == http.MethodPost:
		q.socket.post(w, r)
	default:
		w.WriteHeader(http.StatusInternalServerError) // as the reference server does
	}
}

// request is what a request says about itself.
type request struct {
	upgrade        bool
	sid, transport string
	options        *Options
	socket         *Socket // of sid; nil if there is none
}

// verify reports whether a request is in order, and if not the first fault of a request, in the order of the reference server.
func (q *request) verify(r *http.Request) (fault Code, ok bool) {
	eio4 := param(r.URL.RawQuery, "EIO") == "4"
	switch {
	case !q.options.enabled(q.transport):
		return UnknownTransport, false
	case !validOrigin(r.Header.Get("Origin")):
		return BadRequest, false
	case q.sid != "" && (q.socket == nil || !q.socket.answers(r.Method, q.upgrade)):
		return UnknownSession, false
	case q.socket != nil:
		fits := q.transport == websocket
		if !q.upgrade {
			fits = q.transport == q.socket.Transport()
		}
		return BadRequest, eio4 && fits
	case r.Method != http.MethodGet:
		return BadMethod, false
	case q.upgrade != (q.transport == websocket):
		return BadRequest, false
	case !eio4:
		return UnsupportedVersion, false
	}
	return 0, true
}

// validOrigin reports whether a header value could be sent back.
func validOrigin(v string) bool {
	for i := range len(v) {
		if c := v[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// Run sends the pings and ends what is overdue, until ctx ends; it returns the error of ctx. It needs one goroutine, the
// caller's, for any number of sessions.
func (s *Server) Run(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	batch := make([]*Socket, 0, 128)
	for ctx.Err() == nil {
		now := s.clock.now()
		late, next := s.clock.due(now, batch[:0])
		for i, k := range late {
			k.tick(now)
			late[i] = nil
		}
		if len(late) > 0 {
			continue
		}
		sleep := time.Hour
		if next != 0 {
			sleep = time.Duration(next - now)
		}
		timer.Reset(sleep)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-s.clock.wake:
		}
	}
	return ctx.Err()
}
