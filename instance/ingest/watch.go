package ingest

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

const preface = "retry: 2000\n: events follow\n\n"

// watch answers with a stream of events.
func (h *Handler) watch(s *settings, w http.ResponseWriter, r *http.Request) {
	v, f := s.view(r)
	if f != nil {
		h.refuse(w, f)
		return
	}
	t := &watcher{h: h, view: v, early: []byte(preface)}
	if !h.watchers.add(t) {
		h.refuse(w, &fault{what: crowded, text: "too many readers, or none served any more", retry: 10})
		return
	}
	h.clock.poke()
	stop, gap, err := h.feed.Watch(v.namespace, v.after, t.record)
	if err != nil {
		h.watchers.remove(t)
		h.refuse(w, feedFault(err))
		return
	}
	head := w.Header()
	head["Content-Type"] = []string{"text/event-stream"}
	head["Cache-Control"] = []string{"no-store"}
	head["X-Accel-Buffering"] = []string{"no"} // or nginx would keep events back
	stream, err := h.host.Stream(w, r, t.gone)
	if err != nil { // the client has left
		stop()
		h.watchers.remove(t)
		return
	}
	h.counters.count(watched)
	t.start(stream, stop, gap)
}

// watcher is one reader of the stream.
type watcher struct {
	h    *Handler
	view *view

	mu     sync.Mutex
	stream Stream // nil until it has started
	stop   func()
	early  []byte // what is to be written first; maxEarly at most
	full   bool   // more than that had to be
	ended  bool
	last   time.Time // of a write
}

// start writes what has come until now. The gap is before it.
func (t *watcher) start(stream Stream, stop func(), gap *Gap) {
	t.mu.Lock()
	early := t.early
	t.early = nil
	if gap != nil {
		early = slices.Insert(early, len(preface), []byte(gapFrame(gap))...)
		t.h.counters.gaps.Add(1)
	}
	t.stream, t.stop, t.last = stream, stop, time.Now()
	err := stream.Write(early)
	if err == nil && t.full {
		err = ErrSlow
	}
	left := t.ended
	t.mu.Unlock()
	if err != nil || left {
		t.end(err)
	}
}

func gapFrame(g *Gap) string {
	return "event: sockd:gap\ndata: {\"from\":" + strconv.FormatUint(g.From, 10) + ",\"to\":" + strconv.FormatUint(g.To, 10) + "}\n\n"
}

// record is called for each event of the namespace, in order.
func (t *watcher) record(r *Record) {
	if _, ok := t.view.shows(r); !ok {
		return
	}
	if err := t.write(t.h.watchers.frame(r)); err != nil {
		t.end(err)
	}
}

func (t *watcher) write(p []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ended || t.full:
		return nil
	case t.stream == nil && len(t.early)+len(p) > maxEarly && len(t.early) > len(preface):
		t.full = true // what is there is written, and the reader resumes behind it
		return nil
	case t.stream == nil:
		t.early = append(t.early, p...)
		return nil
	}
	t.last = time.Now()
	return t.stream.Write(p)
}

// gone is called when the reader has left.
func (t *watcher) gone(err error) { t.end(err) }

// end is the only way out. Whoever is too slow is cut, and resumes by Last-Event-ID.
func (t *watcher) end(err error) {
	t.mu.Lock()
	stream, stop := t.stream, t.stop
	t.ended = true
	t.stop = nil
	t.mu.Unlock()
	if stop == nil { // start has not come yet, or it has ended before
		return
	}
	if errors.Is(err, ErrSlow) {
		t.h.counters.slow.Add(1)
	}
	t.h.watchers.remove(t)
	stop()
	_ = stream.Close() // it may have ended by itself
}

// breathe keeps idle streams from being cut by what is between here and the reader.
func (t *watcher) breathe(now time.Time) {
	t.mu.Lock()
	idle := t.stream != nil && now.Sub(t.last) >= keepAlive
	t.mu.Unlock()
	if idle {
		if err := t.write([]byte(":\n\n")); err != nil {
			t.end(err)
		}
	}
}
