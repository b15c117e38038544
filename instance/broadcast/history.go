package broadcast

import (
	"slices"
	"sort"
	"time"

	"github.com/sockd/sockd/instance/socketio"
)

// History bounds the events that are kept for clients that come back. The zero value has the defaults.
type History struct {
	Size  int           // events; 1000; negative = none
	Bytes int           // of encoded events; 8 MiB; negative = none
	TTL   time.Duration // age; 0 = any
}

func (h History) withDefaults() History {
	if h.Size == 0 {
		h.Size = 1000
	}
	if h.Bytes == 0 {
		h.Bytes = 8 << 20
	}
	return h
}

// record is an event in the history. Its packet is the one that was sent: the history costs no encoding and no copy.
type record struct {
	seq    uint64
	at     time.Duration // since New
	packet *socketio.Packet
	to     socketio.Selector
	mail   *mail // of an acked event
}

// history is a ring of the last events, guarded by Broadcaster.mu. Each event is put in once and dropped once; nothing is searched or moved
// but when the ring grows.
type history struct {
	ring  []record
	head  int
	n     int
	bytes int
	floor uint64 // the last event that is no longer here; what was volatile does not count
}

func (h *history) record(i int) *record { return &h.ring[(h.head+i)%len(h.ring)] }

// add puts an event in, and drops as many as it takes.
func (h *history) add(r record, o *History) {
	size := r.packet.Len()
	if o.Size < 1 || size > o.Bytes {
		h.reset(r.seq)
		return
	}
	for h.n >= o.Size || h.bytes+size > o.Bytes {
		h.drop()
	}
	h.expire(r.at, o)
	if h.n == len(h.ring) {
		h.grow(o.Size)
	}
	h.n++
	h.bytes += size
	*h.record(h.n - 1) = r
}

func (h *history) grow(limit int) {
	next := make([]record, min(limit, max(64, 2*h.n)))
	for i := range h.n {
		next[i] = *h.record(i)
	}
	h.ring, h.head = next, 0
}

// prune drops what the bounds do not allow.
func (h *history) prune(now time.Duration, o *History) {
	for h.n > 0 && (h.n > o.Size || h.bytes > o.Bytes) {
		h.drop()
	}
	h.expire(now, o)
}

func (h *history) expire(now time.Duration, o *History) {
	if o.TTL <= 0 {
		return
	}
	for h.n > 0 && now-h.record(0).at >= o.TTL {
		h.drop()
	}
}

// drop forgets the oldest event. An empty history keeps no memory.
func (h *history) drop() {
	r := h.record(0)
	h.floor = r.seq
	h.bytes -= r.packet.Len()
	*r = record{}
	h.head, h.n = (h.head+1)%len(h.ring), h.n-1
	if h.n == 0 {
		h.reset(h.floor)
	}
}

// reset empties the history: nothing up to floor can be had.
func (h *history) reset(floor uint64) { *h = history{floor: floor} }

// replace puts other packets in the place of those that may have an offset.
func (h *history) replace(f func(*socketio.Packet) *socketio.Packet) {
	for i := range h.n {
		r := h.record(i)
		if r.mail != nil {
			continue
		}
		h.bytes -= r.packet.Len()
		r.packet = f(r.packet)
		h.bytes += r.packet.Len()
	}
}

// after returns the index of the first event behind a number.
func (h *history) after(seq uint64) int {
	return sort.Search(h.n, func(i int) bool { return h.record(i).seq > seq })
}

// piece is an event that is sent to one client alone.
type piece struct {
	seq    uint64
	packet *socketio.Packet
}

// collect looks at no more than limit events after one and up to another, and appends those that the receiver was to get. It returns how far it
// came. Acked ones are left out: who has to acknowledge them is written elsewhere.
func (h *history) collect(after, upto uint64, limit int, to *receiver, all []piece) (uint64, []piece) {
	i := h.after(after)
	for ; i < h.n && limit > 0; i, limit = i+1, limit-1 {
		r := h.record(i)
		if r.seq > upto {
			break
		}
		after = r.seq
		if r.mail == nil && to.gets(&r.to) {
			all = append(all, piece{r.seq, r.packet})
		}
	}
	if limit > 0 {
		after = upto
	}
	return after, all
}

// tail looks at no more than limit events before one, newest first, and appends those that the receiver is allowed to see, until there are n. It
// returns how far it came, 0 if there are no more.
func (h *history) tail(before uint64, limit int, n int, to *receiver, all []piece) (uint64, []piece) {
	i := h.after(before-1) - 1
	for ; i >= 0 && limit > 0 && len(all) < n; i, limit = i-1, limit-1 {
		r := h.record(i)
		before = r.seq
		if to.gets(&r.to) {
			all = append(all, piece{r.seq, r.packet})
		}
	}
	if i < 0 || len(all) >= n {
		before = 0
	}
	return before, all
}

// receiver is a socket that is to come back.
type receiver struct {
	id   string
	few  []string            // its rooms
	many map[string]struct{} // the same, if there are many
}

func newReceiver(id string, rooms []string) *receiver {
	to := &receiver{id: id, few: rooms}
	if len(rooms) > 16 {
		to.many = make(map[string]struct{}, len(rooms))
		for _, name := range rooms {
			to.many[name] = struct{}{}
		}
	}
	return to
}

// gets reports whether an event for these was to reach it.
func (to *receiver) gets(sel *socketio.Selector) bool {
	if sel.Skip == to.id || to.in(sel.Except) {
		return false
	}
	return len(sel.Rooms) == 0 || to.in(sel.Rooms)
}

// in reports whether it is in one of these rooms.
func (to *receiver) in(names []string) bool {
	for _, name := range names {
		if name == to.id || to.many == nil && slices.Contains(to.few, name) {
			return true
		}
		if _, ok := to.many[name]; ok {
			return true
		}
	}
	return false
}
