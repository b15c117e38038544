package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
)

// File is one file in memory, plain and compressed.
type File struct {
	kind   string // Content-Type
	tag    string // ETag
	plain  []byte
	zipped []byte // nil if that would be longer
}

func newFile(name string, body []byte) File {
	sum := sha256.Sum256(body)
	f := File{kind: "application/javascript; charset=utf-8", tag: `"` + hex.EncodeToString(sum[:12]) + `"`, plain: body}
	if strings.HasSuffix(name, ".map") {
		f.kind = "application/json; charset=utf-8"
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
	_, _ = z.Write(body)                                  // a buffer takes all
	_ = z.Close()
	if b.Len() < len(body) {
		f.zipped = bytes.Clone(b.Bytes())
	}
	return f
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
	if f.zipped != nil && takesGzip(r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = f.zipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that left is the transport's to notice
	}
}

// matches implements If-None-Match with the weak comparison of RFC 9110, section 8.8.3.2.
func matches(values []string, tag string) bool {
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// takesGzip reads Accept-Encoding (RFC 9110, section 12.5.3). What names gzip itself goes before "*".
func takesGzip(values []string) bool {
	named, others := false, false
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			coding, params, _ := strings.Cut(part, ";")
			switch coding = strings.TrimSpace(coding); {
			case strings.EqualFold(coding, "gzip"), strings.EqualFold(coding, "x-gzip"):
				if !wanted(params) {
					return false
				}
				named = true
			case coding == "*":
				others = wanted(params)
			}
		}
	}
	return named || others
}

// wanted reports whether a coding's weight is over 0; without a weight it is 1.
func wanted(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return err == nil && q > 0
		}
	}
	return true
}
