package transport

import (
	"bytes"
	"net/http"
)

const (
	maxHead    = 16 << 10 // bytes of a request line and its header
	maxHeaders = 100
)

// refusal is a request that is answered with an error and ends its connection.
type refusal struct {
	status int
	reason reason
	limit  int64 // of the body, for 413
}

var (
	errMalformed   = &refusal{status: http.StatusBadRequest, reason: malformed}
	errPipeline    = &refusal{status: http.StatusBadRequest, reason: pipelined}
	errTargetSize  = &refusal{status: http.StatusRequestURITooLong, reason: headSize}
	errHeadSize    = &refusal{status: http.StatusRequestHeaderFieldsTooLarge, reason: headSize}
	errHeadTime    = &refusal{status: http.StatusRequestTimeout, reason: headTimeout}
	errBodyTime    = &refusal{status: http.StatusRequestTimeout, reason: bodyTimeout}
	errExpectation = &refusal{status: http.StatusExpectationFailed, reason: expectation}
	errUnavailable = &refusal{status: http.StatusServiceUnavailable, reason: noHandler}
	errAddress     = &refusal{status: http.StatusServiceUnavailable, reason: addressLimit}
)

// head assembles the header block of one request and checks it line by line, as lines become whole. The checks are those that
// [http.ReadRequest] lets pass. What it decides, and at which byte, does not depend on how the bytes were split.
type head struct {
	buf   []byte // the block so far, if it did not come in one piece
	line  int    // where the line begins that is being read
	begin int    // where the request line begins: 2 after an empty line
	lines int    // whole lines after begin
	framing
}

// framing is what the header says about the message itself.
type framing struct {
	old       bool // HTTP/1.0
	chunked   bool
	length    int64 // Content-Length; -1 = none
	hosts     int
	proceed   bool // Expect: 100-continue
	badExpect bool
	failed    bool // its handler did not want the rest of the body
}

func (h *head) reset() {
	if cap(h.buf) > maxHead+1 {
		h.buf = nil
	}
	*h = head{buf: h.buf[:0], framing: framing{length: -1}}
}

// feed takes bytes from p and returns how many. block is not nil when the header is whole: it is part of p or of h.buf, from the request line to
// the empty line.
func (h *head) feed(p []byte) (n int, block []byte, err *refusal) {
	data, before := p, len(h.buf)
	if before > 0 {
		h.buf = append(h.buf, p[:min(len(p), maxHead+1-before)]...)
		data = h.buf
	}
	end, err := h.scan(data)
	switch {
	case err != nil:
		return 0, nil, err
	case end > 0:
		return end - before, data[h.begin:end], nil
	}
	if before == 0 {
		h.buf = append(h.buf, p...)
	}
	return len(p), nil, nil
}

// scan checks the lines of data that are whole by now. It returns where the block ends, 0 if that is not there yet.
func (h *head) scan(data []byte) (end int, err *refusal) {
	for {
		if h.lines == 0 && h.line < len(data) && !h.mayBegin(data[h.line]) {
			return 0, errMalformed
		}
		i := bytes.IndexByte(data[h.line:], '\n')
		next := h.line + i + 1
		if i < 0 {
			next = len(data)
		}
		if next > maxHead {
			return 0, h.tooLarge()
		}
		if i < 0 {
			return 0, nil
		}
		line := data[h.line:next]
		if len(line) < 2 || line[len(line)-2] != '\r' {
			return 0, errMalformed // lines end in CRLF
		}
		h.line = next
		done, err := h.check(line[:len(line)-2])
		if err != nil {
			return 0, err
		}
		if done {
			return next, nil
		}
	}
}

// mayBegin tells whether b can be the first byte of a request: a capital letter, or one empty line before it (RFC 9112, section 2.2).
func (h *head) mayBegin(b byte) bool {
	return 'A' <= b && b <= 'Z' || b == '\r' && h.begin == 0
}

func (h *head) tooLarge() *refusal {
	if h.lines == 0 {
		return errTargetSize
	}
	return errHeadSize
}

// check looks at one line without its CRLF. done means that it was the empty line at the end.
func (h *head) check(line []byte) (done bool, err *refusal) {
	switch {
	case h.lines == 0 && len(line) == 0:
		h.begin = h.line
		return false, nil
	case h.lines == 0:
		err = h.requestLine(line)
	case len(line) == 0:
		return true, h.whole()
	case h.lines > maxHeaders:
		return false, errHeadSize
	default:
		err = h.field(line)
	}
	h.lines++
	return false, err
}

var methods = [][]byte{[]byte("GET"), []byte("HEAD"), []byte("POST"), []byte("OPTIONS")}

// requestLine checks method SP origin-form SP HTTP/1.0 or 1.1.
func (h *head) requestLine(line []byte) *refusal {
	method, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || !oneOf(methods, method) {
		return errMalformed
	}
	target, version, ok := bytes.Cut(rest, []byte(" "))
	if !ok || !isTarget(target) {
		return errMalformed
	}
	switch string(version) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		h.old = true
	default:
		return errMalformed
	}
	return nil
}

func oneOf(list [][]byte, b []byte) bool {
	for _, v := range list {
		if bytes.Equal(v, b) {
			return true
		}
	}
	return false
}

// field checks one header line and notes what it says about the framing.
func (h *head) field(line []byte) *refusal {
	name, value, ok := cutField(line)
	if !ok {
		return errMalformed
	}
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		n, ok := parseLength(value)
		if !ok || h.length >= 0 {
			return errMalformed
		}
		h.length = n
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		if h.chunked || !bytes.EqualFold(value, []byte("chunked")) {
			return errMalformed
		}
		h.chunked = true
	case bytes.EqualFold(name, []byte("Host")):
		h.hosts++
		if h.hosts > 1 || !isHost(value) {
			return errMalformed
		}
	case bytes.EqualFold(name, []byte("Expect")):
		h.proceed = bytes.EqualFold(value, []byte("100-continue"))
		h.badExpect = h.badExpect || !h.proceed
	}
	return nil
}

// whole checks what can be said only at the end.
func (h *head) whole() *refusal {
	switch {
	case h.chunked && (h.length >= 0 || h.old):
		return errMalformed
	case h.hosts == 0 && !h.old:
		return errMalformed
	case h.badExpect && !h.old:
		return errExpectation
	}
	return nil
}
