package bench

import (
	"net/netip"
	"time"
)

// Histogram is histogram for tests.
type Histogram struct{ h histogram }

func (h *Histogram) Record(d time.Duration)              { h.h.record(d) }
func (h *Histogram) Merge(o *Histogram)                  { h.h.merge(&o.h) }
func (h *Histogram) Quantile(q float64) time.Duration    { return h.h.quantile(q) }
func (h *Histogram) Mean() time.Duration                 { return h.h.mean() }
func (h *Histogram) Bounds() (least, most time.Duration) { return h.h.least, h.h.most }

// Frames calls each for every whole frame of p, and returns how many bytes they take.
func Frames(p []byte, each func(op byte, payload []byte)) (used int, err error) {
	for {
		op, payload, size, err := nextFrame(p[used:])
		if err != nil || size == 0 {
			return used, err
		}
		each(op, payload)
		used += size
	}
}

func ClientFrame(op byte, p []byte) []byte { return append(openFrame(nil, op, len(p)), p...) }

func Response(p []byte) (status int, body []byte, size int, last bool, err error) {
	r, err := nextResponse(p)
	return r.status, r.body, r.size, r.last, err
}

// Marked is a run's mark with the event packet of its options.
type Marked struct {
	m mark
	p packets
}

func NewMarked(o Options) *Marked {
	o, err := o.withDefaults()
	if err != nil {
		panic(err)
	}
	m := &Marked{m: newMark()}
	m.p = newPackets(&o, &m.m)
	return m
}

func (m *Marked) Event(seq uint64) []byte            { return m.p.event.with(seq) }
func (m *Marked) Post(seq uint64) []byte             { return m.p.post.with(seq) }
func (m *Marked) Connect() []byte                    { return m.p.connect }
func (m *Marked) Seq(p []byte) (seq uint64, ok bool) { return m.m.seq(p) }
func (m *Marked) Body(p []byte) (kind byte, rest []byte, ok bool) {
	return m.p.body(p)
}

type Seen struct{ s seen }

func (s *Seen) Add(seq uint64) bool { return s.s.add(seq) }

// Due are the first n moments of a schedule.
func Due(begun time.Duration, perSecond float64, n int) []time.Duration {
	s := newSchedule(begun, perSecond)
	var due []time.Duration
	for range n {
		due = append(due, s.next(begun))
		s.take()
	}
	return due
}

func Source(to netip.AddrPort, nth int) netip.Addr { return sourceOf(to, nth) }

func sourceOf(a netip.AddrPort, nth int) netip.Addr { t := target{addr: a}; return t.source(nth) }

func Grouped(f float64) string { return grouped(f) }

// Board is a board whose broadcasts go to receivers.
type Board struct{ b *board }

func NewBoard() Board                                            { return Board{newBoard()} }
func (b Board) Launch(due time.Duration, receivers int64) uint64 { return b.b.launch(due, receivers) }
func (b Board) Full() bool                                       { return b.b.full() }
func (b Board) Open() int64                                      { return b.b.open.Load() }
func (b Board) GiveUp(olderThan time.Duration) uint64            { return b.b.giveUp(olderThan) }
func (b Board) Land(seq uint64) (last, late, known bool) {
	l := b.b.land(seq)
	return l.last, l.late, l.known
}

const RingSize = ringSize
