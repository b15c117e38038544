package engineio

// SetData keeps v with the socket, for the layer above.
func (s *Socket) SetData(v any) { s.data.Store(&v) }

// Data returns what SetData was given last; nil before.
func (s *Socket) Data() any {
	if p := s.data.Load(); p != nil {
		return *p
	}
	return nil
}
