package rule

// Handles reports whether a namespace has a rule of exactly this name, whatever it says of where the event comes from. It is for connect and
// disconnect, which nobody needs to make an event of otherwise.
func (s *Set) Handles(namespace, event string) bool { return s.table(namespace).exact[event] != nil }

// Moves reports whether the rule of exactly this name has its sender join or leave rooms.
func (s *Set) Moves(namespace, event string) bool {
	r := s.table(namespace).exact[event]
	return r != nil && len(r.join)+len(r.leave) > 0
}

// Slow reports whether making the answer may take over 100 µs, because it is a program.
func (r *Reply) Slow() bool { return r.program != nil }
