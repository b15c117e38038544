package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
)

// kind is the type of a packet: its first character on the wire,
// https://github.com/socketio/socket.io-protocol#packet-encoding
type kind byte

const (
	connect kind = '0' + iota
	disconnect
	event
	ack
	connectError
	binaryEvent
	binaryAck
)

// binary reports whether attachments follow a packet of this kind.
func (k kind) binary() bool { return k == binaryEvent || k == binaryAck }

var (
	errKind        = errors.New("packet: unknown type")
	errAttachments = errors.New("packet: number of attachments out of range")
	errID          = errors.New("packet: acknowledgement id too large")
	errJSON        = errors.New("packet: payload is not valid JSON")
	errPayload     = errors.New("packet: payload does not fit its type")
	errReserved    = errors.New("packet: event name is reserved")
)

var mainPath = []byte("/")

// packet is a packet as it was received. Its slices point into the received bytes.
type packet struct {
	kind        kind
	hasID       bool
	attachments int       // 1 or more for the binary kinds, else 0
	id          uint64    // of an acknowledgement, if hasID
	path        []byte    // the namespace, verbatim; "/" if the packet names none
	data        []byte    // the JSON payload; nil if absent
	name        []byte    // events with a payload: the decoded name
	nameEnd     int       // where the name ends in data
	packed      arguments // events and acknowledgements of the msgpack parser: their payload, instead of data
}

// decode reads
//
//	<type>[<attachments>-][<namespace>,][<id>][<json>]
//
// The comma may be missing at the end of the packet; some clients leave it out. Payloads are checked for validity and for the
// shape that their type asks for, but never decoded beyond an event's name. Unlike the reference server, which converts by
// loose JavaScript rules, only digits count as numbers, and an id that does not fit 64 bits is refused.
func decode(p []byte, maxAttachments int) (packet, error) {
	k := packet{path: mainPath}
	if len(p) == 0 || p[0] < byte(connect) || p[0] > byte(binaryAck) {
		return k, errKind
	}
	k.kind, p = kind(p[0]), p[1:]
	if k.kind.binary() {
		count, rest, found := bytes.Cut(p, []byte{'-'})
		n, digits, ok := number(count)
		if !found || digits == 0 || digits != len(count) || !ok || n == 0 || n > uint64(maxAttachments) {
			return k, errAttachments
		}
		k.attachments, p = int(n), rest
	}
	if len(p) > 0 && p[0] == '/' {
		k.path, p, _ = bytes.Cut(p, []byte{','})
	}
	id, digits, ok := number(p)
	if !ok {
		return k, errID
	}
	k.id, k.hasID = id, digits > 0
	if p = p[digits:]; len(p) > 0 {
		k.data = p
	}
	return k, k.check()
}

// number reads the digits at the start of p. It is not ok if their value does not fit 64 bits.
func number(p []byte) (n uint64, digits int, ok bool) {
	for digits < len(p) && '0' <= p[digits] && p[digits] <= '9' {
		d := uint64(p[digits] - '0')
		if n > (math.MaxUint64-d)/10 {
			return 0, digits, false
		}
		n = n*10 + d
		digits++
	}
	return n, digits, true
}

// check validates the payload and finds an event's name. An absent payload is tolerated, as in the reference server.
func (k *packet) check() error {
	if k.data == nil {
		return nil
	}
	if k.kind == disconnect {
		return errPayload
	}
	if !json.Valid(k.data) {
		return errJSON
	}
	first := k.data[skipSpace(k.data, 0)]
	switch k.kind {
	case connect:
		if first != '{' {
			return errPayload
		}
	case connectError:
		if first != '{' && first != '"' {
			return errPayload
		}
	case ack, binaryAck:
		if first != '[' {
			return errPayload
		}
	default:
		return k.checkEvent()
	}
	return nil
}

func (k *packet) checkEvent() error {
	name, end, ok := firstElement(k.data)
	if !ok {
		return errPayload
	}
	if reserved(string(name)) {
		return errReserved
	}
	k.name, k.nameEnd = name, end
	return nil
}

// reserved reports whether an event may not have this name, in either direction.
func reserved(name string) bool {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// headroom is the most that appendHead adds to the length of a path.
const headroom = 1 + 20 + 1 + 1 + 20

// appendHead appends everything of a packet but its payload. For kinds that may be binary, attachments decides: with none the
// packet is a plain one.
func appendHead(dst []byte, k kind, attachments int, path string, id uint64, hasID bool) []byte {
	if attachments > 0 && (k == event || k == ack) {
		k += binaryEvent - event
	}
	dst = append(dst, byte(k))
	if k.binary() {
		dst = append(strconv.AppendInt(dst, int64(attachments), 10), '-')
	}
	if path != "/" {
		dst = append(append(dst, path...), ',')
	}
	if hasID {
		dst = strconv.AppendUint(dst, id, 10)
	}
	return dst
}
