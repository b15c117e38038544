package socketio

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/sockd/sockd/instance/engineio"
)

// Event is a received event. It and all its bytes are borrowed for the call of [Handler].Event, except that Ack may be called later.
type Event struct {
	Name        string          // decoded; for a number, as it was written
	Payload     json.RawMessage // the array [name, args…]; each binary value is {"_placeholder":true,"num":i}. See JSON
	Attachments [][]byte        // the binary values, by num

	packed   arguments // of the msgpack parser: what Payload is made of when somebody wants it
	nameEnd  int       // where the name ends in Payload; 0 if the Event was not received
	socket   *Socket   // of an event that wants an acknowledgement
	id       uint64
	answered bool // guarded by client.mu
}

// Args returns the arguments, which are parts of Payload. Without attachments a placeholder is an object like any other.
func (e *Event) Args() []json.RawMessage {
	end, err := e.end()
	if err != nil {
		return nil
	}
	return elements(e.Payload, end)
}

// JSON returns Payload, which an event that came as msgpack has only after the first call of JSON, Args or Values: most are relayed as they are.
// There, dates are strings as JSON.stringify writes them, numbers that are none are null, and if there are attachments, the key "_placeholder"
// of an object that is data, and would be mistaken for a placeholder, is false.
func (e *Event) JSON() json.RawMessage {
	if e.Payload == nil && e.packed.n > 0 {
		e.Payload, e.nameEnd = e.packed.unpack()
	}
	return e.Payload
}

// end returns where the name ends in the payload, which is checked if it was not received.
func (e *Event) end() (int, error) {
	p := e.JSON()
	if e.nameEnd > 0 {
		return e.nameEnd, nil
	}
	if !json.Valid(p) {
		return 0, errJSON
	}
	name, end, ok := firstElement(p)
	if !ok {
		return 0, errPayload
	}
	if reserved(string(name)) {
		return 0, ErrReserved
	}
	return end, nil
}

// Values decodes the arguments; see [Values].
func (e *Event) Values() ([]any, error) { return Values(e.Args(), e.Attachments) }

// WantsAck reports whether the client waits for an acknowledgement.
func (e *Event) WantsAck() bool { return e.socket != nil }

// Ack sends the acknowledgement, with arguments as for [Namespace.Prepare]. It may be called after Event has returned, from any goroutine. A
// second one is ignored, as is one that the client does not want.
func (e *Event) Ack(args ...any) error {
	if e.socket == nil {
		return nil
	}
	s := e.socket
	m, err := s.ns.srv.codec.encode(s.ns.srv, draft{kind: ack, hasID: true, id: e.id, path: s.ns.path, args: args})
	if err != nil {
		return err
	}
	s.client.mu.Lock()
	again, closed := e.answered, s.state == left
	e.answered = true
	s.client.mu.Unlock()
	switch {
	case again:
		return nil
	case closed:
		return engineio.ErrClosed
	}
	return s.client.conn.Send(m)
}

// Acker returns Ack as a function, which keeps none of the event's bytes.
func (e *Event) Acker() func(args ...any) error { return e.Ack }

// dispatch calls the handler's Event.
func (s *Socket) dispatch(k packet, attachments [][]byte) {
	srv := s.ns.srv
	var e *Event
	if k.hasID {
		e = &Event{socket: s, id: k.id}
	} else {
		e = srv.events.Get().(*Event)
	}
	e.Name, e.Payload, e.Attachments, e.nameEnd = srv.names.string(k.name), k.data, attachments, k.nameEnd
	e.packed = k.packed
	s.ns.handle().Event(s, e)
	e.Payload, e.Attachments, e.packed, e.nameEnd = nil, nil, arguments{}, 0
	if !k.hasID { // one that wants an answer may be kept for it
		srv.events.Put(e)
	}
}

// Values decodes received arguments as encoding/json does into an any, but with numbers as [json.Number] and with copies of the
// attachments, as []byte, in place of their placeholders. What it returns can be sent again.
func Values(args []json.RawMessage, attachments [][]byte) ([]any, error) {
	all := make([]any, len(args))
	for i, arg := range args {
		d := json.NewDecoder(bytes.NewReader(arg))
		d.UseNumber()
		if err := d.Decode(&all[i]); err != nil {
			return nil, err
		}
		if len(attachments) == 0 {
			continue
		}
		var err error
		if all[i], err = fill(all[i], attachments); err != nil {
			return nil, err
		}
	}
	return all, nil
}

var errPlaceholder = errors.New("socketio: placeholder names no attachment")

// fill puts attachments in the place of placeholders.
func fill(v any, attachments [][]byte) (_ any, err error) {
	switch v := v.(type) {
	case []any:
		for i := range v {
			if v[i], err = fill(v[i], attachments); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if v["_placeholder"] == true {
			num, _ := v["num"].(json.Number)
			i, ok := attachment([]byte(num), len(attachments))
			if !ok {
				return nil, errPlaceholder
			}
			return append([]byte{}, attachments[i]...), nil
		}
		for key := range v {
			if v[key], err = fill(v[key], attachments); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}
