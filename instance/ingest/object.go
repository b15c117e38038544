package ingest

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// object is where the fields of an event are.
type object struct {
	start                                      int
	event, args, data, namespace, room, except span
}

const allowed = "allowed are event, args, data, namespace, room and except"

// read takes an object. Of a field that comes twice the last one counts, as with encoding/json.
func (o *object) read(s *scanner, depth int) *flaw {
	o.start = s.pos
	return s.object(depth, func(key span) *flaw {
		field := o.field(key.of(s.src))
		if field == nil {
			return &flaw{badEvent, key.start, "unknown field " + string(key.of(s.src)) + "; " + allowed}
		}
		s.peek()
		start := s.pos
		if f := s.value(depth); f != nil {
			return f
		}
		*field = span{start, s.pos}
		return nil
	})
}

// field returns where to keep the field of that name, which is in quotes; nil if there is none.
func (o *object) field(name []byte) *span {
	if bytes.IndexByte(name, '\\') >= 0 {
		name = strconv.AppendQuote(nil, unquote(name))
	}
	switch string(name[1 : len(name)-1]) {
	case "event":
		return &o.event
	case "args":
		return &o.args
	case "data":
		return &o.data
	case "namespace":
		return &o.namespace
	case "room":
		return &o.room
	case "except":
		return &o.except
	}
	return nil
}

// decode reads a body in the default shape: an object, or an array of them. several tells an array of one from an object.
func (s *settings) decode(src []byte) (events []*Event, several bool, f *flaw) {
	sc := newScanner(src)
	switch sc.peek() {
	case '{':
		e, f := s.one(&sc, 1)
		if f != nil {
			return nil, false, f
		}
		events = append(events, e)
	case '[':
		several = true
		f = sc.array(1, func() *flaw {
			if sc.peek() != '{' {
				return sc.unexpected("an object, the event")
			}
			e, f := s.one(&sc, 2)
			if f == nil && len(events) == maxResults {
				f = &flaw{tooLarge, sc.pos, "more than " + strconv.Itoa(maxResults) + " events in an array; send them as NDJSON"}
			}
			events = append(events, e)
			return f
		})
	default:
		f = sc.unexpected("an event: an object, or an array of them")
	}
	if f == nil {
		f = sc.end()
	}
	return events, several, f
}

// line reads a line of NDJSON in the default shape.
func (s *settings) line(src []byte) (*Event, *flaw) {
	sc := newScanner(src)
	if sc.peek() != '{' {
		return nil, sc.unexpected("an object, the event")
	}
	e, f := s.one(&sc, 1)
	if f == nil {
		f = sc.end()
	}
	return e, f
}

// one reads the object that the scanner is at.
func (s *settings) one(sc *scanner, depth int) (*Event, *flaw) {
	var o object
	if f := o.read(sc, depth); f != nil {
		return nil, f
	}
	return s.event(&o, sc.src)
}

// event makes an event of a well-formed object.
func (s *settings) event(o *object, src []byte) (*Event, *flaw) {
	e := new(Event)
	var f *flaw
	if e.Name, f = eventName(o, src); f != nil {
		return nil, f
	}
	if e.Namespace, f = s.namespace(o.namespace, src); f != nil {
		return nil, f
	}
	if e.Rooms, f = names("room", o.room, src); f != nil {
		return nil, f
	}
	if e.Except, f = names("except", o.except, src); f != nil {
		return nil, f
	}
	e.Payload, f = payload(o, src)
	return e, f
}

func eventName(o *object, src []byte) (string, *flaw) {
	raw := o.event.of(src)
	if absent(raw) {
		return "", &flaw{badEvent, o.start, "event is missing"}
	}
	name, ok := text(raw)
	switch {
	case !ok || name == "":
		return "", &flaw{badEvent, o.event.start, "event must be a string that is not empty"}
	case reserved(name):
		return "", &flaw{badEvent, o.event.start, "event " + strconv.Quote(name) + " is reserved"}
	}
	return name, nil
}

// reserved are the names that Socket.IO uses itself.
func reserved(name string) bool {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

func (s *settings) namespace(p span, src []byte) (string, *flaw) {
	raw := p.of(src)
	if absent(raw) {
		raw = nil
	}
	name, ok := "/", true
	if raw != nil {
		name, ok = text(raw)
	}
	if !ok {
		return "", &flaw{badEvent, p.start, "namespace must be a string"}
	}
	name, ok = s.known(name)
	if !ok {
		return "", &flaw{badEvent, p.start, "namespace " + strconv.Quote(name) + " is not of this instance"}
	}
	return name, nil
}

// known gives a namespace its slash and tells whether it may be used. One with a comma could not be written in a packet.
func (s *settings) known(name string) (string, bool) {
	switch {
	case name == "/" || name == "":
		name = "/"
	case name[0] != '/':
		name = "/" + name
	}
	return name, !strings.Contains(name, ",") && (s.Namespace == nil || s.Namespace(name))
}

// names reads a string or an array of them. An empty array is refused: it comes from a program that found no receiver, and would go to everyone.
func names(field string, p span, src []byte) ([]string, *flaw) {
	raw := p.of(src)
	if absent(raw) {
		return nil, nil
	}
	if name, ok := text(raw); ok {
		return []string{name}, nil
	}
	list, ok := texts(raw)
	if !ok {
		return nil, &flaw{badEvent, p.start, field + " must be a string, or an array of strings with at least one"}
	}
	return list, nil
}

// texts returns the strings of a well-formed array of at least one.
func texts(raw []byte) (list []string, ok bool) {
	if raw[0] != '[' {
		return nil, false
	}
	sc := scanner{src: raw}
	f := sc.array(1, func() *flaw {
		if sc.peek() != '"' {
			return sc.unexpected("a string")
		}
		p, f := sc.text()
		list = append(list, unquote(p.of(raw)))
		return f
	})
	return list, f == nil && list != nil
}

// payload is [name, args…] in memory of its own.
func payload(o *object, src []byte) (json.RawMessage, *flaw) {
	name, args, data := o.event.of(src), o.args.of(src), o.data.of(src)
	if absent(args) {
		args = nil
	}
	switch {
	case args == nil:
		args = data
	case data != nil && !absent(data):
		return nil, &flaw{badEvent, o.data.start, "args and data exclude each other"}
	case args[0] != '[':
		return nil, &flaw{badEvent, o.args.start, "args must be an array; data is one argument"}
	default:
		args = trim(args[1 : len(args)-1])
	}
	p := make([]byte, 0, len(name)+len(args)+3)
	p = append(append(p, '['), name...)
	if len(args) > 0 {
		p = append(append(p, ','), args...)
	}
	return append(p, ']'), nil
}

// trim cuts the white space of JSON.
func trim(p []byte) []byte {
	for len(p) > 0 && isSpace(p[0]) {
		p = p[1:]
	}
	for len(p) > 0 && isSpace(p[len(p)-1]) {
		p = p[:len(p)-1]
	}
	return p
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func absent(raw []byte) bool { return len(raw) == 0 || string(raw) == "null" }
