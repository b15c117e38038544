package socketio

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/sockd/sockd/instance/engineio"
)

var (
	errMsgpack   = errors.New("packet: not the msgpack of a packet")
	errNamespace = errors.New("packet: namespace is no string")
)

// arguments are the elements of a received msgpack array, checked but not decoded.
type arguments struct {
	body    []byte // the elements, without the array's head
	n       int    // how many they are
	nameEnd int    // where the first ends in body if it can be the name of an event, else 0
	blobs   int    // binary values in them
}

// packed is the [Msgpack] parser.
type packed struct {
	packers sync.Pool // of *packer
}

var _ codec = (*packed)(nil)

func newPacked() *packed {
	return &packed{sync.Pool{New: func() any { return new(packer) }}}
}

// take reads a packet. There is none in text.
func (*packed) take(c *client, p []byte, binary bool) {
	if !binary {
		c.malformed()
		return
	}
	c.handle(decodePacked(p))
}

// fields are where the parts of a packet were found, or -1.
type fields struct {
	kind, path, id, data int

	dataEnd int
	blobs   int // binary values in the data
}

// decodePacked reads
//
//	{"type": 0 to 4, "nsp": string, "data": any, "id": integer}
//
// in any order and with any other keys, of which the reference's clients write one, "options". The last of equal keys counts. The rules are
// those of socket.io-msgpack-parser 3.0.2. It is stricter in four points: text has to be UTF-8, keys of maps no containers, ids may not be
// negative, and nesting ends at maxNesting.
func decodePacked(p []byte) (packet, error) {
	k := packet{}
	at, ok := findFields(p)
	if !ok {
		return k, errMsgpack
	}
	t, ok := wholeAt(p, at.kind)
	if !ok || t > uint64(connectError-connect) {
		return k, errKind
	}
	k.kind = connect + kind(t)
	if k.path, ok = textAt(p, at.path); !ok {
		return k, errNamespace
	}
	if !absent(p, at.id) {
		if k.id, k.hasID = wholeAt(p, at.id); !k.hasID {
			return k, errID
		}
	}
	return k, k.unpack(p, at)
}

// findFields looks through the map that p must be.
func findFields(p []byte) (at fields, ok bool) {
	at = fields{kind: -1, path: -1, id: -1, data: -1}
	h, i, ok := readHead(p, 0)
	if !ok || h.form != formMap {
		return at, false
	}
	for range h.n {
		name, _ := textAt(p, i)
		if i, ok = skipKey(p, i); !ok {
			return at, false
		}
		value := i
		var blobs int
		if i, blobs, ok = skipPacked(p, i, 1); !ok {
			return at, false
		}
		switch string(name) {
		case "type":
			at.kind = value
		case "nsp":
			at.path = value
		case "id":
			at.id = value
		case "data":
			at.data, at.dataEnd, at.blobs = value, i, blobs
		}
	}
	return at, i == len(p)
}

// absent reports whether there is nothing at i, or undefined, which clients write for what they leave out.
func absent(p []byte, i int) bool {
	if i < 0 {
		return true
	}
	h, _, _ := readHead(p, i)
	return h.form == formUndefined
}

// textAt returns the string at i, if there is one.
func textAt(p []byte, i int) ([]byte, bool) {
	if i < 0 {
		return nil, false
	}
	h, i, ok := readHead(p, i)
	if !ok || h.form != formText {
		return nil, false
	}
	return p[i : i+h.n], true
}

// wholeAt returns the integer at i if it is one that is not negative. As in JavaScript, 2.0 is an integer.
func wholeAt(p []byte, i int) (uint64, bool) {
	if i < 0 {
		return 0, false
	}
	switch h, _, _ := readHead(p, i); h.form {
	case formUint:
		return h.num, true
	case formFloat:
		f := math.Float64frombits(h.num)
		return uint64(f), f >= 0 && f < 1<<64 && f == math.Trunc(f)
	}
	return 0, false
}

// unpack checks the payload and takes it over.
func (k *packet) unpack(p []byte, at fields) error {
	if absent(p, at.data) {
		if k.kind == connect || k.kind == disconnect {
			return nil
		}
		return errPayload
	}
	h, body, _ := readHead(p, at.data)
	fit := false
	switch k.kind {
	case connect:
		if fit = h.form == formMap; fit {
			u := unpacker{p: p, inline: true}
			u.value(at.data)
			k.data = u.dst
		}
	case connectError:
		fit = h.form == formMap || h.form == formText
	case event, ack:
		if fit = h.form == formArray; fit {
			k.packed = arguments{body: p[body:at.dataEnd], n: h.n, blobs: at.blobs}
		}
	}
	if !fit {
		return errPayload
	}
	if k.kind == event {
		k.name, k.packed.nameEnd = eventName(k.packed)
	}
	return nil
}

