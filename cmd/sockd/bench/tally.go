package bench

import "time"

// tally counts what happened while it was in use.
type tally struct {
	events     uint64    // acknowledged, posted or, in mode fanout, sent
	deliveries uint64    // at any receiver
	connects   uint64    //
	answer     histogram // acknowledgement, or answer to a post
	delivery   histogram // at each receiver
	last       histogram // at the last receiver
	connect    histogram // from the dial to the answer to CONNECT
}

// work grows with whatever arrives.
func (t *tally) work() uint64 { return t.events + t.deliveries + t.connects }

func (t *tally) merge(o *tally) {
	t.events += o.events
	t.deliveries += o.deliveries
	t.connects += o.connects
	t.answer.merge(&o.answer)
	t.delivery.merge(&o.delivery)
	t.last.merge(&o.last)
	t.connect.merge(&o.connect)
}

// faults are counted in every phase.
type faults struct {
	lost    uint64 // given up
	late    uint64 // of these, those that came after all
	doubled uint64
	errors  map[string]uint64 // by reason
}

// maxReasons bounds the map: a server may invent a reason for each connection.
const maxReasons = 20

func (f *faults) add(reason string) { f.addN(reason, 1) }

func (f *faults) addN(reason string, n uint64) {
	if f.errors == nil {
		f.errors = map[string]uint64{}
	}
	if _, known := f.errors[reason]; !known && len(f.errors) >= maxReasons {
		reason = "other"
	}
	f.errors[reason] += n
}

func (f *faults) merge(o *faults) {
	f.lost += o.lost
	f.late += o.late
	f.doubled += o.doubled
	for reason, n := range o.errors {
		f.addN(reason, n)
	}
}

// schedule says when the events of an open loop are due. The zero value is a closed loop, in which one is due always.
type schedule struct {
	begun time.Duration
	every float64 // ns
	taken uint64
}

func newSchedule(begun time.Duration, perSecond float64) schedule {
	if perSecond <= 0 {
		return schedule{}
	}
	return schedule{begun: begun, every: float64(time.Second) / perSecond}
}

// next is when the next event is due: now in a closed loop.
func (s *schedule) next(now time.Duration) time.Duration {
	if s.every == 0 {
		return now
	}
	return s.begun + time.Duration(float64(s.taken)*s.every)
}

func (s *schedule) take() { s.taken++ }
