package transport

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// manner is how a request wants to be answered.
type manner struct {
	head bool // no body
	old  bool // HTTP/1.0
	keep bool // keep the connection
}

// mannerOf follows RFC 9112, section 9.3: HTTP/1.1 keeps the connection unless told otherwise, HTTP/1.0 closes it unless asked to keep it.
func mannerOf(r *http.Request, f framing) manner {
	said := r.Header["Connection"]
	m := manner{head: r.Method == http.MethodHead, old: f.old}
	m.keep = !hasToken(said, "close") && (!f.old || hasToken(said, "keep-alive"))
	return m
}

// response is the [http.ResponseWriter] of one request. It keeps the answer in memory, so that it always has a length, and the connection
// sends it when the handler has returned.
type response struct {
	c *conn
	manner
	handshake bool // the request has no body, as a handshake must
	over      bool // the handler has returned, or handed the request over

	header http.Header
	status int
	fields fields // of header when the status was set
	body   []byte
}

func (w *response) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

// WriteHeader sets the status. The header as it is now is the one that is sent. Informational statuses are ignored, and an impossible one
// is a 500.
func (w *response) WriteHeader(status int) {
	if w.status != 0 || w.over || 100 <= status && status < 200 {
		return
	}
	if status < 200 || status > 999 {
		status = http.StatusInternalServerError
	}
	w.status = status
	w.fields.add(w.header, nil)
}

func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.over {
		return 0, errHandedOver
	}
	w.body = append(w.body, p...)
	return len(p), nil
}

func (w *response) WriteString(s string) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.over {
		return 0, errHandedOver
	}
	w.body = append(w.body, s...)
	return len(s), nil
}

// mustClose tells whether the connection ends with this answer.
func (w *response) mustClose() bool { return !w.keep || w.fields.last }

func (w *response) encode() []byte {
	if w.status == 0 {
		w.status = http.StatusOK
		w.fields.add(w.header, nil)
	}
	return encode(w.status, &w.fields, w.body, w.manner, w.c.server.draining.Load())
}

// fields are header fields that are ready to be sent, without those that say how long the message is and what becomes of the connection.
type fields struct {
	lines  []byte
	typed  bool // Content-Type was said, or left out on purpose
	dated  bool
	last   bool   // Connection: close
	length string // what the handler says; it counts for HEAD only
}

// add appends the fields of over, and those of h that over does not have. What could break the framing is made harmless: a name that is
// not a token is left out, controls in a value become spaces.
func (f *fields) add(h, over http.Header) {
	names := make([]string, 0, 16)
	for name := range h {
		if _, ok := over[name]; !ok {
			names = append(names, name)
		}
	}
	for name := range over {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values, ok := over[name]
		if !ok {
			values = h[name]
		}
		f.addField(name, values)
	}
}

func (f *fields) addField(name string, values []string) {
	switch name {
	case "Connection":
		f.last = f.last || hasToken(values, "close")
		return
	case "Content-Length":
		if len(values) > 0 {
			f.length = values[0]
		}
		return
	case "Transfer-Encoding", "Trailer", "Keep-Alive":
		return
	case "Content-Type":
		f.typed = true
	case "Date":
		f.dated = true
	}
	if !isToken(name) {
		return
	}
	for _, v := range values {
		f.lines = append(f.lines, name...)
		f.lines = append(f.lines, ": "...)
		f.lines = appendValue(f.lines, v)
		f.lines = append(f.lines, "\r\n"...)
	}
}

func appendValue(dst []byte, v string) []byte {
	for i := range len(v) {
		if isControl(v[i]) {
			dst = append(dst, ' ')
		} else {
			dst = append(dst, v[i])
		}
	}
	return dst
}

// encode makes a whole answer. last adds Connection: close whatever the fields say.
func encode(status int, f *fields, body []byte, m manner, last bool) []byte {
	dst := f.appendHead(make([]byte, 0, 192+len(f.lines)+len(body)), status)
	bodyless := status == http.StatusNoContent || status == http.StatusNotModified
	switch {
	case !bodyless:
		dst = f.appendLength(dst, body, m.head)
	case status == http.StatusNoContent && f.length == "0": // against RFC 9110, section 8.6, but some browsers wait for it after a preflight
		dst = append(dst, "Content-Length: 0\r\n"...)
	}
	dst = m.appendEnd(dst, last || f.last || !m.keep)
	if m.head || bodyless {
		return dst
	}
	return append(dst, body...)
}

// appendHead begins an answer: the status and the fields.
func (f *fields) appendHead(dst []byte, status int) []byte {
	dst = appendStatus(dst, status)
	dst = append(dst, f.lines...)
	if f.dated {
		return dst
	}
	dst = append(dst, "Date: "...)
	dst = time.Now().UTC().AppendFormat(dst, http.TimeFormat)
	return append(dst, "\r\n"...)
}

// appendEnd says what becomes of the connection and ends the header.
func (m manner) appendEnd(dst []byte, last bool) []byte {
	switch {
	case last:
		dst = append(dst, "Connection: close\r\n"...)
	case m.old:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, "\r\n"...)
}

func appendStatus(dst []byte, status int) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, http.StatusText(status)...)
	return append(dst, "\r\n"...)
}

// appendLength says what body is and how long. A handler that knows it without making the body may say so for HEAD.
func (f *fields) appendLength(dst, body []byte, head bool) []byte {
	if len(body) > 0 && !f.typed {
		dst = append(dst, "Content-Type: "...)
		dst = append(dst, http.DetectContentType(body)...)
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, "Content-Length: "...)
	if _, ok := parseLength([]byte(f.length)); head && ok && len(body) == 0 {
		dst = append(dst, f.length...)
	} else {
		dst = strconv.AppendInt(dst, int64(len(body)), 10)
	}
	return append(dst, "\r\n"...)
}
