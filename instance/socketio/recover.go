package socketio

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/sockd/sockd/instance/engineio"
)

// Recoverer gives clients that lost their connection their sockets back: connection state recovery. Give one to [Namespace.Recover]; without
// one, every CONNECT makes a new socket. Its methods are called with no lock held, from any goroutine, and must not block.
type Recoverer interface {
	// Begin is called for a new socket that the handler has let in, before its client is answered, with the secret by which the client can claim
	// it later: 20 characters of base64url. Nil: the client is told none, and cannot come back.
	Begin(s *Socket, pid string) Recovery

	// Claim is called for a CONNECT with a pid. offset is that of the last event that the client has seen, if seen. To give the socket back,
	// Claim calls adopt, once, with its id and what is kept of it; that belongs to the returned socket from then on, and nobody else can claim it
	// until it is saved again. While another socket has it, that one is returned and adopt is not called: it is put out, and Claim is called
	// again. Otherwise the client gets a new socket.
	Claim(pid, offset string, seen bool, adopt func(id string, r Recovery) *Socket) (holder *Socket)
}

// Recovery is what a [Recoverer] keeps of one socket and of those that follow it under the same id.
type Recovery interface {
	// PID returns the secret by which the client claims it.
	PID() string

	// Resume calls back once, on any goroutine, at a point where no event is being delivered to the socket's shard: with the rooms to join
	// again and the events that the client has missed until there, nil for none. Those that follow are delivered to the socket, which
	// is in its namespace when back returns. Not ok: events are missing by now. An error: back will not be called.
	Resume(s *Socket, back func(rooms []string, missed *Packet, ok bool)) error

	// Save is called when s has left, for whatever reason, with the rooms that it was in besides that of its id. It may be called again for the
	// same socket.
	Save(s *Socket, rooms []string, r engineio.Reason)

	// Release is called instead of Save for a socket that has left before it was in its namespace: what was kept of it stays as it is, for
	// another claim.
	Release(s *Socket, r engineio.Reason)
}

// Recover sets who gives sockets back; nil is nobody. It holds for the CONNECT packets to come.
func (ns *Namespace) Recover(r Recoverer) {
	if r == nil {
		ns.recoverer.Store(nil)
		return
	}
	ns.recoverer.Store(&r)
}

func (ns *Namespace) recovers() Recoverer {
	if r := ns.recoverer.Load(); r != nil {
		return *r
	}
	return nil
}

// Recovered reports whether the client got this socket back after it had lost its connection: with the id, the rooms and the events that
// it had missed. It is known from the handler's Connect on, which decides about such clients, too.
func (s *Socket) Recovered() bool { return s.recovered }

// resumption returns the pid and the offset in the object that came with a CONNECT. seen is whether there is an offset, of whatever kind.
func resumption(auth []byte) (pid, offset string, seen bool) {
	var fields map[string]json.RawMessage
	if !bytes.Contains(auth, []byte(`"pid"`)) || json.Unmarshal(auth, &fields) != nil || json.Unmarshal(fields["pid"], &pid) != nil {
		return "", "", false
	}
	raw, seen := fields["offset"]
	if pid == "" || !seen || string(raw) == "null" {
		return pid, "", false
	}
	if json.Unmarshal(raw, &offset) != nil {
		offset = string(raw) // no string, so none of ours
	}
	return pid, offset, true
}

// returning returns the socket that a CONNECT has claimed, or nil.
func (c *client) returning(ns *Namespace, auth []byte) *Socket {
	r := ns.recovers()
	if r == nil {
		return nil
	}
	pid, offset, seen := resumption(auth)
	if pid == "" {
		return nil
	}
	var s *Socket
	adopt := func(id string, kept Recovery) *Socket {
		s = newSocket(ns, c, id, auth)
		s.recovery, s.recovered = kept, true
		return s
	}
	for {
		holder := r.Claim(pid, offset, seen, adopt)
		if holder == nil {
			return s
		}
		if holder.client == c { // on its way out, by the server's will
			return nil
		}
		holder.evict()
	}
}

// evict ends the connection of a socket whose client has come back by another one.
func (s *Socket) evict() {
	s.leave(engineio.TransportClose, false)
	s.depart(engineio.TransportClose)
	s.client.conn.Close(engineio.TransportClose)
}

