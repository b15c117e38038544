package socketio

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/sockd/sockd/instance/engineio"
)

var (
	errNoAck  = errors.New("socketio: engine.io has no acknowledgements")
	errNoBody = errors.New("socketio: an engine.io message is made of the first argument, and there is none")
)

// raw is the parser [Raw]: no packets, only the messages of Engine.IO. It is what a client that speaks no Socket.IO sees of rooms and
// broadcasts.
type raw struct{}

// What comes in, as an event.
const (
	rawName   = `["message"`
	rawBinary = rawName + `,{"_placeholder":true,"num":0}]`
)

var messageName = []byte("message")

// enter puts a new connection into "/", as nobody asks for it. Without that namespace, or if its handler refuses, the connection ends.
func (raw) enter(c *client) {
	c.connect(packet{kind: connect, path: mainPath})
	c.mu.Lock()
	in := c.first != nil
	c.mu.Unlock()
	if !in {
		c.conn.Close(engineio.ForcedServerClose)
	}
}

// take makes an event of a message.
func (raw) take(c *client, p []byte, binary bool) {
	k := packet{kind: event, path: mainPath, name: messageName, nameEnd: len(rawName)}
	if binary {
		k.data = []byte(rawBinary)
		c.deliver(k, [][]byte{p})
		return
	}
	e := c.srv.scratch.Get().(*encoder)
	defer c.srv.release(e)
	e.buf = append(appendString(append(append(e.buf[:0], rawName...), ','), string(p)), ']')
	k.data = e.buf
	c.deliver(k, nil)
}

// encode makes one message of the first argument: text of a string, binary of bytes, and the JSON of anything else as text.
func (raw) encode(srv *Server, d draft) (*engineio.Message, error) {
	if d.kind == ack || d.hasID {
		return nil, errNoAck
	}
	if d.relay == nil && len(d.args) > 0 {
		switch v := d.args[0].(type) {
		case string:
			return engineio.Text([]byte(strings.ToValidUTF8(v, "\ufffd"))), nil
		case []byte:
			return engineio.Binary(v), nil
		}
		d.args = d.args[:1]
	}
	d.last = "" // no client of this kind can come back
	e := srv.scratch.Get().(*encoder)
	defer srv.release(e)
	e.buf = e.buf[:0]
	if err := e.payload(&d); err != nil {
		return nil, err
	}
	_, end, _ := firstElement(e.buf) // payload has begun with a name
	args := elements(e.buf, end)
	if len(args) == 0 {
		return nil, errNoBody
	}
	if p, ok := onlyBytes(args[0], e.attachments); ok {
		return engineio.Binary(p), nil
	}
	if args[0][0] == '"' {
		return engineio.Text(text(args[0])), nil
	}
	return engineio.Text(args[0]), nil
}

// onlyBytes returns the attachment that an argument stands for.
func onlyBytes(arg json.RawMessage, attachments [][]byte) ([]byte, bool) {
	if len(attachments) == 0 || arg[0] != '{' {
		return nil, false
	}
	var mark struct {
		Placeholder bool `json:"_placeholder"`
		Num         uint `json:"num"`
	}
	if json.Unmarshal(arg, &mark) != nil || !mark.Placeholder || mark.Num >= uint(len(attachments)) {
		return nil, false
	}
	return attachments[mark.Num], true
}

// control has nothing to say: there is no other kind of message.
func (raw) control(kind, string, []byte) *engineio.Message { return engineio.Batch() }
