package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// File is one file in memory. It is compressed when the first client asks for that.
type File struct {
	kind  string // Content-Type
	tag   string // ETag
	plain []byte

	once   sync.Once
	done   atomic.Bool
	zipped []byte // nil if that would be longer; written in once
}

func (f *File) init(name string, body []byte) {
	f.kind, f.tag, f.plain = "application/javascript; charset=utf-8", strongTag(body, ""), body
	if strings.HasSuffix(name, ".map") {
		f.kind = "application/json; charset=utf-8"
	}
}

// strongTag makes a validator of the content; suffix tells apart what is sent in another coding.
func strongTag(body []byte, suffix string) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:12]) + suffix + `"`
}

// compress returns body in the coding gzip, or nil if that would be longer.
func compress(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body) // a buffer takes all
	_ = z.Close()
	if b.Len() >= len(body) {
		return nil
	}
	return bytes.Clone(b.Bytes())
}

// compressed compresses once; callers that come meanwhile wait for it.
func (f *File) compressed() []byte {
	f.once.Do(func() {
		f.zipped = compress(f.plain)
		f.done.Store(true)
	})
	return f.zipped
}

// Ready reports whether ServeHTTP would only copy from memory. Otherwise it would compress first, which takes some ten milliseconds.
func (f *File) Ready(r *http.Request) bool {
	return f.done.Load() || !takesGzip(r.Header.Values("Accept-Encoding")) || matches(r.Header.Values("If-None-Match"), f.tag)
}

// ServeHTTP answers GET and HEAD with the file, or with 304 if the client has it.
func (f *File) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if matches(r.Header.Values("If-None-Match"), f.tag) {
		w.WriteHeader(http.StatusNotModified) // with no header of its own, as the reference server
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=0")
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.tag)
	h.Add("Vary", "Accept-Encoding")
	body := f.plain
	if takesGzip(r.Header.Values("Accept-Encoding")) {
		if zipped := f.compressed(); zipped != nil {
			h.Set("Content-Encoding", "gzip")
			body = zipped
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that left is the transport's to notice
	}
}
