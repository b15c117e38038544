package socketio

// RelayAsking is [Namespace.Relay] for a packet that asks for an acknowledgement, as [Namespace.Prepare] does with one.
func (ns *Namespace) RelayAsking(ack AckFunc, e *Event, name string) (*Packet, error) {
	if reserved(name) || name == "" && reserved(e.Name) {
		return nil, ErrReserved
	}
	id := ns.lastAck.Add(1) - 1
	m, err := ns.srv.codec.encode(ns.srv, draft{kind: event, hasID: true, id: id, path: ns.path, name: name, relay: e})
	if err != nil {
		return nil, err
	}
	return &Packet{ns: ns, msg: m, acks: []pendingAck{{id: id, call: &ackCall{f: ack}}}}, nil
}
