package watch

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// view is what the file system showed of the wanted files at one moment.
type view struct {
	files map[string]entry       // by path or pattern as wanted
	dirs  map[string]os.FileInfo // folders worth watching, links resolved
	bases map[string]bool        // names that a change of a wanted file may show up under
}

// entry is one wanted file, or what a pattern matched, by path.
type entry map[string]state

// state tells two moments of one file apart. The zero value is a file that is not there.
type state struct {
	there  bool
	target string // links resolved
	size   int64
	mtime  time.Time
	mode   fs.FileMode
	info   os.FileInfo // for the inode
}

func (s state) equal(o state) bool {
	if !s.there || !o.there {
		return s.there == o.there
	}
	return s.target == o.target && s.size == o.size && s.mtime.Equal(o.mtime) && s.mode == o.mode && os.SameFile(s.info, o.info)
}

// look stats everything once. Each entry is a path and, if it holds a wildcard, a pattern too.
func look(entries []string) *view {
	v := &view{files: make(map[string]entry), dirs: make(map[string]os.FileInfo), bases: make(map[string]bool)}
	for _, e := range entries {
		v.files[e] = make(entry)
		if _, err := os.Lstat(e); err == nil || !wild(e) {
			v.file(e, e)
		}
		if !wild(e) {
			continue
		}
		v.folders(filepath.Dir(e))
		matches, _ := filepath.Glob(e) // a malformed pattern matches nothing
		for _, m := range matches {
			v.file(e, m)
		}
	}
	return v
}

func wild(path string) bool { return strings.ContainsAny(path, `*?[\`) }

// file records a path, the folder of each link on the way to its target, and the target's.
func (v *view) file(of, path string) {
	var s state
	if info, err := os.Stat(path); err == nil {
		s = state{there: true, size: info.Size(), mtime: info.ModTime(), mode: info.Mode(), info: info}
		s.target, _ = filepath.EvalSymlinks(path)
	}
	v.files[of][path] = s
	hop := path
	for range maxLinks {
		v.bases[filepath.Base(hop)] = true
		v.dir(filepath.Dir(hop))
		next, err := os.Readlink(hop)
		if err != nil {
			break
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(hop), next)
		}
		hop = next
	}
	if s.target != "" {
		v.bases[filepath.Base(s.target)] = true
		v.dir(filepath.Dir(s.target))
	}
}

const maxLinks = 16 // of a chain; the stat of every 2 s sees the others

// folders records the folder of a pattern, which may hold wildcards itself.
func (v *view) folders(pattern string) {
	if !wild(pattern) {
		v.dir(pattern)
		return
	}
	v.folders(filepath.Dir(pattern))
	matches, _ := filepath.Glob(pattern)
	for _, m := range matches {
		v.dir(m)
	}
}

func (v *view) dir(path string) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return
	}
	if info, err := os.Stat(real); err == nil && info.IsDir() {
		v.dirs[real] = info
	}
}

// equal reports whether two views show the same files in the same state.
func (v *view) equal(o *view) bool {
	return maps.EqualFunc(v.files, o.files, func(a, b entry) bool { return maps.EqualFunc(a, b, state.equal) })
}

// keep takes what an older view says of the entries that it knows, so that a change since then is still a change.
func (v *view) keep(old *view) {
	for e := range v.files {
		if known, ok := old.files[e]; ok {
			v.files[e] = known
		}
	}
}

// named reports whether an event of that name may be about a file that is known.
func (v *view) named(name string) bool { return v.bases[filepath.Base(name)] }

// matched reports whether an event of that name may be about a file that a pattern asks for.
func (v *view) matched(name string) bool {
	for e := range v.files {
		if ok, _ := filepath.Match(filepath.Base(e), filepath.Base(name)); ok {
			return true
		}
	}
	return false
}

// leftover reports whether a name is one that editors use beside the file.
func leftover(name string) bool {
	base := filepath.Base(name)
	return base == "4913" || strings.HasSuffix(base, "~") || strings.HasSuffix(base, ".swp") || strings.HasSuffix(base, ".tmp")
}
