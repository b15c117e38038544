package socketio

import "github.com/sockd/sockd/instance/engineio"

// Debtor is what the [Recovery] of a new socket may be, too: one that has something to send before anything else. Then the CONNECT of the socket
// is ended by Resume, with the answer before what it was owed, and what waits for its shard is for it: its Since is 0.
type Debtor interface{ Owes() bool }

// Leaver is what a [Recovery] may be, too: one that is told before its socket, which has left, is taken out of its namespace; Save or Release
// follows. It may be told more than once.
type Leaver interface {
	Leaving(s *Socket, r engineio.Reason)
}

// Keep sets what is kept of a socket that is not in its namespace yet, as [Recoverer].Begin does. It is for the handler's Connect, or before
// [Socket.Admit]; a Recovery without PID is not told to the client.
func (s *Socket) Keep(r Recovery) {
	s.client.mu.Lock()
	s.recovery = r
	s.client.mu.Unlock()
}

// Kept returns what is kept of the socket, or nil. It is for sockets that are in their namespace, where it does not change any more, and for the
// handler's Connect.
func (s *Socket) Kept() Recovery { return s.recovery }

// isOwed reports whether the CONNECT of a new socket has to be ended by its Recovery.
func (s *Socket) isOwed() bool {
	d, ok := s.recovery.(Debtor)
	s.indebted = ok && d.Owes()
	return s.indebted
}

// behind joins the answer to a CONNECT and what was missed. Who comes back gets that first, as from the reference server; others know
// nothing of it.
func (s *Socket) behind(answer *engineio.Message, missed *Packet) *engineio.Message {
	s.client.mu.Lock()
	s.expect(missed.acks)
	s.client.mu.Unlock()
	if s.recovered {
		return engineio.Batch(missed.msg, answer)
	}
	return engineio.Batch(answer, missed.msg)
}
