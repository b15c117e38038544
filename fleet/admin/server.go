package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sockd/sockd/fleet/control"
)

// Backend is the fleet that is shown; *fleet.Fleet is one. Its methods are called from many goroutines at once.
type Backend interface {
	control.Meter
	Reload(ctx context.Context, o control.ReloadOptions) (control.Report, error)
}

// Options say what a [Server] is made of. Only Backend is required.
type Options struct {
	Backend  Backend
	Settings Settings     // the first ones; the zero value serves nothing until Configure
	Log      *slog.Logger // nil = discard
	// Listen binds an address; an error that wraps EADDRINUSE has the next port tried. nil = TCP.
	Listen func(ctx context.Context, address string) (net.Listener, error)
}

// Server is the admin address. Make one with [New], then call [Server.Run] once.
type Server struct {
	o        Options
	settings atomic.Pointer[Settings]
	changed  chan struct{} // of capacity 1: there are new settings
	yields   chan yield    // to Run
	ended    chan struct{} // Run has returned
	pages    http.Handler  // what is behind the guards
	key      []byte        // of the cookies

	mu      sync.Mutex
	address string
	note    string
}

// New returns a server that is not bound yet.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Listen == nil {
		o.Listen = func(ctx context.Context, address string) (net.Listener, error) {
			return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		}
	}
	s := &Server{o: o, changed: make(chan struct{}, 1), yields: make(chan yield), ended: make(chan struct{}), key: make([]byte, 32)}
	rand.Read(s.key) // never fails
	s.settings.Store(&o.Settings)
	s.pages = s.routes()
	return s
}

// Run serves until ctx ends and returns nil then. An address that cannot be bound is tried again for ever, at most 5 s apart, see
// [Server.Note]; the only error is that of [Settings.Check] for the first settings.
func (s *Server) Run(ctx context.Context) error {
	if err := s.settings.Load().Check(); err != nil {
		return err
	}
	b := &binder{s: s}
	defer close(s.ended)
	defer b.close()
	for {
		retry := (<-chan time.Time)(nil)
		if wait := b.settle(ctx); wait > 0 {
			retry = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.changed:
			b.tries, b.given = 0, 0
		case y := <-s.yields:
			y.done <- b.yield(y.port)
		case <-retry:
		case f := <-b.fallen():
			b.lost(f)
		}
	}
}

// Configure replaces the settings: the token counts from the next request on, a new address is taken as soon as it is free, and the old one
// answers until then. An error is that of [Settings.Check] and leaves everything as it was.
func (s *Server) Configure(n Settings) error {
	if err := n.Check(); err != nil {
		return err
	}
	s.settings.Store(&n)
	select {
	case s.changed <- struct{}{}:
	default: // Run has not yet looked at the change before
	}
	return nil
}

// yield asks Run to give a port up.
type yield struct {
	port int
	done chan bool
}

// Yield has the server leave a port for one that is free, unless the file names just that one: true if the port was the server's and is free
// now. It is not taken again before the next Configure. It waits for Run, a moment, and not for requests that are under way.
func (s *Server) Yield(port int) bool {
	if !s.holds(port) {
		return false // nor does Run have to be there
	}
	y := yield{port, make(chan bool, 1)}
	select {
	case s.yields <- y:
		return <-y.done
	case <-s.ended:
		return false
	}
}

// MayYield reports whether Yield would give the port up.
func (s *Server) MayYield(port int) bool { return s.holds(port) && !s.settings.Load().Fixed }

func (s *Server) holds(port int) bool { return portOf(s.Address()) == port && port > 0 }

// Address returns where the server can be reached, host:port, or "" while it cannot.
func (s *Server) Address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}

// Note says why the address is not the one that is wanted; empty when it is.
func (s *Server) Note() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.note
}

// tell shows address and note, and logs what is new.
func (s *Server) tell(address, note string) {
	s.mu.Lock()
	newAddress, newNote := address != s.address, note != s.note
	s.address, s.note = address, note
	s.mu.Unlock()
	if newNote && note != "" {
		s.o.Log.Warn("admin address not available", "reason", note)
	}
	if newAddress && address != "" {
		s.o.Log.Info("admin address open", "listen", address)
	}
}

func inUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
