package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	trimEvery  = time.Second
	trimQuiet  = 512 << 10 // bytes allocated between two looks at which a process counts as quiet
	trimLeast  = 4 << 20   // bytes for which a collection is worth its while
	trimClient = 1 << 10   // bytes that a client which has left has held, at least
)

// trimmer returns memory to the system once the process has become quiet after a start, an edit, or a crowd that came or left. Go collects by
// what is allocated: without new work, what is garbage by then would stay until the collection that is due every two minutes, and be returned
// over the minutes after it.
type trimmer struct {
	clients func() int // connected now, over all instances; may lag

	last footprint
	most int // clients since the last trim
}

// footprint is what counts for a trim, in bytes.
type footprint struct {
	clients   int
	allocated uint64 // since the start
	objects   uint64 // in the heap, garbage included
	live      uint64 // of these, by the last collection
	free      uint64 // in the heap, neither used nor returned
}

// run looks once a second, until ctx ends.
func (t *trimmer) run(ctx context.Context) error {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if t.due(t.look()) {
			debug.FreeOSMemory()
		}
	}
}

// due reports whether to trim now, and remembers u.
func (t *trimmer) due(u footprint) bool {
	t.most = max(t.most, u.clients)
	moved := max(u.clients-t.last.clients, t.last.clients-u.clients)
	quiet := u.allocated-t.last.allocated < trimQuiet && moved*trimClient < trimQuiet
	t.last = u
	gain := u.free + uint64(t.most-u.clients)*trimClient
	if u.objects > u.live {
		gain += u.objects - u.live
	}
	if !quiet || gain < max(trimLeast, u.live/4) {
		return false
	}
	t.most = u.clients
	return true
}

func (t *trimmer) look() footprint {
	read := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(read)
	var v [4]uint64
	for i, s := range read {
		if s.Value.Kind() == metrics.KindUint64 {
			v[i] = s.Value.Uint64()
		}
	}
	return footprint{clients: t.clients(), allocated: v[0], objects: v[1], live: v[2], free: v[3]}
}
