package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	defaultQuiet = 150 * time.Millisecond
	pollEvery    = 2 * time.Second
)

// The modes of [Watcher.SetMode].
const (
	Auto = "auto" // events, and stat as a net below them
	Poll = "poll" // stat only
	Off  = "off"  // nothing
)

// Watcher is made by [New].
type Watcher struct {
	quiet   time.Duration
	c       chan struct{}
	trouble chan error    // of capacity 1
	changed chan struct{} // to Run: entries or mode were set
	notify  func() (*fsnotify.Watcher, error)
	every   time.Duration // between two stats

	mu      sync.Mutex
	entries []string
	seen    *view // of entries, the state that was last signalled or found
	mode    string
}

// New returns a watcher that waits for quiet after the last event, 0 for 150 ms. It watches nothing before [Watcher.Set], and
// takes no descriptor before [Watcher.Run].
func New(quiet time.Duration) (*Watcher, error) {
	if quiet < 0 || quiet > longest {
		return nil, fmt.Errorf("quiet period %v: must be from 0 to %v", quiet, longest)
	}
	if quiet == 0 {
		quiet = defaultQuiet
	}
	return &Watcher{
		quiet: quiet, mode: Auto, every: pollEvery, notify: fsnotify.NewWatcher, seen: look(nil),
		c: make(chan struct{}, 1), trouble: make(chan error, 1), changed: make(chan struct{}, 1),
	}, nil
}

// Set replaces the watched files. An entry is the path of a file, which may be missing, or a pattern of [filepath.Match], whose
// matches may come and go. Relative paths are relative to the working folder of this moment. Entries that were set before
// keep their state. It stats every file, so it may block on a slow file system. The error names an entry that cannot be made absolute;
// nothing changes then.
func (w *Watcher) Set(files []string) error {
	entries := make([]string, len(files))
	for i, f := range files {
		abs, err := filepath.Abs(f)
		if err != nil || f == "" {
			return fmt.Errorf("watch %q: %w", f, errors.Join(err, errors.New("no path")))
		}
		entries[i] = abs
	}
	v := look(entries)
	w.mu.Lock()
	v.keep(w.seen)
	w.entries, w.seen = entries, v
	w.mu.Unlock()
	w.poke()
	return nil
}

// SetMode chooses how files are watched: "auto", "poll" or "off". Anything else counts as "auto".
func (w *Watcher) SetMode(mode string) {
	w.mu.Lock()
	w.mode = mode
	w.mu.Unlock()
	w.poke()
}

func (w *Watcher) poke() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// C delivers a signal after each burst of changes. It is never closed.
func (w *Watcher) C() <-chan struct{} { return w.c }

// Trouble delivers why files are watched by stat alone although the mode is "auto", when that begins. It is never closed, and holds one
// reason that nobody has read.
func (w *Watcher) Trouble() <-chan error { return w.trouble }

func (w *Watcher) wanted() (entries []string, mode string, seen *view) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.entries, w.mode, w.seen
}

// Run watches until ctx ends and returns nil then. Call it once.
func (w *Watcher) Run(ctx context.Context) error {
	r := &run{Watcher: w, burst: newBurst(w.quiet), watched: make(map[string]os.FileInfo)}
	defer r.close()
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		events, faults := r.channels()
		select {
		case <-ctx.Done():
			return nil
		case <-w.changed:
			r.rearm()
		case e, ok := <-events:
			r.event(e, ok)
		case err, ok := <-faults:
			r.fault(err, ok)
		case <-tick.C:
			r.poll()
		case <-r.burst.over():
			r.over()
		}
	}
}

// remember stores what was found, unless Set has changed the question meanwhile; then it is asked again.
func (w *Watcher) remember(before, now *view) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen != before {
		return false
	}
	w.seen = now
	return true
}
