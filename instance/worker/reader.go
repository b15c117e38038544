package worker

import (
	"bufio"
	"errors"
	"io"
)

// lineReader cuts a stream into lines of at most limit bytes.
type lineReader struct {
	src   *bufio.Reader
	limit int
	long  []byte // a line that is longer than the buffer
}

func newLineReader(src io.Reader, limit int) *lineReader {
	return &lineReader{src: bufio.NewReaderSize(src, min(limit, 64<<10)), limit: limit}
}

// next returns the next line without its end, borrowed until the next call. Of a line that is too long only the beginning is returned, with whole false,
// and the rest is passed over. An error ends the stream; a last line without end comes before it.
func (r *lineReader) next() (line []byte, whole bool, err error) {
	r.long = r.long[:0]
	if cap(r.long) > 1<<20 { // one large line is no reason to keep its room
		r.long = nil
	}
	whole = true
	for {
		part, err := r.src.ReadSlice('\n')
		if err == nil {
			part = part[:len(part)-1]
		}
		if room := r.limit - len(r.long); len(part) > room {
			part, whole = part[:room], false
		}
		if err == nil && len(r.long) == 0 {
			return trimEnd(part), whole, nil
		}
		r.long = append(r.long, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err == nil, len(r.long) > 0:
			return trimEnd(r.long), whole, nil // the error comes again
		default:
			return nil, true, err
		}
	}
}

func trimEnd(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}
