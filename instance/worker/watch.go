package worker

import (
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
)

const (
	// maxWatched bounds how many files a worker's globs may name; those after it are not looked at.
	maxWatched = 20000
	// watchShare is the part of the time that looking may take: a look of 100 ms is repeated after 2 s.
	watchShare = 20
)

// unwatched are folders that a start changes by itself, or that hold more than anyone wants looked at.
var unwatched = []string{"__pycache__", "node_modules", ".git"}

// watcher looks at files and tells whether they have changed since the last start. It is used by one goroutine.
type watcher struct {
	patterns []string // absolute
	files    []string
	first    string // state at the last start
	seen     string // state at the last look
	next     time.Time
	since    time.Time // of the last change, zero when there is none
}

// begin takes the present state as the one to compare with.
func (w *watcher) begin(patterns, files []string, dir string) {
	w.patterns, w.files = nil, nil
	for _, p := range patterns {
		p = absolute(dir, p)
		if info, err := os.Stat(p); err == nil && info.IsDir() { // a folder means what is in it
			p = filepath.Join(p, "**")
		}
		w.patterns = append(w.patterns, p)
	}
	for _, f := range files {
		w.files = append(w.files, absolute(dir, f))
	}
	w.first = w.look()
	w.seen, w.since = w.first, time.Time{}
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// changed looks and returns true once a change has been followed by quiet; in between it says after how long to ask again.
func (w *watcher) changed() (yes bool, again time.Duration) {
	now := time.Now()
	if len(w.patterns)+len(w.files) == 0 || now.Before(w.next) {
		return false, lookInterval
	}
	state := w.look()
	took := time.Since(now)
	w.next = time.Now().Add(min(took*watchShare, time.Minute))
	switch {
	case state == w.first:
		w.seen, w.since = state, time.Time{}
	case state != w.seen:
		w.seen, w.since = state, now
		w.next = time.Time{}
		return false, quiet
	case now.Sub(w.since) >= quiet:
		return true, lookInterval
	default:
		w.next = time.Time{}
		return false, quiet - now.Sub(w.since)
	}
	return false, lookInterval
}

// look sums up names, times and sizes.
func (w *watcher) look() string {
	if len(w.patterns)+len(w.files) == 0 {
		return ""
	}
	sum := fnv.New128a()
	for _, f := range w.files {
		if info, err := os.Stat(f); err == nil {
			add(sum, f, info)
		}
	}
	left := maxWatched
	for _, p := range w.patterns {
		base, pattern := doublestar.SplitPattern(filepath.ToSlash(p))
		_ = doublestar.GlobWalk(os.DirFS(base), pattern, func(name string, d fs.DirEntry) error {
			if left--; left < 0 {
				return fs.SkipAll
			}
			switch info, err := d.Info(); {
			case d.IsDir() && slices.Contains(unwatched, d.Name()):
				return doublestar.SkipDir
			case err == nil && !d.IsDir() && !slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return slices.Contains(unwatched, part) }):
				add(sum, base+"/"+name, info)
			}
			return nil
		})
	}
	return string(sum.Sum(nil))
}

func add(sum io.Writer, name string, info fs.FileInfo) {
	_, _ = io.WriteString(sum, name+"\x00"+strconv.FormatInt(info.ModTime().UnixNano(), 36)+"."+strconv.FormatInt(info.Size(), 36)+"\x00")
}