// depart takes a socket that has left out of its shard and saves what can be recovered of it. It may be called on several goroutines at once
// and again; when it returns, that is done.
func (s *Socket) depart(r engineio.Reason) {
	s.client.mu.Lock()
	kept := s.recovery
	s.client.mu.Unlock()
	if kept == nil {
		s.ns.remove(s)
		return
	}
	if l, ok := kept.(Leaver); ok {
		l.Leaving(s, r)
	}
	switch rooms, entered, ok := s.ns.shard(s).detach(s); {
	case !entered:
		kept.Release(s, r)
	case ok:
		kept.Save(s, rooms, r)
	}
}

// begin makes a new socket one that can be recovered, if the namespace has a Recoverer.
func (s *Socket) begin() {
	r := s.ns.recovers()
	if r == nil {
		return
	}
	kept := r.Begin(s, newID())
	if kept == nil {
		return
	}
	s.client.mu.Lock()
	early := s.state == left
	s.recovery = kept
	s.client.mu.Unlock()
	if early {
		kept.Release(s, engineio.ServerDisconnect) // no client knows its pid
	}
}

// resume gets a claimed socket back into its namespace. The rest of its CONNECT is done where no event is being delivered to its shard,
// so that it misses none and gets none twice.
func (s *Socket) resume(h Handler) {
	err := s.recovery.Resume(s, func(rooms []string, missed *Packet, ok bool) {
		done := false
		defer func() {
			if !done { // the handler panicked; there is no host above that would close
				s.client.conn.Close(engineio.ForcedClose)
			}
			s.exit()
		}()
		if ok || s.hasLeft() {
			_ = s.join(rooms, 0) // it was in them before
			s.client.welcome(s, h, missed)
		} else {
			s.abandon()
		}
		done = true
	})
	if err != nil {
		s.abandon()
		s.exit()
	}
}

func (s *Socket) hasLeft() bool {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	return s.state == left
}

// abandon ends the connection of a socket that was let in but cannot be resumed. Its client may come back.
func (s *Socket) abandon() {
	s.client.mu.Lock()
	s.owed = true
	s.client.mu.Unlock()
	s.client.conn.Close(engineio.ForcedClose)
}

// welcome answers the CONNECT of a socket that was let in, behind the events that it has missed, and takes it in. Both happen in one
// step: a client that has its answer misses nothing from there on, and gets nothing before it.
func (c *client) welcome(s *Socket, h Handler, missed *Packet) {
	reply := `{"sid":"` + s.id + `"}`
	if s.recovery != nil && s.recovery.PID() != "" {
		reply = `{"sid":"` + s.id + `","pid":"` + s.recovery.PID() + `"}`
	}
	m := s.ns.text(connect, reply)
	if missed != nil {
		m = s.behind(m, missed)
	}
	admitted, inside, err := c.takeIn(s, m)
	if errors.Is(err, engineio.ErrFull) && s.recovery != nil {
		c.conn.Close(engineio.ForcedClose) // without the answer it would wait in vain; it may come back
	}
	switch {
	case !admitted: // put out during Connect; exit tells the handler
		c.send(s.ns.text(disconnect, ""))
	case !inside: // the namespace was removed
		s.leave(engineio.ServerDisconnect, true)
	default:
		c.srv.waiting.remove(c)
		h.Connected(s)
	}
}

// takeIn makes a connecting socket a joined one, puts it into its shard and sends the answer m. For a new socket it does so under c.mu, which
// every send to the socket takes; the engine, which is handling a message of this client, does not call back meanwhile. A socket that comes
// back, or that was decided about later, is taken in by its lane: nothing else is sent to it until that is done.
func (c *client) takeIn(s *Socket, m *engineio.Message) (admitted, inside bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.owed = true // from here on the handler's Disconnect is
	if admitted = s.state == connecting; admitted {
		s.state = joined // before the answer: its client may send at once
	}
	if admitted {
		inside = s.ns.add(s) // before the answer too: whoever sees that counts on being a receiver
	}
	if s.recovered || s.indebted || s.postponed {
		c.mu.Unlock()
		defer c.mu.Lock()
	}
	return admitted, inside, c.conn.Send(m)
}
