package ingest

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
)

// watchers are all readers, and the last event as they get it: it is encoded once.
type watchers struct {
	mu     sync.Mutex
	all    map[*watcher]struct{}
	closed bool
	ns, id string
	last   []byte
}

func (w *watchers) add(t *watcher) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.all) >= maxWatchers {
		return false
	}
	if w.all == nil {
		w.all = make(map[*watcher]struct{})
	}
	w.all[t] = struct{}{}
	return true
}

func (w *watchers) remove(t *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, t)
}

func (w *watchers) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.all)
}

func (w *watchers) list() []*watcher {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]*watcher, 0, len(w.all))
	for t := range w.all {
		list = append(list, t)
	}
	return list
}

// close ends all readers and admits no more.
func (w *watchers) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	for _, t := range w.list() {
		t.end(nil)
	}
}

// frame is a record as it is sent. Nobody changes it.
func (w *watchers) frame(r *Record) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil || w.id != r.ID || w.ns != r.Namespace {
		w.ns, w.id, w.last = r.Namespace, r.ID, frame(r)
	}
	return w.last
}

// frame encodes an event. Only white space of the arguments, and the name, could hold an end of line.
func frame(r *Record) []byte {
	var args bytes.Buffer
	if bytes.ContainsAny(r.Args, "\r\n") && json.Compact(&args, r.Args) == nil {
		r = &Record{ID: r.ID, Event: r.Event, Args: args.Bytes()}
	}
	b := make([]byte, 0, len(r.ID)+len(r.Event)+len(r.Args)+32)
	b = append(append(b, "id: "...), r.ID...)
	b = append(append(b, "\nevent: "...), oneLine.Replace(r.Event)...)
	b = append(append(b, "\ndata: "...), r.Args...)
	return append(b, "\n\n"...)
}

var oneLine = strings.NewReplacer("\r", " ", "\n", " ")
