package engineio

// receive handles a packet that came over the transport in use.
func (s *Socket) receive(p packet) {
	switch p.kind {
	case typeMessage:
		s.deliver(p.data, p.binary)
	case typePong:
		s.pong()
	case typeClose:
		s.end(TransportClose, byClient)
	case typePing:
		s.end(TransportError, cutOff) // in version 4 only servers ping
	case typeOpen, typeUpgrade, typeNoop:
		s.mu.Lock()
		s.heard()
		s.mu.Unlock()
	default:
		s.end(ParseError, cutOff)
	}
}

// deliver calls the session. Messages of a session that has ended are dropped: it was told that nothing follows.
func (s *Socket) deliver(p []byte, binary bool) {
	s.recv.Lock()
	s.mu.Lock()
	if s.phase != open {
		s.mu.Unlock()
		s.recv.Unlock()
		return
	}
	s.heard()
	s.handling = true
	s.mu.Unlock()
	defer s.handled() // also if the session panics
	s.session.Message(p, binary)
}

// handled ends a call of the session, and tells it of its end if that came meanwhile.
func (s *Socket) handled() {
	s.mu.Lock()
	s.handling = false
	call := s.owed && s.session != nil
	s.owed = false
	s.mu.Unlock()
	s.recv.Unlock()
	if call {
		s.session.Close(s.reason)
	}
}
