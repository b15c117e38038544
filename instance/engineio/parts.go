package engineio

// Each calls f for each message that m holds, in order. p is the message as it was given to [Text] or [Binary]; it belongs to m and must not be
// changed.
func (m *Message) Each(f func(p []byte, binary bool)) {
	for rest := m.wire; len(rest) > 0; {
		var text bool
		var payload []byte
		text, payload, rest = cut(rest)
		if text {
			payload = payload[1:] // the packet type
		}
		f(payload, !text)
	}
}
