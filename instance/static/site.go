package static

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxSent      = 1 << 20 // bytes that are sent at once; more goes in parts
	maxPart      = 128 << 10
	maxTransfers = 64       // of one site that are under way; one more is answered with 503
	cacheSize    = 32 << 20 // bytes of one site's compressed and rewritten files
)

// Options of a [Site]. The zero value has no files at all.
type Options struct {
	Dir     string    // the folder at "/"; "" = there are only mounts. It is looked up by this name for each request.
	Index   string    // the file that stands for a folder; "index.html"
	Rewrite []Rewrite // done in this order, to html, js, mjs, css, json, map, svg and txt files of up to 8 MiB
	Mounts  []Mount   // of those whose At fits a path, the longest has it, also for what it does not have

	// Go has the next part of a transfer run by the pool that Serve is called on; it does not run it itself, and does not block. part reads 128 KiB from
	// disk. An error ends the transfer. nil = a goroutine for each part.
	Go func(part func()) error
}

// Rewrite replaces each occurrence of From, which is not empty, by To.
type Rewrite struct{ From, To string }

// Mount puts a folder at a path.
type Mount struct {
	At        string // "/name", and so on; a slash at the end makes no difference
	Dir       string
	Immutable bool // its files never change: whoever has one need not ask again for a year
}

// Site serves folders.
type Site struct {
	index   string
	rewrite []Rewrite
	folders []folder // that with the longest path first
	run     func(func()) error
	made    time.Time
	cache   cache

	mu        sync.Mutex
	transfers int // that are under way
}

type folder struct {
	at        string // "/", or a path without a slash at its end
	dir       string
	immutable bool
}

// New makes a site of the folders of o, all of which have to be there. The error names each key that is at fault.
func New(o Options) (*Site, error) {
	s := &Site{index: cmp.Or(o.Index, "index.html"), rewrite: slices.Clone(o.Rewrite), run: o.Go, made: time.Now()}
	s.cache.limit = cacheSize
	if s.run == nil {
		s.run = func(part func()) error {
			go part()
			return nil
		}
	}
	var faults []error
	if _, folder, ok := split("/" + s.index); !ok || folder || strings.Contains(s.index, "/") {
		faults = append(faults, fmt.Errorf("index: %q is not the name of a file", s.index))
	}
	for i, r := range o.Rewrite {
		if r.From == "" {
			faults = append(faults, fmt.Errorf("rewrite[%d].from: empty", i))
		}
	}
	if o.Dir != "" {
		faults = append(faults, s.mount("dir", Mount{At: "/", Dir: o.Dir}))
	}
	for i, m := range o.Mounts {
		faults = append(faults, s.mount(fmt.Sprintf("mounts[%d].dir", i), m))
	}
	if faults = slices.DeleteFunc(faults, func(err error) bool { return err == nil }); len(faults) > 0 {
		return nil, joined(faults)
	}
	slices.SortStableFunc(s.folders, func(a, b folder) int { return len(b.at) - len(a.at) })
	return s, nil
}

// mount adds a folder; key is where it stands in the configuration.
func (s *Site) mount(key string, m Mount) error {
	name, _, ok := split(m.At)
	if !ok {
		return fmt.Errorf("%s: %q is not a path", strings.TrimSuffix(key, "dir")+"at", m.At)
	}
	at := "/"
	if name != "." {
		at += name
	}
	if slices.ContainsFunc(s.folders, func(f folder) bool { return f.at == at }) {
		return fmt.Errorf("%s: %q is taken", strings.TrimSuffix(key, "dir")+"at", m.At)
	}
	root, err := os.OpenRoot(m.Dir)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", key, m.Dir, cause(err))
	}
	_ = root.Close()
	s.folders = append(s.folders, folder{at, m.Dir, m.Immutable})
	return nil
}

// Match reports whether the site has a folder at path, which is decoded as [url.URL.Path] is. It does not look whether a file is there.
// A nil Site has none.
func (s *Site) Match(path string) bool {
	return s != nil && s.find(path) != nil
}

func (s *Site) find(path string) *folder {
	for i := range s.folders {
		if _, ok := under(path, s.folders[i].at); ok {
			return &s.folders[i]
		}
	}
	return nil
}

// Serve answers r through sink, exactly once. It reads files, and may wait for the disk or for another call that compresses the same file, so it must not
// run on a poller. r is not used after it has returned; sink is, if the answer is long.
func (s *Site) Serve(sink Sink, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuse(sink, r, http.StatusMethodNotAllowed, "Allow", "GET, HEAD")
		return
	}
	c, err := s.open(r.URL)
	if err != nil {
		s.refuseFor(sink, r, err)
		return
	}
	defer c.close()
	if err := s.represent(c, r); err != nil {
		s.refuseFor(sink, r, err)
		return
	}
	s.answer(sink, r, c)
}

// errSlash says that a folder was asked for without a slash at its end, which would make its relative links wrong.
var errSlash = errors.New("a folder")

// open finds the file that u asks for. The folder is opened anew: it may have been replaced by another of its name.
func (s *Site) open(u *url.URL) (*content, error) {
	f := s.find(u.Path)
	if f == nil || hidesSlash(u) {
		return nil, os.ErrNotExist
	}
	if _, _, ok := split(u.Path); !ok {
		return nil, os.ErrNotExist
	}
	rest, _ := under(u.Path, f.at)
	name, slash, _ := split("/" + strings.TrimPrefix(rest, "/"))
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return nil, err
	}
	c := &content{folder: f, root: root, name: name}
	if err := c.find(slash && rest != "", s.index); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// find opens the file, or the index of the folder, which has to be asked for with a slash.
func (c *content) find(slash bool, index string) error {
	if err := c.open(); err != nil {
		return err
	}
	switch {
	case c.info.IsDir() && !slash:
		return errSlash
	case c.info.IsDir():
		_ = c.file.Close()
		c.name = strings.TrimPrefix(c.name+"/"+index, "./")
		if err := c.open(); err != nil {
			return err
		}
	case slash:
		return os.ErrNotExist
	}
	if !c.info.Mode().IsRegular() {
		return errKind
	}
	c.kind, c.size, c.modified = kindOf(c.name), c.info.Size(), c.info.ModTime()
	return nil
}

func (c *content) open() (err error) {
	c.file, c.info, err = open(c.root, c.name)
	return err
}
