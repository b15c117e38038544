package bench

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// maxHead bounds the header of an answer.
const maxHead = 64 << 10

var errNotHTTP = errors.New("not an HTTP answer")

// response is an answer that has arrived in full, a part of the bytes it was read from.
type response struct {
	status int
	body   []byte
	size   int  // of head and body; 0 = incomplete
	last   bool // the server closes the connection
}

// nextResponse reads the first answer of p. Its length must be stated: a chunked body is an error, since no server of events sends one here.
func nextResponse(p []byte) (response, error) {
	end := bytes.Index(p, []byte("\r\n\r\n"))
	if end < 0 {
		if len(p) > maxHead {
			return response{}, errTooLarge
		}
		return response{}, nil
	}
	head := p[:end]
	first, fields, _ := bytes.Cut(head, []byte("\r\n"))
	if len(first) < 12 || !bytes.HasPrefix(first, []byte("HTTP/1.")) {
		return response{}, errNotHTTP
	}
	status, err := strconv.Atoi(string(first[9:12]))
	if err != nil || status < 100 {
		return response{}, errNotHTTP
	}
	r := response{status: status, size: end + 4}
	length, err := r.fields(fields)
	if err != nil || status == 101 {
		return r, err
	}
	if len(p)-r.size < length {
		return response{}, nil
	}
	r.body = p[r.size : r.size+length]
	r.size += length
	return r, nil
}

// fields reads the two fields that matter here.
func (r *response) fields(lines []byte) (length int, err error) {
	for line := range bytes.SplitSeq(lines, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			length, err = strconv.Atoi(string(value))
			if err != nil || length < 0 || length > maxFrame {
				return 0, fmt.Errorf("content length %q", value)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return 0, errors.New("chunked answer")
		case bytes.EqualFold(name, []byte("Connection")):
			r.last = bytes.EqualFold(value, []byte("close"))
		}
	}
	return length, nil
}