// eventName returns the name of an event and where it ends: a string, or a number as it is written in decimal. For the reference anything is a
// name, even nothing. What no handler can be meant by is ignored here, like an event without payload; see [client.deliver].
func eventName(a arguments) (name []byte, end int) {
	if a.n == 0 {
		return nil, 0
	}
	h, i, _ := readHead(a.body, 0)
	switch h.form {
	case formText:
		return a.body[i : i+h.n], i + h.n
	case formUint:
		return strconv.AppendUint(nil, h.num, 10), i
	case formInt:
		return strconv.AppendInt(nil, int64(h.num), 10), i
	case formFloat:
		if f := math.Float64frombits(h.num); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return appendNumber(nil, f), i
		}
	}
	return nil, 0
}

// control packs the payload.
func (c *packed) control(k kind, path string, payload []byte) *engineio.Message {
	e := c.packers.Get().(*packer)
	defer c.release(e)
	e.control(k, path, payload)
	return engineio.Binary(e.buf)
}

// encode writes the arguments of a received event as they came, and packs any others.
func (c *packed) encode(_ *Server, d draft) (*engineio.Message, error) {
	e := c.packers.Get().(*packer)
	defer c.release(e)
	if err := e.packet(&d); err != nil {
		return nil, err
	}
	return engineio.Binary(e.buf), nil
}

// release gives a scratch packer back, unless it has grown large.
func (c *packed) release(e *packer) {
	if cap(e.buf) > maxPooled || cap(e.json.buf) > maxPooled || cap(e.sizes) > maxPooled/8 {
		return
	}
	clear(e.json.attachments)
	e.json.attachments, e.blobs, e.marks = e.json.attachments[:0], nil, nil
	c.packers.Put(e)
}

// packet writes a draft.
func (e *packer) packet(d *draft) error {
	e.begin(d.kind, true, d.hasID)
	if err := e.payload(d); err != nil {
		return err
	}
	e.end(d.path, d.id, d.hasID)
	return nil
}

// control writes a packet of another kind. payload is valid JSON, or empty.
func (e *packer) control(k kind, path string, payload []byte) {
	e.begin(k, len(payload) > 0, false)
	if len(payload) > 0 {
		_ = e.raw(payload, nil)
	}
	e.end(path, 0, false)
}

// begin writes a packet up to its payload.
func (e *packer) begin(k kind, data, hasID bool) {
	n := 2
	if data {
		n++
	}
	if hasID {
		n++
	}
	e.buf = append(appendText(appendMap(e.buf[:0], n), "type"), byte(k-connect))
	if data {
		e.buf = appendText(e.buf, "data")
	}
}

// end writes what comes behind the payload.
func (e *packer) end(path string, id uint64, hasID bool) {
	if hasID {
		e.buf = appendUint(appendText(e.buf, "id"), id)
	}
	e.buf = appendText(appendText(e.buf, "nsp"), path)
}

// payload appends the array of a draft.
func (e *packer) payload(d *draft) error {
	extra := 0
	if d.last != "" {
		extra = 1
	}
	var err error
	switch {
	case d.relay == nil:
		err = e.array(d, extra)
	case d.relay.packed.n > 0:
		e.relay(d, extra)
	default:
		err = e.relayJSON(d, extra)
	}
	if extra > 0 {
		e.text(d.last)
	}
	return err
}

// array appends the head of an array and its elements, of which so many more follow.
func (e *packer) array(d *draft, more int) error {
	if d.kind == event {
		e.buf = appendArray(e.buf, 1+len(d.args)+more)
		e.text(d.name)
	} else {
		e.buf = appendArray(e.buf, len(d.args)+more)
	}
	for i, arg := range d.args {
		if err := e.value(arg); err != nil {
			return fmt.Errorf("argument %d: %w", i+1, err)
		}
	}
	return nil
}

// relay appends the array of a received event.
func (e *packer) relay(d *draft, more int) {
	a := &d.relay.packed
	e.buf = appendArray(e.buf, a.n+more)
	if d.name == "" {
		e.buf = append(e.buf, a.body...)
		return
	}
	e.text(d.name)
	e.buf = append(e.buf, a.body[a.nameEnd:]...)
}

// relayJSON appends the array of an event whose payload is JSON, with its attachments in the place of their placeholders.
func (e *packer) relayJSON(d *draft, more int) error {
	end, err := d.relay.end()
	if err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	args := elements(d.relay.Payload, end)
	e.buf = appendArray(e.buf, 1+len(args)+more)
	if d.name != "" {
		e.text(d.name)
	} else if err := e.raw(elements(d.relay.Payload, 0)[0], nil); err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	for i, arg := range args {
		if err := e.raw(arg, d.relay.Attachments); err != nil {
			return fmt.Errorf("relay: argument %d: %w", i+1, err)
		}
	}
	return nil
}
