package socketio

import (
	"encoding/json"

	"github.com/sockd/sockd/instance/engineio"
)

// Socket is one client in one namespace. Its methods may be called from any goroutine; after it has left they do nothing.
type Socket struct {
	ns     *Namespace
	client *client
	id     string
	auth   json.RawMessage // nil stands for {}
	shard  int32

	data      any  // see SetData
	recovered bool // it is the successor of another socket
	indebted  bool // it is sent something before it is in its shard; see Debtor
	postponed bool // its handler has answered ErrLater

	// Guarded by client.mu.
	state    state
	busy     int8     // how many methods of the handler are running for it: 2 if it sends before its Connected has returned
	owed     bool     // the handler's Disconnect is to be called
	verdict  *verdict // while its CONNECT is not decided yet
	recovery Recovery // nil = its client cannot come back
	reason   engineio.Reason
	acks     []pendingAck // ordered by id

	// Guarded by the shard's mu.
	place   place
	entered bool  // it was inside at some time
	at      int32 // index in shard.all
	rooms   []membership
	since   uint64 // see Since; does not change any more once the socket is in its shard
}

type state uint8

const (
	connecting state = iota
	joined
	left
)

// newSocket returns a socket for whose Connect the handler is about to be called.
func newSocket(ns *Namespace, c *client, id string, auth []byte) *Socket {
	s := &Socket{ns: ns, client: c, id: id, busy: 1}
	if len(auth) > 0 {
		s.auth = append(s.auth, auth...)
	}
	s.shard = int32(ns.shardOf(s.id))
	return s
}

// ID returns the 20 characters by which the client knows this socket. It is not the id of the connection.
func (s *Socket) ID() string { return s.id }

// Conn returns the connection, which the socket shares with those of the same client in other namespaces.
func (s *Socket) Conn() *engineio.Socket { return s.client.conn }

// Namespace returns the namespace.
func (s *Socket) Namespace() *Namespace { return s.ns }

// Since returns the position of its namespace when the socket joined, for the f of [Namespace.Each]: events up to there are older than the
// socket and not for it. It is 0 for a socket that was recovered, and for one that was sent something before it joined; see [Debtor].
func (s *Socket) Since() uint64 { return s.since }

// Shard returns the number of the shard that the socket is in, for life.
func (s *Socket) Shard() int { return int(s.shard) }

// Auth returns the object that came with the client's CONNECT, or {}. It must not be changed.
func (s *Socket) Auth() json.RawMessage {
	if s.auth == nil {
		return json.RawMessage("{}")
	}
	return s.auth
}

// SetData keeps a value of the handler's with the socket. It must be called in the handler's Connect, once, if at all.
func (s *Socket) SetData(v any) { s.data = v }

// Data returns what SetData was given, or nil.
func (s *Socket) Data() any { return s.data }

// Join puts the socket into rooms. During Connect they are noted, and count from Connected on. With more than Options.MaxRooms it joins none of
// them and returns ErrRooms.
func (s *Socket) Join(rooms ...string) error {
	return s.join(rooms, s.ns.srv.options.Load().MaxRooms)
}

// join is Join with any limit; 0 is none.
func (s *Socket) join(rooms []string, limit int) error {
	h := s.ns.shard(s)
	h.mu.Lock()
	defer h.mu.Unlock()
	if limit > 0 && len(s.rooms)+len(rooms) > limit {
		if n := h.unknown(s, rooms); n > 0 && len(s.rooms)+n > limit {
			return ErrRooms
		}
	}
	for _, name := range rooms {
		h.join(s, name)
	}
	return nil
}

// Leave takes the socket out of rooms. It cannot leave the room of its own id.
func (s *Socket) Leave(rooms ...string) {
	h := s.ns.shard(s)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range rooms {
		h.leave(s, name)
	}
}

