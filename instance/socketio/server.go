package socketio

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sockd/sockd/instance/engineio"
)

// Server keeps namespaces. Make one with [NewServer], give [Server.Accept] to an Engine.IO server and run [Server.Run].
type Server struct {
	options atomic.Pointer[Options]
	open    func(*Namespace) bool
	codec   codec
	names   names
	waiting waiting   // connections that have not joined any namespace yet
	scratch sync.Pool // of *encoder
	views   sync.Pool // of *view
	events  sync.Pool // of *Event, only of those that want no acknowledgement

	mu         sync.RWMutex
	namespaces map[string]*Namespace
	opening    map[string]*opening
}

// opening is a namespace about which Options.Open is being asked.
type opening struct {
	ns   *Namespace
	done chan struct{} // closed after the answer
}

// NewServer returns a server without namespaces; also "/" exists only after [Server.Of].
func NewServer(o Options) *Server {
	s := &Server{open: o.Open, codec: o.Parser.codec(), namespaces: map[string]*Namespace{}, opening: map[string]*opening{}}
	s.options.Store(o.filled())
	s.waiting.wake = make(chan struct{}, 1)
	s.scratch.New = func() any { return new(encoder) }
	s.views.New = func() any { return new(view) }
	s.events.New = func() any { return new(Event) }
	return s
}

// Configure replaces ConnectTimeout, MaxAttachments, MaxPending and MaxRooms. They hold at once, also for open connections.
func (s *Server) Configure(o Options) {
	n := o.filled()
	n.Shards = s.options.Load().Shards
	s.options.Store(n)
	s.waiting.signal()
}

// Accept takes a new Engine.IO session. It is an [engineio.Accept].
func (s *Server) Accept(conn *engineio.Socket) engineio.Session {
	c := &client{srv: s, conn: conn}
	s.waiting.add(c)
	if e, ok := s.codec.(raw); ok {
		e.enter(c)
	}
	return c
}

// Of returns the namespace with this path and creates it if necessary. A path without a leading "/" gets one. No client can name a
// path that holds a comma, unless it speaks msgpack.
func (s *Server) Of(path string) *Namespace {
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ns := s.namespaces[path]; ns != nil {
		return ns
	}
	var ns *Namespace
	if o := s.opening[path]; o != nil && !o.ns.closed() {
		ns = o.ns // whatever Open answers, it exists now
	} else {
		ns = newNamespace(s, path)
	}
	s.namespaces[path] = ns
	return ns
}

// Namespaces returns all namespaces, ordered by path.
func (s *Server) Namespaces() []*Namespace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.SortedFunc(maps.Values(s.namespaces), func(a, b *Namespace) int { return strings.Compare(a.path, b.path) })
}

// Remove forgets a namespace and puts its sockets out of it with a DISCONNECT packet. Their connections stay, even those that are in no
// namespace then.
func (s *Server) Remove(path string) {
	s.mu.Lock()
	ns := s.namespaces[path]
	delete(s.namespaces, path)
	if o := s.opening[path]; ns == nil && o != nil {
		ns = o.ns // its client is told that it does not exist
	}
	s.mu.Unlock()
	if ns == nil {
		return
	}
	for _, socket := range ns.close() {
		socket.Disconnect(false)
	}
}

// Open reports whether a namespace exists, after asking Options.Open about an unknown one, as a client's CONNECT does.
func (s *Server) Open(path string) bool { return s.lookup([]byte(path)) != nil }

// lookup returns the namespace that a client named, after asking Open about an unknown one, or nil.
func (s *Server) lookup(path []byte) *Namespace {
	s.mu.RLock()
	ns := s.namespaces[string(path)]
	s.mu.RUnlock()
	if ns != nil || s.open == nil || len(path) == 0 || path[0] != '/' {
		return ns
	}
	s.ask(string(path))
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.namespaces[string(path)]
}

// ask asks Open, or waits until another client's question is answered.
func (s *Server) ask(path string) {
	s.mu.Lock()
	o := s.opening[path]
	if s.namespaces[path] != nil || o != nil {
		s.mu.Unlock()
		if o != nil {
			<-o.done
		}
		return
	}
	o = &opening{ns: newNamespace(s, path), done: make(chan struct{})}
	s.opening[path] = o
	s.mu.Unlock()

	wanted := false
	defer func() { // also if Open panics
		s.mu.Lock()
		delete(s.opening, path)
		if wanted && s.namespaces[path] == nil && !o.ns.closed() {
			s.namespaces[path] = o.ns
		}
		s.mu.Unlock()
		close(o.done)
	}()
	wanted = s.open(o.ns)
}
