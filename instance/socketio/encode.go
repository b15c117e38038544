package socketio

import "github.com/sockd/sockd/instance/engineio"

// release gives a scratch encoder back, unless it has grown large.
func (s *Server) release(e *encoder) {
	if cap(e.buf) > maxPooled {
		return
	}
	clear(e.attachments)
	e.attachments = e.attachments[:0]
	s.scratch.Put(e)
}

// text encodes a packet that is no event and no acknowledgement. payload is valid JSON, or empty.
func (ns *Namespace) text(k kind, payload string) *engineio.Message {
	return ns.srv.codec.control(k, ns.path, []byte(payload))
}

// batch joins a packet's text with its attachments, so that nothing can come between them.
func batch(text []byte, attachments [][]byte) *engineio.Message {
	m := engineio.Text(text)
	if len(attachments) == 0 {
		return m
	}
	parts := make([]*engineio.Message, 1, 1+len(attachments))
	parts[0] = m
	for _, p := range attachments {
		parts = append(parts, engineio.Binary(p))
	}
	return engineio.Batch(parts...)
}

// Packet is an encoded event, or several, of one namespace. It is immutable and may be sent to any number of sockets at once.
type Packet struct {
	ns   *Namespace // nil if joined of several namespaces' packets, which nobody takes
	msg  *engineio.Message
	acks []pendingAck

	stamp int // where Stamp writes; only of stamped packets, before they are sent
}

// Len returns how many bytes the packet takes on a websocket.
func (p *Packet) Len() int { return p.msg.Len() }

// Join makes one packet of several of one namespace, in order. They are sent by one write, or not at all. Forget them, not the
// result: it shares their acknowledgements.
func Join(packets ...*Packet) *Packet {
	if len(packets) == 1 {
		return packets[0]
	}
	joint := new(Packet)
	parts := make([]*engineio.Message, len(packets))
	for i, p := range packets {
		if i == 0 {
			joint.ns = p.ns
		} else if joint.ns != p.ns {
			joint.ns = nil
		}
		parts[i] = p.msg
		joint.acks = append(joint.acks, p.acks...)
	}
	joint.msg = engineio.Batch(parts...)
	return joint
}

// Forget ends the wait for acknowledgements: the packet's AckFunc is not called any more, except by a call that has begun.
func (p *Packet) Forget() {
	for _, a := range p.acks {
		a.call.forget()
	}
}
