package socketio

// view is the scratch space of one selection.
type view struct {
	sockets []*Socket // the result
	direct  []*Socket // of these, the ones that were named by id
	rooms   []*room   // whose members are in the result
	out     []*Socket // left out by id
	except  []*room   // left out
}

// reset drops all pointers and keeps the memory.
func (v *view) reset() {
	for _, p := range []*[]*Socket{&v.sockets, &v.direct, &v.out} {
		clear(*p)
		*p = (*p)[:0]
	}
	for _, p := range []*[]*room{&v.rooms, &v.except} {
		clear(*p)
		*p = (*p)[:0]
	}
}

// collect copies the sockets that sel means into v, each once.
func (h *shard) collect(sel Selector, v *view) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	v.leaveOut(h, sel)
	if len(sel.Rooms) == 0 {
		v.addAll(h.all)
		return
	}
	for _, name := range sel.Rooms {
		if s := h.byID[name]; s != nil && !v.holds(s) && !v.leavesOut(s) {
			v.sockets = append(v.sockets, s)
			v.direct = append(v.direct, s)
		}
		if r := h.rooms[name]; r != nil {
			v.addRoom(r)
		}
	}
}

func (v *view) leaveOut(h *shard, sel Selector) {
	if s := h.byID[sel.Skip]; s != nil {
		v.out = append(v.out, s)
	}
	for _, name := range sel.Except {
		if s := h.byID[name]; s != nil {
			v.out = append(v.out, s)
		}
		if r := h.rooms[name]; r != nil {
			v.except = append(v.except, r)
		}
	}
}

func (v *view) addAll(all []*Socket) {
	if len(v.out) == 0 && len(v.except) == 0 {
		v.sockets = append(v.sockets, all...)
		return
	}
	for _, s := range all {
		if !v.leavesOut(s) {
			v.sockets = append(v.sockets, s)
		}
	}
}

func (v *view) addRoom(r *room) {
	for _, m := range r.members {
		if !v.leavesOut(m.socket) && !v.holds(m.socket) {
			v.sockets = append(v.sockets, m.socket)
		}
	}
	v.rooms = append(v.rooms, r)
}

func (v *view) leavesOut(s *Socket) bool { return among(s, v.out, v.except) }

// holds reports whether s came in by its id or by a room before.
func (v *view) holds(s *Socket) bool { return among(s, v.direct, v.rooms) }

// among reports whether s is one of the sockets or in one of the rooms. Both lists are short: they come from one selector.
func among(s *Socket, sockets []*Socket, rooms []*room) bool {
	for _, other := range sockets {
		if other == s {
			return true
		}
	}
	if len(rooms) == 0 {
		return false
	}
	for _, m := range s.rooms {
		for _, r := range rooms {
			if m.room == r {
				return true
			}
		}
	}
	return false
}
