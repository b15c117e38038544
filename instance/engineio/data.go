package engineio

// SetData keeps v with the socket, for the layer above. It and Data may only be called from the methods of the socket's [Session], whose calls
// never overlap: the value is not guarded by anything else.
func (s *Socket) SetData(v any) { s.data = v }

// Data returns what SetData was given last; nil before.
func (s *Socket) Data() any { return s.data }
