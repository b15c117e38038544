package ingest

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
)

// lines is a call whose body comes as lines. It stands in for the body of its request, so that ServeHTTP finds it there.
type lines struct {
	*call
	tail     []byte // of a line that is not whole yet
	line     int    // how many have begun to be read
	taken    int64  // bytes
	finished bool
}

var _ io.ReadCloser = (*lines)(nil)

// Lines takes the body of a request as it comes. It is called when the header has come, and returns nil if the body must be whole before ServeHTTP:
// all but NDJSON. Otherwise take is called with each chunk, on the poller; chunk is borrowed and end is set with the last one, which may be empty.
// Events are published as soon as their line is whole. ServeHTTP is called once, after the end or after an error of take, and finds the call in
// r.Body, which is not to be replaced. If the client leaves before that, nothing has to be called. A request that is refused for its header
// gets a take that fails at once, so that its body is not read.
func (h *Handler) Lines(r *http.Request) (take func(chunk []byte, end bool) error) {
	if r.Method != http.MethodPost {
		return nil
	}
	c, f := h.begin(h.settings.Load(), r)
	if f != nil {
		c = &call{h: h, s: h.settings.Load(), pending: 1, fault: f}
	} else if !c.lined || c.key.key != "" {
		return nil
	}
	l := &lines{call: c}
	r.Body = l
	return l.take
}

// Read implements io.Reader. Nothing is left to be read.
func (l *lines) Read([]byte) (int, error) { return 0, io.EOF }

// Close implements io.Closer.
func (l *lines) Close() error { return nil }

func (l *lines) take(chunk []byte, end bool) error {
	l.taken += int64(len(chunk))
	if l.taken > l.s.MaxBody {
		l.fail(tooLong(l.s))
	}
	if f := l.failed(); f != nil {
		return f
	}
	if l.s.Transform == nil {
		l.feed(chunk, end)
	} else if chunk = l.whole(chunk, end); len(chunk) > 0 {
		l.later(func() { l.feed(chunk, true) })
	}
	if f := l.failed(); f != nil {
		return f
	}
	return nil
}

// finish ends the body, whole or not.
func (l *lines) finish() {
	if !l.finished {
		l.finished = true
		l.release()
	}
}

// whole returns the lines that are whole with chunk, in memory of their own, and keeps the rest.
func (l *lines) whole(chunk []byte, end bool) []byte {
	n := len(chunk)
	if !end {
		n = bytes.LastIndexByte(chunk, '\n') + 1
	}
	if n == 0 && !end {
		l.tail = append(l.tail, chunk...)
		return nil
	}
	whole := append(l.tail, chunk[:n]...)
	l.tail = append([]byte(nil), chunk[n:]...)
	return whole
}

// feed publishes the lines that are whole with chunk. With end, what is left is a line too.
func (l *lines) feed(chunk []byte, end bool) {
	for len(chunk) > 0 && l.failed() == nil {
		n := bytes.IndexByte(chunk, '\n')
		if n < 0 {
			break
		}
		l.next(chunk[:n])
		chunk = chunk[n+1:]
	}
	if end && len(l.rest())+len(chunk) > 0 && l.failed() == nil {
		l.next(chunk)
		return
	}
	if len(chunk) > 0 {
		l.tail = append(l.tail, chunk...)
	}
}

// rest is the tail, unless jobs read the lines: then take has it, and a job must not look.
func (l *lines) rest() []byte {
	if l.s.Transform != nil {
		return nil
	}
	return l.tail
}

// next publishes a line that begins in the tail.
func (l *lines) next(line []byte) {
	l.line++
	if tail := l.rest(); len(tail) > 0 {
		line = append(tail, line...)
		l.tail = line[:0]
		if cap(line) > inlineBody {
			l.tail = nil
		}
	}
	content := line
	if l.line == 1 {
		content = bytes.TrimPrefix(content, bom)
	}
	if len(trim(content)) == 0 {
		return
	}
	if l.line > 1 && bytes.HasPrefix(content, bom) {
		l.fail(l.at((&flaw{badJSON, 0, "byte order mark inside the body"}).fault(content)))
		return
	}
	l.publishLine(line)
}

func (l *lines) publishLine(line []byte) {
	if l.s.Transform != nil {
		events, _, f := l.transform(line)
		if f != nil {
			l.fail(l.at(f))
			return
		}
		l.publishAll(events)
		return
	}
	e, flaw := l.s.line(line)
	if flaw != nil {
		l.fail(l.at(flaw.fault(line)))
		return
	}
	if l.line > 1 && !l.admitted() {
		return
	}
	l.publish(e)
}

// at gives the fault of a line its place in the body.
func (l *lines) at(f *fault) *fault {
	f.line, f.column = l.line, max(f.column, 1)
	return f
}

// admitted holds a stream to the rate, so that one long body is no way around it.
func (l *lines) admitted() bool {
	seconds := l.h.bucket.allow(&l.s.Options)
	if seconds > 0 {
		l.fail(&fault{what: rateLimited, text: "too many events per second at line " + strconv.Itoa(l.line), retry: seconds})
	}
	return seconds == 0
}
