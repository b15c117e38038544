package socketio

// Decoded is a decoded packet, for tests.
type Decoded struct {
	Kind        byte
	Path        string
	ID          uint64
	HasID       bool
	Attachments int
	Data        string
	Name        string
}

// Decode reads one packet.
func Decode(p []byte, maxAttachments int) (Decoded, error) {
	k, err := decode(p, maxAttachments)
	if err != nil {
		return Decoded{}, err
	}
	return Decoded{byte(k.kind), string(k.path), k.id, k.hasID, k.attachments, string(k.data), string(k.name)}, nil
}

// Encode is the reverse of Decode.
func Encode(d Decoded) []byte {
	return append(appendHead(nil, kind(d.Kind), d.Attachments, d.Path, d.ID, d.HasID), d.Data...)
}

// EncodeArgs encodes [name, args…].
func EncodeArgs(name string, args ...any) (string, [][]byte, error) {
	var e encoder
	err := e.array(&name, args)
	return string(e.buf), e.attachments, err
}

// PlaceholdersFit checks the placeholders of valid JSON.
func PlaceholdersFit(p []byte, n int) bool {
	_, fit := placeholdersFit(p, skipSpace(p, 0), n)
	return fit
}

// Elements splits a valid JSON array.
func Elements(p []byte) []string {
	var all []string
	for _, e := range elements(p, 0) {
		all = append(all, string(e))
	}
	return all
}

// Waiting returns how many connections have joined nothing yet.
func (s *Server) Waiting() int {
	s.waiting.mu.Lock()
	defer s.waiting.mu.Unlock()
	return s.waiting.queue.Len()
}

// PendingAcks returns how many acknowledgements the socket is waited for.
func (s *Socket) PendingAcks() int {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	return len(s.acks)
}

// Residue returns how many entries the shards hold.
func (ns *Namespace) Residue() (sockets, ids, rooms int) {
	for i := range ns.shards {
		h := &ns.shards[i]
		h.mu.RLock()
		sockets += len(h.all)
		ids += len(h.byID)
		rooms += len(h.rooms)
		h.mu.RUnlock()
	}
	return sockets, ids, rooms
}

// CheckRooms returns what is inconsistent in the links between sockets and rooms, or "".
func (ns *Namespace) CheckRooms() string {
	for i := range ns.shards {
		h := &ns.shards[i]
		h.mu.RLock()
		defer h.mu.RUnlock()
		for at, s := range h.all {
			if int(s.at) != at || h.byID[s.id] != s {
				return "socket " + s.id
			}
			for slot, m := range s.rooms {
				if h.rooms[m.room.name] != m.room || m.room.members[m.at] != (member{s, slot}) {
					return "membership of " + s.id + " in " + m.room.name
				}
			}
		}
		for name, r := range h.rooms {
			if len(r.members) == 0 {
				return "empty room " + name
			}
			for at, m := range r.members {
				if m.socket.rooms[m.slot] != (membership{r, at}) {
					return "member " + m.socket.id + " of " + name
				}
			}
		}
	}
	return ""
}

// Resumption reads what a CONNECT says about recovery.
func Resumption(auth []byte) (pid, offset string, seen bool) { return resumption(auth) }
