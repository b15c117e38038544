package engineio

import "slices"

// Known returns how many sockets the table and the clock of a server hold, for leak tests.
func Known(s *Server) (table, clock int) {
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	return len(s.sessions.all()), len(s.clock.heap)
}

// Payload returns the polling form of m.
func Payload(m *Message) []byte { return m.payload() }

// Wire returns the websocket form of m.
func Wire(m *Message) []byte { return m.wire }

// Deflated returns what m sends to a client that inflates.
func Deflated(m *Message, threshold int, bits uint8) []byte { return m.deflated(threshold, bits) }

// Packed returns the polling form of m in gzip.
func Packed(m *Message) []byte { return m.packed(gzip, m.payload()) }

// Accepted returns the content coding for the values of an Accept-Encoding header.
func Accepted(values []string) string { return codingNames[accepted(values)] }

// Packet is a decoded packet.
type Packet struct {
	Kind   byte
	Binary bool
	Data   string
}

// Decode returns the packets of a polling body.
func Decode(body []byte) (all []Packet) {
	var d decoder
	for more := true; more; {
		var p packet
		p, body, more = d.next(body)
		all = append(all, Packet{p.kind, p.binary, string(p.data)})
		if p.kind == 0 {
			break
		}
	}
	return all
}

// Scan decodes a body without keeping anything, and returns how many packets it had.
func Scan(d *Decoder, body []byte) (n int) {
	for more := true; more; n++ {
		var p packet
		if p, body, more = (*decoder)(d).next(body); p.kind == 0 {
			return n + 1
		}
	}
	return n
}

// Decoder is decoder.
type Decoder decoder

// Param is param.
func Param(query, key string) string { return param(query, key) }

// ValidText is validText.
func ValidText(p []byte) []byte { return validText(p) }

// ReasonFor is reasonFor.
func ReasonFor(err error) Reason { return reasonFor(err) }

// Ticks looks at everything that is due and returns how many sockets that were.
func Ticks(s *Server) (n int) {
	now := s.clock.now()
	batch := make([]*Socket, 0, 128)
	for {
		late, _ := s.clock.due(now, batch)
		if len(late) == 0 {
			return n
		}
		for _, k := range late {
			k.tick(now)
		}
		n += len(late)
	}
}

// Hurry makes the next deadline of all sockets now.
func Hurry(s *Server) {
	for _, k := range s.sessions.all() {
		k.mu.Lock()
		k.due = 0
		k.waiting = false
		k.schedule()
		k.mu.Unlock()
	}
}

// Clock is a clock and some sockets for it.
type Clock struct {
	clock
	sockets []*Socket
}

// NewClock returns a clock for n sockets.
func NewClock(n int) *Clock {
	c := &Clock{}
	for range n {
		c.sockets = append(c.sockets, new(Socket))
	}
	return c
}

// Set sets the clock for socket i.
func (c *Clock) Set(i int, at int64) { c.set(c.sockets[i], at) }

// Remove removes socket i.
func (c *Clock) Remove(i int) { c.remove(c.sockets[i]) }

// Due returns the sockets that are due, and when the next one is.
func (c *Clock) Due(now int64) (late []int, next int64) {
	batch, next := c.due(now, make([]*Socket, 0, len(c.sockets)))
	for _, s := range batch {
		late = append(late, slices.Index(c.sockets, s))
	}
	return late, next
}
