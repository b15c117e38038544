package bench

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// published is what a loop tells the others about its counters, ten times a second.
type published struct{ events, deliveries, connects atomic.Uint64 }

// progress writes a line a second. It belongs to loop 0.
type progress struct {
	to     io.Writer
	at     time.Duration
	before [3]uint64
	wrote  bool
}

var phaseNames = [...]string{dialing: "connecting", warming: "warming up", measuring: "measuring", draining: "waiting for the rest", over: "done"}

// publish is called by each loop, and writes the line if it is loop 0's.
func (r *run) publish(lp *loop) {
	lp.published.events.Store(lp.scratch.events + lp.result.events)
	lp.published.deliveries.Store(lp.scratch.deliveries + lp.result.deliveries)
	lp.published.connects.Store(lp.scratch.connects + lp.result.connects)
	if sum := lp.scratch.work() + lp.result.work() + lp.faults.late; sum != lp.seenWork {
		lp.seenWork = sum
		r.worked.Store(int64(lp.now))
	}
	if lp.index == 0 && r.progress.to != nil && lp.now-r.progress.at >= time.Second {
		r.progress.write(r, lp.now)
	}
}

func (p *progress) write(r *run, now time.Duration) {
	var sum [3]uint64
	for _, lp := range r.loops {
		sum[0] += lp.published.events.Load()
		sum[1] += lp.published.deliveries.Load()
		sum[2] += lp.published.connects.Load()
	}
	per := func(i int) string { return grouped(float64(sum[i]-p.before[i]) / (now - p.at).Seconds()) }
	fmt.Fprintf(p.to, "\r\x1b[K%s, %d s: %s events/s, %s deliveries/s, %s connects/s, %d of %d connected", phaseNames[phase(r.phase.Load())], int(now.Seconds()),
		per(0), per(1), per(2), r.joined.Load(), r.wanted)
	p.before, p.at, p.wrote = sum, now, true
}

// end leaves an empty line for the report.
func (p *progress) end() {
	if p.wrote {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}
