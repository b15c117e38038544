package broadcast

import "sync/atomic"

const (
	watchLag   = 1000 // live events that may wait for a watcher
	watchBatch = 256  // records that it is given at once
)

// watcher is told of all events. What waits for it is in seq order; of too much, the older half is dropped and told as a gap.
type watcher struct {
	b       *Broadcaster
	f       func([]Record)
	lane    int
	stopped atomic.Bool

	// Guarded by Broadcaster.mu.
	queue  []Record
	gap    Gap // before the first of queue
	room   int // for queue
	queued bool
}

// Watch calls f with the events that are kept after a number, or with none of them if after is nil, and then with every event as it is published,
// also those that are not kept: each once, in order. What is gone, because the history is bounded or f lags more than 1000 events behind, is told in
// the Gap of the record that follows. f runs on a lane of the instance, never twice at a time, and must not block; the records are its to
// keep. stop does not wait for a call that is running or about to begin; none follows.
func (b *Broadcaster) Watch(after *uint64, f func([]Record)) (stop func()) {
	w := &watcher{b: b, f: f, room: watchLag}
	b.mu.Lock()
	w.lane = int(b.watched) % b.pool.Lanes()
	b.watched++
	if after != nil {
		w.begin(*after)
	}
	b.watchers = append(b.watchers, w)
	b.run(w)
	b.mu.Unlock()
	return func() {
		w.stopped.Store(true)
		b.mu.Lock()
		defer b.mu.Unlock()
		w.queue = nil
		for i, other := range b.watchers {
			if other == w {
				last := len(b.watchers) - 1
				b.watchers[i], b.watchers[last] = b.watchers[last], nil
				b.watchers = b.watchers[:last]
				break
			}
		}
	}
}

// begin takes in what is kept after a number; b.mu is held.
func (w *watcher) begin(after uint64) {
	b := w.b
	h := &b.history
	h.prune(b.now(), &b.opts.Load().History)
	if after < h.floor {
		w.gap = Gap{after + 1, h.floor}
	}
	for i := h.after(after); i < h.n; i++ {
		w.queue = append(w.queue, b.record(h.record(i)))
	}
	w.room = max(watchLag, len(w.queue)+watchLag)
}

// tell gives an event to all watchers; b.mu is held.
func (b *Broadcaster) tell(d delivery) {
	r := Record{Seq: d.seq, At: b.made.Add(b.now()), Packet: d.packet, To: d.to, Kept: !d.unkept}
	for _, w := range b.watchers {
		if len(w.queue) >= w.room {
			w.skip(len(w.queue) / 2)
		}
		w.queue = append(w.queue, r)
		b.run(w)
	}
}

// skip drops the oldest n that wait; b.mu is held.
func (w *watcher) skip(n int) {
	if w.gap.From == 0 {
		w.gap.From = w.queue[0].Seq
	}
	w.gap.To = w.queue[n-1].Seq
	rest := copy(w.queue, w.queue[n:])
	clear(w.queue[rest:])
	w.queue = w.queue[:rest]
	w.b.stats.watchLost.Add(uint64(n))
}

// run has a lane call the watcher; b.mu is held. If the lane is full, the clock asks again.
func (b *Broadcaster) run(w *watcher) {
	if w.queued || len(w.queue) == 0 && w.gap.To == 0 {
		return
	}
	w.queued = b.pool.Do(w.lane, w.work) == nil
	if !w.queued {
		b.signal()
	}
}

// kickWatchers asks again for those whose lane was full. It reports whether there are still some.
func (b *Broadcaster) kickWatchers() (some bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.watchers {
		b.run(w)
		some = some || !w.queued && len(w.queue) > 0
	}
	return some
}

// work runs on a lane: it gives the watcher one batch, so that others on that lane have their turn.
func (w *watcher) work() {
	b := w.b
	b.mu.Lock()
	n := min(len(w.queue), watchBatch)
	batch := append([]Record(nil), w.queue[:n]...)
	rest := copy(w.queue, w.queue[n:])
	clear(w.queue[rest:])
	w.queue = w.queue[:rest]
	if w.gap.To > 0 {
		if len(batch) == 0 {
			batch = []Record{{}}
		}
		batch[0].Gap, w.gap = w.gap, Gap{}
	}
	if rest == 0 {
		w.room = watchLag
	}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		w.queued = false
		if !w.stopped.Load() {
			b.run(w)
		}
	}()
	if len(batch) > 0 && !w.stopped.Load() {
		w.f(batch)
	}
}
