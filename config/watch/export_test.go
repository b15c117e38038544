package watch

import (
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Every sets the time between two stats.
func (w *Watcher) Every(d time.Duration) { w.every = d }

// NoEvents has the system refuse a watcher.
func (w *Watcher) NoEvents(err error) {
	w.notify = func() (*fsnotify.Watcher, error) { return nil, err }
}

// Armed returns when Run has followed the last Set: it takes one thing after the other, so when it takes the second request it is done
// with the first.
func (w *Watcher) Armed() {
	for range 3 {
		w.changed <- struct{}{}
	}
}

// Judge returns what one event would do: open a burst, and cause a signal for sure.
func (w *Watcher) Judge(name string, op fsnotify.Op) (touched, hit bool) {
	r := &run{Watcher: w, burst: newBurst(w.quiet)}
	r.event(fsnotify.Event{Name: name, Op: op}, true)
	return r.burst.open, r.hit
}

// Polled is a watcher in the middle of Run, of which a test takes the next steps itself.
type Polled struct{ r *run }

func NewPolled(w *Watcher) Polled {
	return Polled{&run{Watcher: w, burst: newBurst(w.quiet), watched: make(map[string]os.FileInfo)}}
}

// Poll is the tick, Over the end of a pause. Open reports whether a burst goes on.
func (p Polled) Poll()      { p.r.poll() }
func (p Polled) Over()      { p.r.over() }
func (p Polled) Open() bool { return p.r.burst.open }

// Burst is the debouncer.
type Burst = burst

func NewBurst(quiet time.Duration) *Burst { return newBurst(quiet) }
func (b *Burst) Touch()                   { b.touch() }
func (b *Burst) Over() <-chan time.Time   { return b.over() }
func (b *Burst) End()                     { b.end() }
