package socketio

import "errors"

// A stamp is a last argument that is known only when a packet's place in the order is: the offset of connection state recovery. The packet
// is encoded before that, with a mark of the same length in its place.

// errNoStamp is returned for a server whose packets have no room for it: that of the Raw parser.
var errNoStamp = errors.New("socketio: raw messages take no stamp")

// PrepareStamped is [Namespace.Prepare] with one more argument, a string, which must be replaced by [Packet.Stamp]. mark is what stands in
// its place until then. It must be plain ASCII without quotes and backslashes.
func (ns *Namespace) PrepareStamped(mark, name string, args ...any) (*Packet, error) {
	if reserved(name) {
		return nil, ErrReserved
	}
	return ns.stamped(draft{kind: event, path: ns.path, name: name, args: args, last: mark})
}

// RelayStamped is [Namespace.Relay] with one more argument; see PrepareStamped.
func (ns *Namespace) RelayStamped(mark string, e *Event, name string) (*Packet, error) {
	if reserved(name) || name == "" && reserved(e.Name) {
		return nil, ErrReserved
	}
	return ns.stamped(draft{kind: event, path: ns.path, name: name, relay: e, last: mark})
}

func (ns *Namespace) stamped(d draft) (*Packet, error) {
	m, err := ns.srv.codec.encode(ns.srv, d)
	if err != nil {
		return nil, err
	}
	at := m.Slot(d.last)
	if at < 0 {
		return nil, errNoStamp
	}
	return &Packet{ns: ns, msg: m, stamp: at}, nil
}

// Stamp writes b, which is as long as the mark was and needs no escapes, in the mark's place. It must be called before the packet is sent or
// joined, by whoever prepared it, and never after.
func (p *Packet) Stamp(b []byte) { p.msg.Fill(p.stamp, b) }
