package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// maxReads is how often a file that changes meanwhile is read at once.
const maxReads = 3

// pauses are the waits before a configuration is read as a whole again, because something of it has changed since it was read: an editor that
// writes in place, or into several files, needs some milliseconds.
var pauses = []time.Duration{5 * time.Millisecond, 20 * time.Millisecond, 80 * time.Millisecond}

// errChanges is the fault of a file that is never the same for as long as it takes to read it.
var errChanges = errors.New("is being written: it has changed each time that it was read")

// sight is what the file system showed while a configuration was read. It tells whether all that was read was there at one moment.
type sight struct {
	files map[string]fs.FileInfo // as they were before they were read; nil = it could not be looked at
	texts map[string]string      // of those that were read: a file that many keys name is the same for all
	globs map[string][]string    // what a pattern matched
}

func newSight() *sight {
	return &sight{files: map[string]fs.FileInfo{}, texts: map[string]string{}, globs: map[string][]string{}}
}

// read returns the content of a regular file of at most maxFile bytes, as it was between two looks at it that show the same.
func (s *sight) read(path string) (string, error) {
	if text, ok := s.texts[path]; ok {
		return text, nil
	}
	var last string
	for i := range maxReads {
		text, info, same, err := readOnce(path)
		s.files[path] = info
		switch {
		case err != nil:
			return "", err
		case same || i > 0 && text == last: // some systems tell no true size
			s.texts[path] = text
			return text, nil
		}
		last = text
	}
	return "", errChanges
}

// readOnce reads a file. same means that it looked the same before and after, and as long as what was read.
func readOnce(path string) (text string, before fs.FileInfo, same bool, err error) {
	// Before open, which would block on a named pipe.
	before, err = os.Stat(path)
	switch {
	case err != nil:
		return "", nil, false, err
	case before.IsDir():
		return "", before, false, errors.New("is a directory, not a file")
	case !before.Mode().IsRegular():
		return "", before, false, errors.New("is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", before, false, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", before, false, err
	}
	if len(data) > maxFile {
		return "", before, false, fmt.Errorf("is larger than %v", Size(maxFile))
	}
	after, err := os.Stat(path)
	if err != nil {
		return "", before, false, err
	}
	return string(data), before, alike(before, after) && after.Size() == int64(len(data)), nil
}

// glob returns what a valid pattern matches.
func (s *sight) glob(pattern string) []string {
	paths, _ := filepath.Glob(pattern)
	s.globs[pattern] = paths
	return paths
}

// changed returns a file or pattern that does not look as it did when it was read; "" if all do.
func (s *sight) changed() string {
	for path, before := range s.files {
		now, err := os.Stat(path)
		if err != nil {
			now = nil
		}
		if !alike(before, now) {
			return path
		}
	}
	for pattern, before := range s.globs {
		if now, _ := filepath.Glob(pattern); !slices.Equal(before, now) {
			return pattern
		}
	}
	return ""
}

func alike(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// Stale reports whether a file of c, or what its patterns match, has changed since it was read. It blocks on the file system.
func (c *Config) Stale() bool { return c.sight != nil && c.sight.changed() != "" }

// Stale reports whether something that was read or looked for has changed since.
func (e *Errors) Stale() bool { return e.sight != nil && e.sight.changed() != "" }
