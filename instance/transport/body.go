package transport

import "net/http"

// body assembles the body of one request, of a known length or in chunks (RFC 9112, section 7.1). Trailers are checked and dropped. A body is
// never larger than limit; memory is taken as bytes arrive, not as they are announced.
type body struct {
	buf   []byte
	limit int64
	left  int64 // bytes of the body or of this chunk that are still to come
	state chunkState
	size  int   // of the line or trailer that is being read
	fresh bool  // nothing of this trailer line has come
	got   int64 // bytes of the body so far

	// Of a body that goes to its handler as it arrives.
	take   func(chunk []byte, end bool) error // nil = it is put together in buf
	more   func() bool                        // false = what is left waits
	failed bool                               // take does not want the rest
}

type chunkState uint8

const (
	plain        chunkState = iota // not chunked
	chunkSize                      // hexadecimal digits
	chunkExt                       // after a semicolon
	chunkSizeEnd                   // LF of the size line
	chunkData
	chunkDataCR
	chunkDataLF
	trailerName
	trailerValue
	trailerLF
	chunksDone
)

const (
	maxChunkDigits = 15      // fits an int64
	maxChunkLine   = 256     // bytes of a size line with its extensions
	preallocated   = 4 << 10 // of a known length: one connection in a crowd that only announces bodies costs this much
)

// begin prepares for a body with this framing. It refuses a length over limit.
func (b *body) begin(f framing, limit int64) *refusal {
	*b = body{limit: limit}
	if f.chunked {
		b.state = chunkSize
		return nil
	}
	b.left = max(f.length, 0)
	if b.left > limit {
		return b.tooLarge()
	}
	return nil
}

// feed takes bytes from p and returns how many; done tells that the body is whole.
func (b *body) feed(p []byte) (n int, done bool, err *refusal) {
	if b.state == plain {
		n = b.data(p)
		return n, b.left == 0 || b.failed, nil
	}
	for n < len(p) && b.state != chunksDone && !b.failed {
		if b.state == chunkData {
			n += b.data(p[n:])
			if b.left == 0 {
				b.state = chunkDataCR
			}
			if b.more != nil && !b.more() {
				break
			}
			continue
		}
		if err := b.step(p[n]); err != nil {
			return n, false, err
		}
		n++
	}
	if b.state == chunksDone && b.take != nil && !b.failed {
		b.failed = b.take(nil, true) != nil
	}
	return n, b.state == chunksDone || b.failed, nil
}

// data takes bytes of the body, or of this chunk, from p and returns how many.
func (b *body) data(p []byte) (n int) {
	n = int(min(int64(len(p)), b.left))
	b.left -= int64(n)
	b.got += int64(n)
	switch {
	case b.take != nil:
		if end := b.state == plain && b.left == 0; n > 0 || end {
			b.failed = b.take(p[:n], end) != nil
		}
	case n > 0:
		if b.buf == nil && b.state == plain {
			b.buf = make([]byte, 0, min(b.left+int64(n), preallocated))
		}
		b.buf = append(b.buf, p[:n]...)
	}
	return n
}

func (b *body) tooLarge() *refusal {
	return &refusal{status: http.StatusRequestEntityTooLarge, reason: bodySize, limit: b.limit}
}

// step takes one byte outside the data.
func (b *body) step(c byte) *refusal {
	switch b.state {
	case chunkSize, chunkExt:
		return b.sizeLine(c)
	case chunkSizeEnd:
		return b.expect(c, '\n', b.afterSize())
	case chunkDataCR:
		return b.expect(c, '\r', chunkDataLF)
	case chunkDataLF:
		b.size = 0
		return b.expect(c, '\n', chunkSize)
	case trailerName, trailerValue:
		return b.trailer(c)
	case trailerLF:
		if b.fresh {
			return b.expect(c, '\n', chunksDone)
		}
		b.fresh = true
		return b.expect(c, '\n', trailerName)
	}
	return errMalformed
}

func (b *body) expect(c, want byte, next chunkState) *refusal {
	if c != want {
		return errMalformed
	}
	b.state = next
	return nil
}

// sizeLine reads digits, then perhaps an extension, which is ignored, up to the CR.
func (b *body) sizeLine(c byte) *refusal {
	b.size++
	digit, isDigit := hexDigit(c)
	switch {
	case b.size > maxChunkLine:
		return errMalformed
	case c == '\r' && b.size > 1:
		b.state = chunkSizeEnd
	case b.state == chunkExt && !isControl(c):
	case b.state == chunkSize && c == ';' && b.size > 1:
		b.state = chunkExt
	case b.state == chunkSize && isDigit && b.size <= maxChunkDigits:
		b.left = b.left<<4 | digit
		if b.left > b.limit-b.got {
			return b.tooLarge()
		}
	default:
		return errMalformed
	}
	return nil
}

func (b *body) afterSize() chunkState {
	b.size = 0
	if b.left > 0 {
		return chunkData
	}
	b.fresh = true
	return trailerName
}

// trailer skips trailer fields; the empty line ends the body. All of them together are as long as a header at most.
func (b *body) trailer(c byte) *refusal {
	b.size++
	switch {
	case b.size > maxHead:
		return errHeadSize
	case c == '\r' && (b.fresh || b.state == trailerValue):
		b.state = trailerLF
	case b.state == trailerValue && !isControl(c):
	case b.state == trailerName && c == ':' && !b.fresh:
		b.state = trailerValue
	case b.state == trailerName && tokenByte[c]:
		b.fresh = false
	default:
		return errMalformed
	}
	return nil
}

func hexDigit(c byte) (int64, bool) {
	switch {
	case '0' <= c && c <= '9':
		return int64(c - '0'), true
	case 'a' <= c && c <= 'f':
		return int64(c-'a') + 10, true
	case 'A' <= c && c <= 'F':
		return int64(c-'A') + 10, true
	}
	return 0, false
}
