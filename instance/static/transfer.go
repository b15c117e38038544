package static

import (
	"bytes"
	"io"
	"net/http"
	"os"
)

// Sink takes the answer to one request: one call of Send or Stream. The header is the sink's from then on; body is not to be changed.
type Sink interface {
	// Send answers with a whole body. It does not block. For HEAD, and with 304, the body is nil, and Content-Length tells of what a GET would get.
	Send(status int, h http.Header, body []byte) error

	// Stream answers with a body in parts, of as many bytes as Content-Length in h says.
	Stream(status int, h http.Header) (Stream, error)
}

// Stream takes a body in parts. One goroutine at a time calls it.
type Stream interface {
	// Write queues p, which it copies, and does not block. An error ends the transfer: the client has left.
	Write(p []byte) error

	// Drained calls f once: when the client's side has taken all that was written, or when the client has left or was cut for reading too slowly.
	// It does not block.
	Drained(f func())

	// Close ends the body. A body that is shorter than announced must cost the connection, or the client would take it for whole.
	Close() error
}

// transfer is a body that is sent in parts. Between two of them it is no goroutine, only what Drained holds.
type transfer struct {
	site   *Site
	source io.ReaderAt
	file   *os.File // that source is, or nil
	part   span     // what is left
	stream Stream
	buf    []byte
}

// send sends part of c: at once if it is small, else as a transfer, for which the site may have no room.
func (s *Site) send(sink Sink, r *http.Request, status int, h http.Header, c *content, part span) {
	size := part.to - part.from
	if c.body != nil && size <= maxSent {
		_ = sink.Send(status, h, c.body[part.from:part.to])
		return
	}
	if size <= maxSent {
		body := make([]byte, size)
		if _, err := c.file.ReadAt(body, part.from); err != nil { // it got shorter, or the disk is broken
			refuse(sink, r, http.StatusInternalServerError)
			return
		}
		_ = sink.Send(status, h, body)
		return
	}
	if !s.begin() {
		refuse(sink, r, http.StatusServiceUnavailable, "Retry-After", "1")
		return
	}
	t := &transfer{site: s, source: bytes.NewReader(c.body), part: part, buf: make([]byte, maxPart)}
	if c.file != nil {
		t.source, t.file, c.file = c.file, c.file, nil // it is the transfer's to close
	}
	var err error
	if t.stream, err = sink.Stream(status, h); err != nil {
		t.end()
		return
	}
	t.next()
}

// next sends a part, and sees to it that the one after it is sent when there is room.
func (t *transfer) next() {
	n := int(min(t.part.to-t.part.from, maxPart))
	if _, err := t.source.ReadAt(t.buf[:n], t.part.from); err != nil {
		t.end()
		return
	}
	if t.stream.Write(t.buf[:n]) != nil {
		t.end()
		return
	}
	if t.part.from += int64(n); t.part.from == t.part.to {
		t.end()
		return
	}
	t.stream.Drained(func() {
		if t.site.run(t.next) != nil {
			t.end()
		}
	})
}

// end closes all that the transfer has, whether it is complete or not.
func (t *transfer) end() {
	if t.file != nil {
		_ = t.file.Close()
	}
	t.site.mu.Lock()
	t.site.transfers--
	t.site.mu.Unlock()
	if t.stream != nil {
		_ = t.stream.Close()
	}
}

func (s *Site) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.transfers == maxTransfers {
		return false
	}
	s.transfers++
	return true
}
