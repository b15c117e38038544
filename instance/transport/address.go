package transport

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
)

// tallies count the connections of each client address while Options.PerAddress is set. It is done here, at accept, and not at the handshake of
// a session: a limit that only counts sessions does nothing about connections that never send a request.
type tallies struct {
	mu sync.Mutex
	m  map[netip.Addr]*tally
}

// tally is how many connections one address has; guarded by tallies.mu. A connection that counts holds a pointer to it.
type tally struct {
	addr netip.Addr
	n    int
}

// take counts one more connection of addr, or returns false if it has limit already.
func (ts *tallies) take(addr netip.Addr, limit int) (*tally, bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.m[addr]
	switch {
	case t == nil:
		if ts.m == nil {
			ts.m = map[netip.Addr]*tally{}
		}
		t = &tally{addr: addr}
		ts.m[addr] = t
	case t.n >= limit:
		return nil, false
	}
	t.n++
	return t, true
}

// give undoes take; nil is nothing.
func (ts *tallies) give(t *tally) {
	if t == nil {
		return
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t.n--; t.n == 0 {
		delete(ts.m, t.addr)
	}
}

// peer is the address at the other end of a connection, without a port; the zero Addr if it has none.
func peer(nc interface{ RemoteAddr() net.Addr }) netip.Addr {
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// bucket is what counts as one address: an IPv6 network of 64 bits is what one customer, often one machine, has.
func bucket(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	p, _ := a.Prefix(64) // 64 bits are valid for IPv6
	return p.Addr()
}

// trusts tells whether X-Forwarded-For counts when it comes from a.
func (o *Options) trusts(a netip.Addr) bool {
	for _, p := range o.Proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// client returns for whom a request came over a connection from remote: remote, unless that is a trusted proxy. Then it is the last address in
// X-Forwarded-For that is none: each proxy appends whom it was asked by, and what stands before the first stranger was written by the stranger.
// An element that is no address ends the search.
func (o *Options) client(remote netip.Addr, h http.Header) netip.Addr {
	if !o.trusts(remote) {
		return remote
	}
	lines := h["X-Forwarded-For"]
	for i := len(lines) - 1; i >= 0; i-- {
		rest := lines[i]
		for more := true; more; {
			var last string
			if k := strings.LastIndexByte(rest, ','); k >= 0 {
				rest, last = rest[:k], rest[k+1:]
			} else {
				last, more = rest, false
			}
			a, ok := forwarded(strings.TrimSpace(last))
			if !ok {
				return remote
			}
			if remote = a; !o.trusts(a) {
				return a
			}
		}
	}
	return remote
}

// forwarded reads an element of X-Forwarded-For; some proxies add a port.
func forwarded(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		a = ap.Addr()
	}
	return a.Unmap().WithZone(""), true
}

// admit counts a new connection for its peer. It is false if that has too many. A trusted proxy has no limit of its own: its connections count
// for their clients, request by request, see assign.
func (s *Server) admit(o *Options, nc net.Conn) (*tally, bool) {
	if o.PerAddress <= 0 {
		return nil, true
	}
	a := peer(nc)
	if !a.IsValid() || o.trusts(a) {
		return nil, true
	}
	return s.tallies.take(bucket(a), o.PerAddress)
}

// assign says in r who the client is. Over a trusted proxy the connection counts for that client from here until the request is answered, or for
// as long as it is a WebSocket; false if the client has too many.
func (c *conn) assign(r *http.Request) bool {
	o := c.server.options.Load()
	if len(o.Proxies) == 0 {
		return true
	}
	remote := peer(c.nc)
	if !o.trusts(remote) {
		return true
	}
	client := o.client(remote, r.Header)
	if client != remote {
		r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
	}
	if o.PerAddress <= 0 || o.trusts(client) {
		return true
	}
	t, ok := c.server.tallies.take(bucket(client), o.PerAddress)
	if !ok {
		return false
	}
	c.mu.Lock()
	old := c.tally
	if c.phase == ended {
		old = t // nobody would give it back
	} else {
		c.tally, c.lent = t, true
	}
	c.mu.Unlock()
	c.server.tallies.give(old)
	return true
}

// unassign undoes assign; c.mu is held.
func (c *conn) unassign() {
	if c.lent {
		c.server.tallies.give(c.tally)
		c.tally, c.lent = nil, false
	}
}
