package instance

import (
	"encoding/binary"
	"errors"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/socketio"
)

// An event in the journal is, with lengths and counts as unsigned varints,
//
//	version flags count{rooms} count{except} skip name payload count{attachments}
//
// where every text and every attachment has its length before it. Of one that is not kept there is nothing behind the flags.
const entryVersion = 1

const (
	keptEntry = 1 << iota
	ackedEntry
)

var (
	errEntry      = errors.New("journal: not the record of an event")
	errEntryNewer = errors.New("journal: an event of a newer version of this program")
)

// appendEntry appends e to dst.
func appendEntry(dst []byte, e *broadcast.Entry) ([]byte, error) {
	flags := byte(0)
	if e.Kept {
		flags |= keptEntry
	}
	if e.Acked {
		flags |= ackedEntry
	}
	dst = append(dst, entryVersion, flags)
	if !e.Kept {
		return dst, nil
	}
	name, payload, attachments, err := e.Packet.Event()
	if err != nil {
		return dst, err
	}
	dst = appendTexts(appendTexts(dst, e.To.Rooms), e.To.Except)
	dst = appendText(appendText(appendText(dst, e.To.Skip), name), payload)
	dst = binary.AppendUvarint(dst, uint64(len(attachments)))
	for _, a := range attachments {
		dst = appendText(dst, a)
	}
	return dst, nil
}

func appendText[T ~string | ~[]byte](dst []byte, s T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendTexts(dst []byte, all []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(all)))
	for _, s := range all {
		dst = appendText(dst, s)
	}
	return dst
}

// decodeEntry reads what appendEntry wrote. Nothing of p is kept.
func decodeEntry(p []byte) (e broadcast.Stored, kept bool, err error) {
	switch {
	case len(p) < 2 || p[0] == 0:
		return e, false, errEntry
	case p[0] > entryVersion:
		return e, false, errEntryNewer
	}
	r := entryReader{rest: p[2:]}
	e.Acked = p[1]&ackedEntry != 0
	if p[1]&keptEntry == 0 {
		return e, false, nil
	}
	e.To = socketio.Selector{Rooms: r.texts(), Except: r.texts(), Skip: string(r.bytes())}
	e.Event = socketio.Event{Name: string(r.bytes()), Payload: append([]byte(nil), r.bytes()...)}
	for range r.count() {
		e.Event.Attachments = append(e.Event.Attachments, append([]byte{}, r.bytes()...))
	}
	if r.bad || len(r.rest) > 0 {
		return e, false, errEntry
	}
	return e, true, nil
}

// entryReader reads a record from its front. Once it is bad, everything is empty.
type entryReader struct {
	rest []byte
	bad  bool
}

func (r *entryReader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if r.bad || size <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// count is a number of things that take a byte at least.
func (r *entryReader) count() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return 0
	}
	return int(n)
}

func (r *entryReader) bytes() []byte {
	n := r.count()
	p := r.rest[:n:n]
	r.rest = r.rest[n:]
	return p
}

func (r *entryReader) texts() []string {
	var all []string
	for range r.count() {
		all = append(all, string(r.bytes()))
	}
	return all
}
