package socketio

import "bytes"

// partial is a binary packet whose attachments are still coming in.
type partial struct {
	packet      packet // owns its bytes
	attachments [][]byte
	size        int64 // bytes kept so far
}

// begin keeps the first part of a binary packet. For a namespace that was not joined nothing is kept.
func (c *client) begin(k packet) {
	c.mu.Lock()
	s := c.find(k.path)
	ignored := c.ended
	known := s != nil && s.state != connecting
	c.mu.Unlock()
	size := int64(len(k.path) + len(k.data))
	switch {
	case ignored:
	case !known:
		c.violation()
	case size > c.srv.options.Load().MaxPending:
		c.malformed()
	default:
		c.partial = &partial{packet: k.clone(), attachments: make([][]byte, 0, k.attachments), size: size}
	}
}

// clone returns a copy of k that owns its bytes.
func (k packet) clone() packet {
	k.path, k.data, k.name = bytes.Clone(k.path), bytes.Clone(k.data), bytes.Clone(k.name)
	return k
}

// attach adds a binary message to the packet it belongs to, and delivers that if it is the last one.
func (c *client) attach(p []byte) {
	w := c.partial
	if w == nil || w.size+int64(len(p)) > c.srv.options.Load().MaxPending {
		c.partial = nil
		c.malformed()
		return
	}
	w.attachments = append(w.attachments, append(make([]byte, 0, len(p)), p...))
	w.size += int64(len(p))
	if len(w.attachments) < w.packet.attachments {
		return
	}
	c.partial = nil
	if !w.packet.complete() {
		c.malformed()
		return
	}
	c.deliver(w.packet, w.attachments)
}

// complete reports whether the placeholders in the payload fit the attachments.
func (k *packet) complete() bool {
	if k.data == nil {
		return true
	}
	_, fit := placeholdersFit(k.data, skipSpace(k.data, 0), k.attachments)
	return fit
}
