package broadcast

import (
	"errors"
	"time"

	"github.com/sockd/sockd/instance/socketio"
)

// ErrDegraded is returned by Publish when the journal could not take the event. No client got it, and its number is not used again.
var ErrDegraded = errors.New("broadcast: journal failed")

// Journal makes events and what clients are owed outlive the process. Its methods are called with locks held: they must neither block nor call the
// broadcaster back before they return. What they are given is immutable.
type Journal interface {
	// Start is called once, by [New]. From then on committed is called for what was appended, in order, from any goroutine, never twice at a time:
	// with nil when all events up to a number are on disk, else with the reason why none of those up to it, since the call before, will be.
	Start(committed func(upto uint64, err error))

	// Append queues an event, in the order of the numbers. An error refuses it: with [ErrFull] the producer is asked to try again, anything else is
	// [ErrDegraded]; the number is then given to the next one.
	Append(Entry) error

	// Session and Client replace what is known about one of them, by its PID or ID. Answered tells that nothing is awaited any more from a client
	// for an event. They may reach the disk later than the events.
	Session(SessionState)
	Client(ClientState)
	Answered(seq uint64, client string)
}

// Settler is what a [Journal] may be, too. Then a client is told its pid only when that is on disk, so that it can come back whenever the process is
// killed.
type Settler interface {
	// Settled calls f once, on any goroutine, when all that was noted before is on disk, or will never be.
	Settled(f func())
}

// settles reports whether a new socket's CONNECT has to wait for the disk.
func (x *session) settles() (Settler, bool) {
	j, ok := x.b.journal.(Settler)
	return j, ok && x.pid != ""
}

// Entry is an event for the journal. Of one that is not Kept the number alone has to be written.
type Entry struct {
	Seq    uint64
	At     time.Time
	Packet *socketio.Packet // to be read by [socketio.Packet.Event], on a goroutine of the journal
	To     socketio.Selector
	Kept   bool
	Acked  bool
}

// SessionState is what a pid stands for.
type SessionState struct {
	PID    string
	ID     string    // of the socket
	Client string    // client_id; "" = none
	From   uint64    // a client that has seen no event has missed those after this one
	Rooms  []string  // but that of ID
	Until  time.Time // from when on nobody can come back; zero while a socket is there
	Gone   bool      // forget it
}

// ClientState is what a client_id stands for.
type ClientState struct {
	ID     string
	Socket string    // the id of its last socket
	Rooms  []string  // that this was in
	Since  uint64    // the last event before it was known
	After  uint64    // the last event that was handed to it; the last of all while a socket is there
	Until  time.Time // from when on it is not known any more; zero while a socket is there
	Gone   bool      // forget it
}

// entry is an event that is being written.
type entry struct {
	delivery
	done func(uint64, error)
}

// write has the journal take an event, whose done is called later; b.mu is held.
func (b *Broadcaster) write(j Journal, d delivery, done func(uint64, error)) error {
	err := j.Append(Entry{Seq: d.seq, At: time.Now(), Packet: d.packet, To: d.to, Kept: !d.unkept, Acked: d.mail != nil})
	switch {
	case errors.Is(err, ErrFull):
		return ErrFull
	case err != nil:
		return ErrDegraded
	}
	b.writing = append(b.writing, entry{d, done})
	b.unwritten += d.packet.Len()
	return nil
}

// committed hands to the lanes what is on disk, or refuses what will never be.
func (b *Broadcaster) committed(upto uint64, err error) {
	b.mu.Lock()
	n := 0
	for n < len(b.writing) && b.writing[n].seq <= upto {
		d := &b.writing[n].delivery
		b.unwritten -= d.packet.Len()
		if err == nil {
			b.enqueue(*d)
			b.release(*d)
		}
		n++
	}
	all := append([]entry(nil), b.writing[:n]...)
	rest := copy(b.writing, b.writing[n:])
	clear(b.writing[rest:])
	b.writing = b.writing[:rest]
	b.signalEmpty()
	b.mu.Unlock()
	for _, e := range all {
		b.finish(e.seq, err, e.done)
	}
	b.settleAll()
}

// finish tells a producer what became of its event.
func (b *Broadcaster) finish(seq uint64, err error, done func(uint64, error)) {
	if err != nil {
		seq, err = 0, ErrDegraded
		b.stats.refuse(err)
	}
	if done != nil {
		done(seq, err)
	}
}

// noteSession tells the journal about a session; sessions.mu is held.
func (b *Broadcaster) noteSession(x *session, rooms []string, until time.Duration, gone bool) {
	if b.journal == nil || x.pid == "" {
		return
	}
	s := SessionState{PID: x.pid, ID: x.id, Client: x.name, From: x.from, Rooms: rooms, Gone: gone}
	if c := x.client.Load(); c != nil {
		s.Client = c.id
	}
	if until > 0 {
		s.Until = b.made.Add(until)
	}
	b.journal.Session(s)
}

// noteClient tells the journal about a client; desk.mu is held.
func (b *Broadcaster) noteClient(c *client, gone bool) {
	if b.journal == nil || !c.named {
		return
	}
	s := ClientState{ID: c.id, Since: c.since, Gone: gone}
	switch {
	case gone:
	case c.away:
		s.Socket, s.Rooms, s.After, s.Until = c.to.id, c.to.few, c.after, b.made.Add(c.until)
	case len(c.sockets) > 0:
		last := c.sockets[len(c.sockets)-1]
		s.Socket, s.Rooms, s.After = last.socket.ID(), others(last.socket), b.last.Load()
	default:
		return
	}
	b.journal.Client(s)
}

// others returns the rooms of a socket but that of its id.
func others(s *socketio.Socket) []string {
	if s == nil {
		return nil
	}
	if rooms := s.Rooms(); len(rooms) > 1 {
		return rooms[1:]
	}
	return nil
}

// Moved tells that a socket has joined or left rooms, for the journal; without one it does nothing.
func (b *Broadcaster) Moved(s *socketio.Socket) {
	if b.journal == nil {
		return
	}
	x, ok := s.Kept().(*session)
	if !ok {
		return
	}
	b.sessions.mu.Lock()
	if x.socket == s {
		b.noteSession(x, others(s), 0, false)
	}
	b.sessions.mu.Unlock()
	b.desk.mu.Lock()
	if c := x.client.Load(); c != nil && c.index(s) >= 0 {
		b.noteClient(c, false)
	}
	b.desk.mu.Unlock()
}
