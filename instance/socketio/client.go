package socketio

import (
	"container/list"
	"errors"
	"sync"

	"github.com/sockd/sockd/instance/engineio"
)

// client is one connection and the namespaces it is in.
type client struct {
	srv     *Server
	conn    *engineio.Socket
	partial *partial      // the binary packet that is coming in; of Message only
	wait    *list.Element // guarded by Server.waiting.mu

	mu    sync.Mutex // also guards part of each Socket
	ended bool
	first *Socket            // one namespace, as most clients use only one
	more  map[string]*Socket // the others, by path
}

var _ engineio.Session = (*client)(nil)

// Message takes one message of the client.
func (c *client) Message(p []byte, binary bool) { c.srv.codec.take(c, p, binary) }

// handle takes what the codec made of one message: a packet, of which attachments may be missing still.
func (c *client) handle(k packet, err error) {
	if err != nil {
		c.malformed()
		return
	}
	switch k.kind {
	case connect:
		c.connect(k)
	case disconnect:
		c.disconnect(k)
	case binaryEvent, binaryAck:
		c.begin(k)
	case connectError:
		c.violation()
	default:
		c.deliver(k, k.packed.attachments())
	}
}

// malformed ends the connection after bytes that are no packet.
func (c *client) malformed() { c.conn.Close(engineio.ForcedClose) }

// violation ends the connection after a packet that is not allowed at this point.
func (c *client) violation() { c.conn.Close(engineio.ForcedServerClose) }

// Close puts all sockets out of their namespaces.
func (c *client) Close(r engineio.Reason) {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.srv.waiting.remove(c)
	for _, s := range c.sockets() {
		s.leave(r, false)
	}
}

// sockets returns a copy of the table.
func (c *client) sockets() []*Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == nil {
		return nil
	}
	all := make([]*Socket, 1, 1+len(c.more))
	all[0] = c.first
	for _, s := range c.more {
		all = append(all, s)
	}
	return all
}

// find returns the socket in the table for a path, or nil; c.mu is held. The socket may have been put out by the server.
func (c *client) find(path []byte) *Socket {
	if c.first == nil {
		return nil
	}
	if c.first.ns.path == string(path) {
		return c.first
	}
	return c.more[string(path)]
}

// add puts a connecting socket into the table. It is false if the connection has ended or is in that namespace already.
func (c *client) add(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.find([]byte(s.ns.path))
	switch {
	case c.ended, old != nil && old.state != left:
		return false
	case c.first == nil || c.first == old:
		c.first = s
	default:
		if c.more == nil {
			c.more = map[string]*Socket{}
		}
		c.more[s.ns.path] = s
	}
	return true
}

// remove takes s out of the table, if it is there; c.mu is held.
func (c *client) remove(s *Socket) {
	if c.first != s {
		if c.more[s.ns.path] == s {
			delete(c.more, s.ns.path)
		}
		return
	}
	c.first = nil
	for path, other := range c.more {
		c.first = other
		delete(c.more, path)
		break
	}
}

// connect answers a CONNECT packet.
func (c *client) connect(k packet) {
	c.mu.Lock()
	old := c.find(k.path)
	twice := old != nil && old.state != left
	c.mu.Unlock()
	if twice {
		c.violation()
		return
	}
	ns := c.srv.lookup(k.path)
	if ns == nil {
		c.refuse(string(k.path), &ConnectError{Message: "Invalid namespace"})
		return
	}
	s := c.returning(ns, k.data)
	if s == nil {
		s = newSocket(ns, c, newID(), k.data)
	}
	if !c.add(s) { // ended meanwhile
		s.leave(engineio.TransportClose, false)
		return
	}
	later := false
	defer func() {
		if !later {
			s.exit()
		}
	}()
	h := ns.handle()
	err := h.Connect(s, s.Auth())
	if errors.Is(err, ErrLater) {
		later = true
		s.postpone(h)
		return
	}
	later = s.decide(h, err)
}

// decide ends the CONNECT of s as its handler has said. It reports whether somebody else will call exit.
func (s *Socket) decide(h Handler, err error) (later bool) {
	switch {
	case err != nil:
		s.forget()
		s.client.refuse(s.ns.path, err)
	case s.recovered:
		s.resume(h)
		return true
	default:
		s.begin()
		if s.isOwed() {
			s.resume(h)
			return true
		}
		s.client.welcome(s, h, nil)
	}
	return false
}

// refuse answers CONNECT_ERROR. The client may try again.
func (c *client) refuse(path string, err error) {
	refusal := &ConnectError{Message: err.Error()}
	_ = errors.As(err, &refusal)
	var e encoder
	e.buf = appendString(append(e.buf, `{"message":`...), refusal.Message)
	if refusal.Data != nil {
		n := len(e.buf)
		e.buf = append(e.buf, `,"data":`...)
		if e.encode(refusal.Data) != nil {
			e.buf = e.buf[:n] // what JSON cannot express is left out
		}
	}
	c.send(c.srv.codec.control(connectError, path, append(e.buf, '}')))
}

// send queues a packet that belongs to no joined socket. If the connection is gone there is nobody to tell.
func (c *client) send(m *engineio.Message) { _ = c.conn.Send(m) }

// disconnect handles a DISCONNECT packet, which is not answered. The transport stays open.
func (c *client) disconnect(k packet) {
	c.mu.Lock()
	s := c.find(k.path)
	if s != nil && s.state != connecting {
		c.remove(s)
	}
	known := s != nil && s.state != connecting || c.ended
	c.mu.Unlock()
	switch {
	case !known:
		c.violation()
	case s != nil:
		s.leave(engineio.ClientDisconnect, false)
	}
}

// enter finds the socket for a path and marks it as busy, until its exit. For a socket that the server has put out it returns nil:
// what was under way then is ignored. A namespace that was not joined ends the connection.
func (c *client) enter(path []byte) *Socket {
	c.mu.Lock()
	s := c.find(path)
	ignored := c.ended || s != nil && s.state == left
	if s != nil && s.state == joined {
		s.busy++
		c.mu.Unlock()
		return s
	}
	c.mu.Unlock()
	if !ignored {
		c.violation()
	}
	return nil
}

// deliver hands an event or an acknowledgement to the namespace's handler.
func (c *client) deliver(k packet, attachments [][]byte) {
	s := c.enter(k.path)
	if s == nil {
		return
	}
	defer s.exit()
	switch {
	case k.kind == ack || k.kind == binaryAck:
		s.acknowledged(k, attachments)
	case k.data != nil || k.packed.nameEnd > 0: // an event without payload is tolerated, and is nothing
		s.dispatch(k, attachments)
	}
}
