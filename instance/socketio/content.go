package socketio

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/sockd/sockd/instance/engineio"
)

var errJoined = errors.New("socketio: packet holds more than one event")

// Event returns what the packet, which must not be joined of several, carries: the event's name, and its payload and attachments as in [Event]. A
// stamp is left out. The bytes may belong to the packet and must not be changed.
func (p *Packet) Event() (name string, payload json.RawMessage, attachments [][]byte, err error) {
	k, attachments, err := p.ns.srv.codec.decode(p.msg)
	if err != nil {
		return "", nil, nil, err
	}
	if k.data == nil && k.packed.n > 0 {
		k.data, _ = k.packed.unpack()
	}
	if p.stamp > 0 { // it holds no comma
		end := bytes.LastIndexByte(k.data, ',')
		k.data = append(k.data[:end:end], ']')
	}
	return string(k.name), k.data, attachments, nil
}

// parts takes a message apart: one text, and then binary ones.
func parts(m *engineio.Message) (head []byte, binary bool, rest [][]byte, err error) {
	n := 0
	m.Each(func(p []byte, bin bool) {
		n++
		switch {
		case n == 1:
			head, binary = p, bin
		case bin:
			rest = append(rest, p)
		default:
			err = errJoined
		}
	})
	return head, binary, rest, err
}

func (plain) decode(m *engineio.Message) (packet, [][]byte, error) {
	head, _, attachments, err := parts(m)
	if err != nil {
		return packet{}, nil, err
	}
	k, err := decode(head, max(len(attachments), 1))
	return k, attachments, err
}

func (*packed) decode(m *engineio.Message) (packet, [][]byte, error) {
	head, _, rest, err := parts(m)
	if err == nil && len(rest) > 0 {
		err = errJoined
	}
	if err != nil {
		return packet{}, nil, err
	}
	k, err := decodePacked(head)
	return k, k.packed.attachments(), err
}

func (raw) decode(m *engineio.Message) (packet, [][]byte, error) {
	head, binary, rest, err := parts(m)
	k := packet{kind: event, path: mainPath, name: messageName, nameEnd: len(rawName)}
	switch {
	case err != nil || len(rest) > 0:
		return k, nil, errJoined
	case binary:
		k.data = []byte(rawBinary)
		return k, [][]byte{head}, nil
	}
	k.data = append(appendString(append([]byte(rawName), ','), string(head)), ']')
	return k, nil, nil
}

// Keep returns a copy of e that stays valid after [Handler].Event has returned. From then on only the copy may be acknowledged.
func (e *Event) Keep() *Event {
	kept := &Event{Name: e.Name, nameEnd: e.nameEnd, socket: e.socket, id: e.id}
	kept.Payload = bytes.Clone(e.Payload)
	kept.packed = e.packed
	kept.packed.body = bytes.Clone(e.packed.body)
	if e.Attachments != nil {
		kept.Attachments = make([][]byte, len(e.Attachments))
		for i, p := range e.Attachments {
			kept.Attachments[i] = bytes.Clone(p)
		}
	}
	return kept
}

// Size is about how many bytes a copy of the event takes.
func (e *Event) Size() int {
	n := 256 + len(e.Payload) + len(e.packed.body)
	for _, p := range e.Attachments {
		n += len(p)
	}
	return n
}
