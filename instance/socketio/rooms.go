package socketio

import (
	"slices"
	"sync"
)

// Selector says which sockets of a namespace are meant: all, or the union of some rooms, without those of other rooms. A socket is always
// in the room of its own id, so an id may stand wherever a room does.
type Selector struct {
	Rooms  []string // none = all
	Except []string // rooms whose sockets are left out
	Skip   string   // the id of one socket that is left out, as a rule the sender
}

// Equal reports whether both select by the same rooms, in the same order.
func (s Selector) Equal(t Selector) bool {
	return s.Skip == t.Skip && slices.Equal(s.Rooms, t.Rooms) && slices.Equal(s.Except, t.Except)
}

// shard holds part of a namespace's sockets. The room of a socket's own id is the socket's entry in byID.
type shard struct {
	mu     sync.RWMutex
	closed bool // the namespace was removed
	byID   map[string]*Socket
	all    []*Socket // in no order
	rooms  map[string]*room
}

// room holds its members of one shard.
type room struct {
	name    string
	members []member // in no order
}

// member and membership point at each other, so that leaving moves one entry and searches none.
type member struct {
	socket *Socket
	slot   int // index in socket.rooms
}

type membership struct {
	room *room
	at   int // index in room.members
}

// place says where a socket stands in its shard's life.
type place uint8

const (
	outside place = iota // connecting; rooms are noted, but have no members yet
	inside
	leaving // rooms are noted until the handler's Disconnect has returned
	gone
)

// add takes s in, with the rooms that it joined before. It is false if the namespace was removed. A socket that has left already
// stays out.
func (h *shard) add(s *Socket) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	if s.place != outside {
		return true
	}
	if h.byID == nil {
		h.byID = map[string]*Socket{}
	}
	s.place, s.at, s.entered = inside, int32(len(h.all)), true
	if !s.recovered && !s.indebted { // these get what waits for their lane
		s.since = s.ns.position()
	}
	h.all = append(h.all, s)
	h.byID[s.id] = s
	early := s.rooms
	s.rooms = nil
	for _, m := range early {
		h.link(s, m.room.name)
	}
	return true
}

// remove takes s out of everything. Its list of rooms stays, for the handler's Disconnect.
func (h *shard) remove(s *Socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := s.place
	s.place = max(was, leaving)
	if was != inside {
		return
	}
	for _, m := range s.rooms {
		h.unlink(m)
	}
	last := len(h.all) - 1
	h.all[s.at] = h.all[last]
	h.all[s.at].at = s.at
	h.all[last] = nil
	h.all = shrink(h.all[:last])
	delete(h.byID, s.id)
}

// detach is remove. It returns the rooms of s, unless they are forgotten already, and whether it was ever inside.
func (h *shard) detach(s *Socket) (rooms []string, entered, ok bool) {
	h.remove(s)
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, m := range s.rooms {
		rooms = append(rooms, m.room.name)
	}
	return rooms, s.entered, s.place != gone
}

// shrink returns p, or a copy of it if most of its memory is unused, so that a crowd leaves nothing behind.
func shrink[T any](p []T) []T {
	if cap(p) < 64 || len(p) > cap(p)/4 {
		return p
	}
	return append(make([]T, 0, cap(p)/2), p...)
}

// join puts s into a room, unless it is there already or has left.
func (h *shard) join(s *Socket, name string) {
	if s.place >= leaving || name == s.id || h.index(s, name) >= 0 {
		return
	}
	if s.place == outside {
		s.rooms = append(s.rooms, membership{room: &room{name: name}})
		return
	}
	h.link(s, name)
}

// unknown returns how many rooms join would add to those of s.
func (h *shard) unknown(s *Socket, rooms []string) (n int) {
	if s.place >= leaving {
		return 0
	}
	for i, name := range rooms {
		if name != s.id && h.index(s, name) < 0 && !slices.Contains(rooms[:i], name) {
			n++
		}
	}
	return n
}

// link makes s a member; it is not one yet.
func (h *shard) link(s *Socket, name string) {
	r := h.rooms[name]
	if r == nil {
		if h.rooms == nil {
			h.rooms = map[string]*room{}
		}
		r = &room{name: name}
		h.rooms[name] = r
	}
	s.rooms = append(s.rooms, membership{room: r, at: len(r.members)})
	r.members = append(r.members, member{socket: s, slot: len(s.rooms) - 1})
}

// unlink takes a member out of its room. The socket's own list is not touched.
func (h *shard) unlink(m membership) {
	r := m.room
	last := len(r.members) - 1
	moved := r.members[last]
	r.members[m.at] = moved
	moved.socket.rooms[moved.slot].at = m.at
	r.members[last] = member{}
	r.members = shrink(r.members[:last])
	if last == 0 {
		delete(h.rooms, r.name)
	}
}

// leave takes s out of one room.
func (h *shard) leave(s *Socket, name string) {
	i := h.index(s, name)
	if i < 0 || s.place >= leaving {
		return
	}
	if s.place == inside {
		h.unlink(s.rooms[i])
	}
	last := len(s.rooms) - 1
	if i < last {
		s.rooms[i] = s.rooms[last]
		if s.place == inside {
			m := s.rooms[i]
			m.room.members[m.at].slot = i
		}
	}
	s.rooms[last] = membership{}
	s.rooms = s.rooms[:last]
}

// index returns where name stands in s.rooms, or -1. It goes through the shorter of the two lists that would hold it.
func (h *shard) index(s *Socket, name string) int {
	if s.place == inside {
		r := h.rooms[name]
		if r == nil {
			return -1
		}
		if len(r.members) < len(s.rooms) {
			for _, m := range r.members {
				if m.socket == s {
					return m.slot
				}
			}
			return -1
		}
	}
	return slices.IndexFunc(s.rooms, func(m membership) bool { return m.room.name == name })
}
