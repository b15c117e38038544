package transport

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockd/sockd/instance/engineio"
)

// Handler serves requests. Both methods are called on a poller's goroutine with no lock held and must not block: whatever they wait for, all
// other connections of that poller wait for too. w and r are not valid after ServeHTTP has returned, except for [Server.Park] and
// [Server.Upgrade].
type Handler interface {
	// Limit is asked when the header of a request with a body has arrived: more bytes than it returns are refused with 413
	// before they are read.
	Limit(r *http.Request) int64
	http.Handler
}

// Uploads is a [Handler] that wants to know of bodies that never come to their end.
type Uploads interface {
	Handler

	// Receiving is called as ServeHTTP is, when a body that was not refused does not come in one piece with its header. What it
	// returns, if not nil, is called if the client leaves, or is cut for its slowness, before the body is whole: as the gone of
	// [Server.Park], and instead of ServeHTTP. It is also called if the request is refused after that, with an [http.MaxBytesError] for
	// 413: then the client may still be there. When ServeHTTP has returned it is called with nil: the request may have gone elsewhere.
	Receiving(r *http.Request) (gone func(error))
}

// Listener is what [Server.Accept] needs of a [*net.TCPListener].
type Listener interface {
	net.Listener
	SetDeadline(time.Time) error
}

// Options of a [Server]. The zero value of each field stands for its default.
type Options struct {
	MaxMessage   int64          // bytes of a WebSocket message, for connections that are upgraded from now on; 1,000,000
	HeadTimeout  time.Duration  // from the first byte of a request (or from the connect) to the end of its header; 10 s
	BodyTimeout  time.Duration  // from there to the end of its body; 30 s
	IdleTimeout  time.Duration  // between two requests; 75 s
	MaxConns     int            // more are closed at once; 0 = no limit
	PerAddress   int            // of one client address (an IPv6 network of 64 bits) likewise; 0 = no limit, and none are counted meanwhile
	Proxies      []netip.Prefix // whose X-Forwarded-For says who the client is; their own connections count for the clients
	MaxBuffered  int            // bytes that may wait for a client that reads slowly before it is cut; 4 MiB. A single write may be larger.
	StreamBuffer int            // bytes of a [Stream] that may wait for its client; 256 KiB. A single write may be larger
	Deflate      bool           // new WebSockets whose clients offer permessage-deflate get it
	SendBuffer   int            // SO_SNDBUF of each connection; 0 = the system's
	Log          *slog.Logger   // nil = none
}

func (o Options) withDefaults() *Options {
	orElse(&o.MaxMessage, 1_000_000)
	orElse(&o.HeadTimeout, 10*time.Second)
	orElse(&o.BodyTimeout, 30*time.Second)
	orElse(&o.IdleTimeout, 75*time.Second)
	orElse(&o.MaxBuffered, 4<<20)
	orElse(&o.StreamBuffer, 256<<10)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &o
}

func orElse[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Server accepts connections and speaks HTTP/1 and WebSocket on them, on loops that it shares. Make one with [New].
type Server struct {
	loops    *Loops
	clock    *clock
	options  atomic.Pointer[Options]
	handler  atomic.Pointer[Handler]
	draining atomic.Bool
	counters counters
	tallies  tallies
	backlog  atomic.Int64 // the sum of all ledgers
	warnAt   atomic.Int64 // by the clock: when a lack of files may be logged again

	mu    sync.Mutex
	conns []*conn
	empty chan struct{} // closed when the last connection has ended; nil unless somebody waits
}

var _ engineio.Host = (*Server)(nil)

// New returns a server on loops, which need not run yet. It owns no goroutine; until [Server.Serve] it answers 503.
func New(loops *Loops, o Options) *Server {
	s := &Server{loops: loops, clock: loops.clock}
	s.Configure(o)
	return s
}

// Serve sets the handler of all requests that come from now on.
func (s *Server) Serve(h Handler) { s.handler.Store(&h) }

// Configure replaces the options. Limits hold for the next request or message, SendBuffer for new connections.
func (s *Server) Configure(o Options) { s.options.Store(o.withDefaults()) }

// Backlog is how many bytes wait for clients that have not read them yet, over all connections.
func (s *Server) Backlog() int64 { return s.backlog.Load() }

// Len is the number of open connections.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *Server) insert(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.index = int32(len(s.conns))
	s.conns = append(s.conns, c)
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.conns) - 1
	moved := s.conns[last]
	s.conns[c.index], moved.index = moved, c.index
	s.conns[last] = nil
	s.conns = s.conns[:last]
	if last == 0 && s.empty != nil {
		close(s.empty)
		s.empty = nil
	}
}

// all returns the connections of this moment, and a channel that is closed when none is left.
func (s *Server) all() ([]*conn, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.empty == nil {
		s.empty = make(chan struct{})
	}
	done := s.empty
	if len(s.conns) == 0 {
		close(s.empty)
		s.empty = nil
	}
	return append([]*conn(nil), s.conns...), done
}

// ErrCut is returned by [Server.Drain] when its context ended before all connections had.
var ErrCut = errors.New("connections were cut")

const cutWait = time.Second // for the pollers to report what was shut

// Drain ends the server for good: idle connections are closed at once, requests in flight are answered with Connection: close, parked ones and
// WebSockets are left to their owners. When ctx ends, what is left is shut and [ErrCut] is returned. No connection is left after Drain, unless
// its poller is stuck.
func (s *Server) Drain(ctx context.Context) error {
	s.draining.Store(true)
	conns, done := s.all()
	for _, c := range conns {
		c.drain()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	conns, done = s.all()
	if len(conns) == 0 {
		return nil
	}
	for _, c := range conns {
		c.shut(net.ErrClosed)
	}
	limit := time.NewTimer(cutWait)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
	}
	return ErrCut
}