// Rooms returns the rooms that the socket is in, its own id first. During the handler's Disconnect they are those it has just left, and
// afterwards none.
func (s *Socket) Rooms() []string {
	h := s.ns.shard(s)
	h.mu.RLock()
	defer h.mu.RUnlock()
	if s.place == gone {
		return nil
	}
	names := make([]string, 1, 1+len(s.rooms))
	names[0] = s.id
	for _, m := range s.rooms {
		names = append(names, m.room.name)
	}
	return names
}

// In reports whether Rooms holds this room.
func (s *Socket) In(room string) bool {
	h := s.ns.shard(s)
	h.mu.RLock()
	defer h.mu.RUnlock()
	if room == s.id {
		return s.place != gone
	}
	return h.index(s, room) >= 0
}

// Emit sends an event; see [Namespace.Prepare].
func (s *Socket) Emit(event string, args ...any) error {
	p, err := s.ns.Prepare(event, nil, args...)
	if err != nil {
		return err
	}
	return s.Send(p)
}

// Send queues a packet. It never blocks. Errors are those of [engineio.Socket.Send], or ErrNamespace.
func (s *Socket) Send(p *Packet) error {
	if p.ns != s.ns {
		return ErrNamespace
	}
	s.client.mu.Lock()
	if s.state == left {
		s.client.mu.Unlock()
		return engineio.ErrClosed
	}
	s.expect(p.acks)
	s.client.mu.Unlock()
	return s.client.conn.Send(p.msg)
}

// SendVolatile is Send if the packet could go out at once. Otherwise it is dropped and the error is [engineio.ErrFull].
func (s *Socket) SendVolatile(p *Packet) error {
	if !s.client.conn.Writable() {
		return engineio.ErrFull
	}
	return s.Send(p)
}

// Disconnect puts the socket out of its namespace and tells the client. With closeConn it does so in all namespaces of this client and then
// closes the connection.
func (s *Socket) Disconnect(closeConn bool) {
	if !closeConn {
		s.leave(engineio.ServerDisconnect, true)
		return
	}
	for _, other := range s.client.sockets() {
		other.leave(engineio.ServerDisconnect, true)
	}
	s.client.conn.Close(engineio.ForcedServerClose)
}

// forget drops a socket that the handler has refused.
func (s *Socket) forget() {
	s.client.mu.Lock()
	s.state = left
	s.client.remove(s)
	s.client.mu.Unlock()
	s.depart(engineio.TransportClose) // it may be let in another time
}

// leave is the only way out of a namespace for a socket that was let in. It stays in the client's table, where it shows
// that packets under way are no violation, until the client joins again. With notify the client is sent a DISCONNECT, unless its
// CONNECT is not answered yet: then that is done with the answer.
func (s *Socket) leave(r engineio.Reason, notify bool) {
	c := s.client
	c.mu.Lock()
	if s.state == left {
		c.mu.Unlock()
		return
	}
	notify = notify && s.state == joined
	s.state, s.reason, s.acks = left, r, nil
	call := s.owed && s.busy == 0
	s.owed = s.owed && !call
	c.mu.Unlock()
	if notify {
		c.send(s.ns.text(disconnect, ""))
		if c.srv.codec == codec(raw{}) {
			c.conn.Close(engineio.ForcedServerClose)
		}
	}
	s.depart(r)
	if call {
		s.farewell()
	}
}

// exit ends the time in which the handler was running for s, and calls the Disconnect that became due meanwhile.
func (s *Socket) exit() {
	s.client.mu.Lock()
	s.busy--
	call := s.owed && s.state == left && s.busy == 0
	s.owed = s.owed && !call
	s.client.mu.Unlock()
	if call {
		s.farewell()
	}
}

// farewell calls the handler's Disconnect.
func (s *Socket) farewell() {
	s.depart(s.reason)
	h := s.ns.shard(s)
	defer func() {
		h.mu.Lock()
		s.place, s.rooms = gone, nil
		h.mu.Unlock()
	}()
	s.ns.handle().Disconnect(s, s.reason)
}
