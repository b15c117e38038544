package watch

import (
	"fmt"
	"os"

	"github.com/fsnotify/fsnotify"
)

// run is the state of one [Watcher.Run], and belongs to its goroutine.
type run struct {
	*Watcher
	burst   *burst
	events  *fsnotify.Watcher      // nil without events
	watched map[string]os.FileInfo // folders that inotify watches
	hit     bool                   // an event of this burst named a wanted file
	last    *view                  // the last look of this burst; nil before the first
	deaf    bool                   // some or all files are watched by stat alone, which Trouble was told
}

// warn tells Trouble when files begin to be watched by stat alone; nil is the end of that.
func (r *run) warn(err error) {
	begins := err != nil && !r.deaf
	r.deaf = err != nil
	if !begins {
		return
	}
	select {
	case r.trouble <- err:
	default:
	}
}

func (r *run) channels() (<-chan fsnotify.Event, <-chan error) {
	if r.events == nil {
		return nil, nil
	}
	return r.events.Events, r.events.Errors
}

func (r *run) close() {
	if r.events != nil {
		r.events.Close()
		r.events = nil
		clear(r.watched)
	}
}

// rearm follows a call of Set or SetMode.
func (r *run) rearm() {
	if !r.wantsEvents() {
		r.close()
		r.warn(nil)
	}
	r.poll()
}

func (r *run) wantsEvents() bool {
	_, mode, _ := r.wanted()
	return mode != Poll && mode != Off
}

// poll compares by stat, and lets a difference become quiet first. A folder that is new to inotify is looked at once more, as
// it may have changed just before.
func (r *run) poll() {
	entries, mode, seen := r.wanted()
	if mode == Off {
		return
	}
	now := look(entries)
	if r.follow(now) {
		now = look(entries)
	}
	if !now.equal(seen) {
		r.last = now
		r.burst.touch()
	}
}

// follow watches the folders of v, and no others. It reports whether one of them is new.
func (r *run) follow(v *view) (added bool) {
	if !r.wantsEvents() || len(v.dirs) == 0 && r.events == nil {
		return false
	}
	if r.events == nil {
		events, err := r.notify()
		if err != nil {
			r.warn(fmt.Errorf("no file events, polling: %w", err))
			return false
		}
		r.events = events
	}
	for dir, info := range r.watched {
		if now, ok := v.dirs[dir]; !ok || !os.SameFile(info, now) {
			_ = r.events.Remove(dir) // an error if the folder is gone, and its watch with it
			delete(r.watched, dir)
		}
	}
	var warning error
	for dir, info := range v.dirs {
		if r.watched[dir] != nil {
			continue
		}
		if err := r.events.Add(dir); err != nil {
			warning = fmt.Errorf("no file events in %s, polling: %w", dir, err)
			continue
		}
		r.watched[dir] = info
		added = true
	}
	r.warn(warning)
	return added
}

// event takes one report of inotify. What is written to other files beside ours is of no interest; that they come and go
// is, as one may be a link on our way.
func (r *run) event(e fsnotify.Event, ok bool) {
	if !ok {
		r.close()
		return
	}
	if e.Op == fsnotify.Chmod {
		return
	}
	_, _, seen := r.wanted()
	named := seen.named(e.Name)
	switch {
	case leftover(e.Name) && !named:
	case named || seen.matched(e.Name):
		r.hit = true
		r.burst.touch()
	case e.Has(fsnotify.Create | fsnotify.Remove | fsnotify.Rename):
		r.burst.touch()
	}
}

// fault takes an error of inotify. Events may have been lost, so everything is looked at.
func (r *run) fault(_ error, ok bool) {
	if !ok {
		r.close()
	}
	r.burst.touch()
}

// over takes the end of a pause. Where no events come, a file that looks other than when the pause began is still being written.
func (r *run) over() {
	if entries, _, _ := r.wanted(); r.last != nil && r.burst.prolongs() {
		if now := look(entries); !now.equal(r.last) {
			r.last = now
			r.burst.touch()
			return
		}
	}
	r.last = nil
	r.burst.end()
	r.settle()
}

// settle ends a burst: the folders are resolved anew, and if an event named a wanted file, or one looks different, C gets a
// signal.
func (r *run) settle() {
	hit := r.hit
	r.hit = false
	entries, mode, seen := r.wanted()
	if mode == Off {
		return
	}
	now := look(entries)
	if r.remember(seen, now) && r.follow(now) {
		r.burst.touch() // a folder is new: it may have changed before it was watched
	}
	if !hit && now.equal(seen) {
		return
	}
	select {
	case r.c <- struct{}{}:
	default:
	}
}
