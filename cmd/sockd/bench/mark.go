package bench

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"strconv"
)

// A mark is "~", eight hex digits of the run and twelve of the sequence number.
const (
	markHead = 1 + 8
	markSize = markHead + seqDigits

	seqDigits = 12
)

// MinPayload is the least that an event can be told by.
const MinPayload = markSize

// mark finds the events of one run among all that a client receives. Each loop has its own.
type mark struct {
	head [markHead]byte
	at   int // where it was in the last packet, which is where it will be in the next
}

func newMark() mark {
	var m mark
	var id [4]byte
	_, _ = rand.Read(id[:])
	m.head[0] = '~'
	hex.Encode(m.head[1:], id[:])
	return m
}

// seq reads the sequence number of a packet of this run.
func (m *mark) seq(p []byte) (uint64, bool) {
	if len(p) < m.at+markSize || !bytes.Equal(p[m.at:m.at+markHead], m.head[:]) {
		at := bytes.Index(p, m.head[:])
		if at < 0 || len(p) < at+markSize {
			return 0, false
		}
		m.at = at
	}
	var n uint64
	for _, c := range p[m.at+markHead : m.at+markSize] {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// template is bytes with a place for a sequence number. Without one, at is negative.
type template struct {
	bytes []byte
	at    int
}

func (m *mark) template(before, after string, payload int) template {
	b := append([]byte(before), m.head[:]...)
	t := template{at: len(b)}
	b = append(b, "000000000000"...)
	b = append(b, bytes.Repeat([]byte("x"), payload-markSize)...)
	t.bytes = append(b, after...)
	return t
}

// with puts the number in. The bytes are the template's own, until the next call.
func (t *template) with(seq uint64) []byte {
	const digits = "0123456789abcdef"
	for i := seqDigits - 1; i >= 0; i-- {
		t.bytes[t.at+i] = digits[seq&15]
		seq >>= 4
	}
	return t.bytes
}

// packets holds what a run's clients send.
type packets struct {
	prefix  string   // "" or "/namespace,"
	connect []byte   // Engine.IO message of CONNECT
	leave   []byte   // … of DISCONNECT
	event   template // … of EVENT
	ackTail template // what follows the id of an EVENT with one
	post    template // body of a POST
}

func newPackets(o *Options, m *mark) packets {
	name, _ := json.Marshal(o.Event)
	var p packets
	if o.Namespace != "/" {
		p.prefix = o.Namespace + ","
	}
	p.connect = append([]byte("40"+p.prefix), o.Auth...)
	p.leave = []byte("41" + p.prefix)
	p.event = m.template("42"+p.prefix+"["+string(name)+`,"`, `"]`, o.Payload)
	p.ackTail = m.template("["+string(name)+`,"`, `"]`, o.Payload)
	where := ""
	if o.Namespace != "/" {
		quoted, _ := json.Marshal(o.Namespace)
		where = `"namespace":` + string(quoted) + ","
	}
	p.post = m.template(`{"event":`+string(name)+`,`+where+`"args":["`, `"]}`, o.Payload)
	return p
}

// body cuts the namespace off a packet, type digit included.
func (p *packets) body(packet []byte) (kind byte, rest []byte, ok bool) {
	if len(packet) == 0 {
		return 0, nil, false
	}
	kind, rest = packet[0], packet[1:]
	if p.prefix != "" {
		rest, ok = bytes.CutPrefix(rest, []byte(p.prefix))
		if !ok { // a packet without data may lack the comma
			ok = string(rest) == p.prefix[:len(p.prefix)-1]
			rest = nil
		}
		return kind, rest, ok
	}
	return kind, rest, true
}

// ackID reads the digits before an ACK's list.
func ackID(rest []byte) (uint64, bool) {
	end := bytes.IndexByte(rest, '[')
	if end < 0 {
		end = len(rest)
	}
	id, err := strconv.ParseUint(string(rest[:end]), 10, 64)
	return id, err == nil
}
