package static

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

const (
	minZip     = 1 << 10  // bytes of a file that is worth compressing
	maxRewrite = 16 << 20 // bytes of a rewritten file; what grows beyond is answered with 500
)

var errGrown = errors.New("over 16 MiB when rewritten")

// content is a file on its way to one client: first as it is on disk, then in the form that the client gets.
type content struct {
	folder   *folder
	root     *os.Root
	name     string // in the folder
	kind     kind
	file     *os.File // nil if the client gets body
	info     os.FileInfo
	body     []byte // not to be changed; nil if it gets the file
	size     int64  // of what the client gets
	modified time.Time
	tag      string
	coding   string // Content-Encoding
}

func (c *content) close() {
	c.drop()
	_ = c.root.Close()
}

func (c *content) drop() {
	if c.file != nil {
		_ = c.file.Close()
		c.file = nil
	}
}

// take gives the client body in place of the file.
func (c *content) take(p prepared) {
	c.drop()
	c.body, c.size, c.tag = p.body, int64(len(p.body)), p.tag
}

// represent chooses the form in which r gets c. A range is always one of the file as it is: its parts can then be fetched from any
// server that has it, in any coding.
func (s *Site) represent(c *content, r *http.Request) error {
	rewritten := c.kind.rewrite && len(s.rewrite) > 0 && c.size <= maxFile
	accept := r.Header.Values("Accept-Encoding")
	if r.Method == http.MethodGet && r.Header.Get("Range") != "" {
		accept = nil
	}
	if !rewritten && s.beside(c, accept) {
		return c.read()
	}
	if c.kind.text && takesGzip(accept) && minZip <= c.size && c.size <= maxFile {
		p, err := s.cache.get(c.key("gzip"), func() (prepared, error) { return s.zip(c, rewritten) })
		if err != nil {
			return err
		}
		if p.body != nil {
			c.take(p)
			c.coding = "gzip"
			s.date(c, rewritten)
			return nil
		}
	}
	if rewritten {
		p, err := s.cache.get(c.key(""), func() (prepared, error) { return s.edit(c) })
		if err != nil {
			return err
		}
		c.take(p)
		s.date(c, true)
		return nil
	}
	return c.read()
}

// date makes a rewritten file as young as the rules that it was rewritten by.
func (s *Site) date(c *content, rewritten bool) {
	if rewritten && c.modified.Before(s.made) {
		c.modified = s.made
	}
}

func (c *content) key(coding string) cacheKey {
	return cacheKey{c.folder.at, c.name, c.modified.UnixNano(), c.size, coding}
}

// beside takes the compressed file beside c, if there is one that the client accepts and that is not older.
func (s *Site) beside(c *content, accept []string) bool {
	for _, form := range []struct{ coding, extension string }{{"br", ".br"}, {"gzip", ".gz"}} {
		if len(accept) == 0 || !takes(accept, form.coding) {
			continue
		}
		f, info, err := open(c.root, c.name+form.extension)
		if err != nil {
			continue
		}
		if !info.Mode().IsRegular() || info.ModTime().Before(c.modified) {
			_ = f.Close()
			continue
		}
		c.drop()
		c.file, c.size, c.modified, c.coding = f, info.Size(), info.ModTime(), form.coding
		return true
	}
	return false
}

// read takes a small file into memory, and makes the validator: of the content if that is there, else of time and size.
func (c *content) read() error {
	if c.size > maxSent {
		c.tag = `W/"` + strconv.FormatInt(c.modified.UnixNano(), 36) + "-" + strconv.FormatInt(c.size, 36) + suffix(c.coding) + `"`
		return nil
	}
	body, err := c.load()
	if err == nil {
		c.take(prepared{body, strongTag(body, suffix(c.coding))})
	}
	return err
}

func suffix(coding string) string {
	if coding == "" {
		return ""
	}
	return "-" + coding
}

// load reads the file as it was when it was opened, or what is left of it.
func (c *content) load() ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, c.size+bytes.MinRead))
	_, err := b.ReadFrom(io.NewSectionReader(c.file, 0, c.size))
	return b.Bytes(), err
}

// edit returns the file as it is after all replacements.
func (s *Site) edit(c *content) (prepared, error) {
	body, err := c.load()
	for _, r := range s.rewrite {
		if err != nil {
			return prepared{}, err
		}
		n := bytes.Count(body, []byte(r.From))
		if len(body)+n*(len(r.To)-len(r.From)) > maxRewrite {
			return prepared{}, errGrown
		}
		if n > 0 {
			body = bytes.ReplaceAll(body, []byte(r.From), []byte(r.To))
		}
	}
	return prepared{body, strongTag(body, "")}, err
}

// zip returns the file in the coding gzip, or an empty entry if that would be longer.
func (s *Site) zip(c *content, rewritten bool) (p prepared, err error) {
	if rewritten {
		p, err = s.edit(c)
	} else {
		p.body, err = c.load()
	}
	if err != nil {
		return prepared{}, err
	}
	zipped := compress(p.body)
	return prepared{zipped, strongTag(p.body, "-gzip")}, nil
}
