package socketio

import (
	"fmt"

	"github.com/sockd/sockd/instance/engineio"
)

// Parser is the form of packets on the wire. Clients must be set to the same one: the protocol has no way to ask for it.
type Parser uint8

const (
	// Default is text, with binary attachments in messages of their own: npm's socket.io-parser.
	Default Parser = iota
	// Msgpack is one binary message for each packet, with binary values inside: npm's socket.io-msgpack-parser. It knows no limit of
	// attachments but that of the message.
	Msgpack
	// Raw is no form at all, for clients of plain Engine.IO: each message is the event "message" with one argument, a string or bytes, and an
	// event that is sent is one message of its first argument, in text unless that is bytes. Every connection is in "/" from its start,
	// there are no other namespaces and no acknowledgements, and who is put out of "/" loses the connection.
	Raw
)

// codec is a [Parser] at work.
type codec interface {
	// take handles one message of a client. p is borrowed.
	take(c *client, p []byte, binary bool)
	// encode returns the message of an event or an acknowledgement.
	encode(srv *Server, d draft) (*engineio.Message, error)
	// control returns the message of any other kind of packet. payload is valid JSON, or empty.
	control(k kind, path string, payload []byte) *engineio.Message
	// decode reads what encode made of an event. The bytes belong to m.
	decode(m *engineio.Message) (packet, [][]byte, error)
}

func (p Parser) codec() codec {
	if p == Raw {
		return raw{}
	}
	if p == Msgpack {
		return newPacked()
	}
	return plain{}
}

// draft is an event or an acknowledgement that is to be encoded. Its arguments are those of relay, or else args.
type draft struct {
	kind  kind // event or ack
	hasID bool
	id    uint64
	path  string
	name  string // of an event; "" with relay stands for the name it has
	args  []any
	relay *Event
	last  string // one more argument, behind the others; "" = none
}

// plain is the [Default] parser.
type plain struct{}

// take reads a packet, or an attachment of the one before.
func (plain) take(c *client, p []byte, binary bool) {
	switch {
	case binary:
		c.attach(p)
	case c.partial != nil: // its attachments must come first
		c.partial = nil
		c.malformed()
	default:
		k, err := decode(p, c.srv.options.Load().MaxAttachments)
		c.handle(k, err)
	}
}

// control writes the payload as it is.
func (plain) control(k kind, path string, payload []byte) *engineio.Message {
	return engineio.Text(append(appendHead(nil, k, 0, path, 0, false), payload...))
}

// encode writes the payload first: the head, which stands before it, tells the number of attachments.
func (plain) encode(srv *Server, d draft) (*engineio.Message, error) {
	e := srv.scratch.Get().(*encoder)
	defer srv.release(e)
	room := headroom + len(d.path)
	e.buf = append(e.buf[:0], make([]byte, room)...)
	if err := e.payload(&d); err != nil {
		return nil, err
	}
	if len(e.attachments) > srv.options.Load().MaxAttachments {
		return nil, ErrAttachments
	}
	var scratch [128]byte
	head := appendHead(scratch[:0], d.kind, len(e.attachments), d.path, d.id, d.hasID)
	start := room - len(head)
	copy(e.buf[start:], head)
	return batch(e.buf[start:], e.attachments), nil
}

// payload appends the array of a draft.
func (e *encoder) payload(d *draft) error {
	var err error
	switch {
	case d.relay != nil:
		err = e.relay(d.relay, d.name)
	case d.kind == event:
		err = e.array(&d.name, d.args)
	default:
		err = e.array(nil, d.args)
	}
	if err == nil && d.last != "" {
		e.extend(d.last)
	}
	return err
}

// relay appends the array of a received event, with its attachments.
func (e *encoder) relay(r *Event, name string) error {
	end, err := r.end()
	if err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	if name == "" {
		e.buf = append(e.buf, r.JSON()...)
	} else {
		e.buf = appendString(append(e.buf, '['), name)
		e.buf = append(e.buf, r.JSON()[end:]...)
	}
	e.attachments = append(e.attachments, r.Attachments...)
	return nil
}

// extend puts one more element into the array that the buffer ends with. It is not empty.
func (e *encoder) extend(last string) {
	i := len(e.buf) - 1
	for e.buf[i] != ']' { // white space of a relayed payload
		i--
	}
	e.buf = append(appendString(append(e.buf[:i], ','), last), ']')
}
