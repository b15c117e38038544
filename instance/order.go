package instance

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/sockd/sockd/instance/lane"
)

const (
	holdAt    = 64       // jobs that may wait for one origin before nothing more is read from it
	holdBytes = 1 << 20  // likewise, bytes
	resumeAt  = 16       // jobs at which reading goes on
	mostJobs  = 16 << 10 // of one origin that cannot be held back, or that was read in one go before it was
	mostBytes = 64 << 20 // likewise
)

var errBusy = errors.New("too much waits already")

// order runs what one origin of events causes off its poller, in the order in which it came: what would take too long there, and all that comes
// after it until that is done. An origin is a connection, or all producers of a namespace. The zero value is ready; hold may be nil.
type order struct {
	busy atomic.Bool // something waits or runs; set under mu

	mu      sync.Mutex
	hold    func(bool) // stops the reading of the origin, and lets it go on; called without mu
	want    bool       // the origin is to be held
	held    bool       // it is
	turning bool       // somebody is calling hold
	waiting []job
	bytes   int
}

type job struct {
	run  func()
	size int
}

// do queues f behind all that waits. It never blocks; errBusy means that f will not run.
func (o *order) do(pool *lane.Pool, key, size int, f func()) error {
	o.mu.Lock()
	if len(o.waiting) >= mostJobs || o.bytes+size > mostBytes {
		o.mu.Unlock()
		return errBusy
	}
	if !o.busy.Load() {
		if err := pool.Do(key, o.work); err != nil {
			o.mu.Unlock()
			return errBusy
		}
		o.busy.Store(true)
	}
	o.waiting = append(o.waiting, job{f, size})
	o.bytes += size
	o.want = o.want || len(o.waiting) >= holdAt || o.bytes >= holdBytes
	o.mu.Unlock()
	o.turn()
	return nil
}

// turn holds the origin, or lets it go on, until that is as it is wanted.
func (o *order) turn() {
	if o.hold == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.turning {
		return
	}
	for o.held != o.want {
		o.turning, o.held = true, o.want
		on := o.want
		o.mu.Unlock()
		o.hold(on)
		o.mu.Lock()
		o.turning = false
	}
}

// work runs what waits until nothing does. A job that panics is reported by the pool; the next event of the origin goes on with what is left.
func (o *order) work() {
	finished := false
	defer func() {
		if !finished {
			o.mu.Lock()
			o.busy.Store(false)
			o.mu.Unlock()
		}
	}()
	for {
		j, ok := o.next()
		if !ok {
			finished = true
			return
		}
		j.run()
	}
}

func (o *order) next() (job, bool) {
	o.mu.Lock()
	if len(o.waiting) == 0 {
		o.waiting = nil
		o.want = false
		o.busy.Store(false)
		o.mu.Unlock()
		o.turn()
		return job{}, false
	}
	j := o.waiting[0]
	o.waiting[0] = job{}
	o.waiting = o.waiting[1:]
	o.bytes -= j.size
	if len(o.waiting) <= resumeAt && o.bytes <= holdBytes/4 {
		o.want = false
	}
	o.mu.Unlock()
	o.turn()
	return j, true
}
