package broadcast

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/sockd/sockd/instance/socketio"
)

// ErrID is returned for what is no event's id.
var ErrID = errors.New("broadcast: not an event id")

// Record is an event as it was published. Packet is immutable; [socketio.Packet.Event] reads it.
type Record struct {
	Seq    uint64 // 0 if it only tells of a gap
	At     time.Time
	Packet *socketio.Packet
	To     socketio.Selector
	Kept   bool // it is in the history, or was
	Gap    Gap  // what is missing before it
}

// Gap is a range of events that are gone, both ends included. The zero value is none. Volatile ones among them never were to be had.
type Gap struct{ From, To uint64 }

// Epoch returns the 8 characters that tell the numbers of this broadcaster from those of others.
func (b *Broadcaster) Epoch() string { return strings.TrimSuffix(b.marks.prefix, "-") }

// ID returns the id of an event, <epoch>-<seq>.
func (b *Broadcaster) ID(seq uint64) string { return string(b.marks.appendOffset(nil, seq)) }

// ParseID reads an event's id, or a bare number, whose epoch is "".
func ParseID(id string) (epoch string, seq uint64, err error) {
	number := id
	if i := strings.LastIndexByte(id, '-'); i >= 0 {
		epoch, number = id[:i], id[i+1:]
		if epoch == "" {
			return "", 0, ErrID
		}
	}
	if number == "" || number[0] == '+' || number[0] == '0' && number != "0" {
		return "", 0, ErrID
	}
	if seq, err = strconv.ParseUint(number, 10, 64); err != nil {
		return "", 0, ErrID
	}
	return epoch, seq, nil
}

// Records returns at most limit events (0 = all) of the history after a number, oldest first, and what is gone between that number and the first of
// them. It does not block publishers for longer than it takes to look at 256.
func (b *Broadcaster) Records(after uint64, limit int) (all []Record, gap Gap) {
	first := true
	for more := true; more; {
		b.mu.Lock()
		b.history.prune(b.now(), &b.opts.Load().History)
		if floor := b.history.floor; after < floor {
			if first {
				gap.From = after + 1
			}
			if first || gap.To > 0 && len(all) == 0 {
				gap.To, after = floor, floor
			}
		}
		first = false
		h := &b.history
		i := h.after(after)
		for n := 0; i < h.n && n < stretch && (limit <= 0 || len(all) < limit); i, n = i+1, n+1 {
			all = append(all, b.record(h.record(i)))
			after = h.record(i).seq
		}
		more = i < h.n && (limit <= 0 || len(all) < limit)
		b.mu.Unlock()
	}
	return all, gap
}

// Recent returns the last n events of the history, oldest first.
func (b *Broadcaster) Recent(n int) (all []Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.history.prune(b.now(), &b.opts.Load().History)
	for i := max(b.history.n-n, 0); i < b.history.n; i++ {
		all = append(all, b.record(b.history.record(i)))
	}
	return all
}

func (b *Broadcaster) record(r *record) Record {
	return Record{Seq: r.seq, At: b.made.Add(r.at), Packet: r.packet, To: r.to, Kept: true}
}
