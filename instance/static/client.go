package static

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// maxFile bounds one file. The largest of socket.io 4.8 has 300 KB.
const maxFile = 8 << 20

// bundles are the names that are served, each with its source map.
var bundles = []string{"socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"}

// Client holds the files of one folder.
type Client struct {
	dir   string
	files map[string]*entry
}

type entry struct {
	File
	size     int64
	modified time.Time
}

// Load reads the bundles and their maps from dir. All of them must be there: an error names each that is missing. Files that prev has
// loaded from the same folder, and whose size and time are the same, are taken from there; prev may be nil.
func Load(dir string, prev *Client) (*Client, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, cause(err))
	}
	defer root.Close()
	c := &Client{dir: dir, files: make(map[string]*entry, 2*len(bundles))}
	var faults []error
	for _, bundle := range bundles {
		for _, name := range []string{bundle, bundle + ".map"} {
			e, err := load(root, name, prev.known(dir, name))
			if err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", name, cause(err)))
				continue
			}
			c.files[name] = e
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s: %w", dir, joined(faults))
	}
	return c, nil
}

// cause takes the name off an error of the file system.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// joined puts faults on one line.
func joined(faults []error) error {
	texts := make([]string, len(faults))
	for i, f := range faults {
		texts[i] = f.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}

// known returns what was loaded before, or nil.
func (c *Client) known(dir, name string) *entry {
	if c == nil || c.dir != dir {
		return nil
	}
	return c.files[name]
}

func load(root *os.Root, name string, prev *entry) (*entry, error) {
	f, info, err := open(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	switch {
	case !info.Mode().IsRegular():
		return nil, errKind
	case info.Size() > maxFile:
		return nil, errSize
	case prev != nil && prev.size == info.Size() && prev.modified.Equal(info.ModTime()):
		return prev, nil
	}
	body, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(body) > maxFile {
		err = errSize
	}
	if err != nil {
		return nil, err
	}
	e := &entry{size: info.Size(), modified: info.ModTime()}
	e.init(name, body)
	return e, nil
}

// open opens a file or folder, and nothing else: opening a pipe would wait for its writer.
func open(root *os.Root, name string) (*os.File, os.FileInfo, error) {
	info, err := root.Stat(name)
	switch {
	case err != nil:
		return nil, nil, err
	case !info.Mode().IsRegular() && !info.IsDir():
		return nil, nil, errKind
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

var (
	errKind = errors.New("not a regular file")
	errSize = fmt.Errorf("over %d MiB", maxFile>>20)
)

// File returns the file with exactly this name, or nil. A nil Client has none.
func (c *Client) File(name string) *File {
	if c == nil {
		return nil
	}
	if e := c.files[name]; e != nil {
		return &e.File
	}
	return nil
}
