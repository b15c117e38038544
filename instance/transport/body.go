package transport

// body assembles the body of one request, of a known length or in chunks (RFC 9112, section 7.1). Trailers are checked and dropped. A body is
// never larger than limit; memory is taken as bytes arrive, not as they are announced.
type body struct {
	buf   []byte
	limit int64
	left  int64 // bytes of the body or of this chunk that are still to come
	state chunkState
	size  int  // of the line or trailer that is being read
	fresh bool // nothing of this trailer line has come
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
		return errBodySize
	}
	if b.left > 0 {
		b.buf = make([]byte, 0, min(b.left, preallocated))
	}
	return nil
}

// feed takes bytes from p and returns how many; done tells that the body is whole.
func (b *body) feed(p []byte) (n int, done bool, err *refusal) {
	if b.state == plain {
		n = int(min(int64(len(p)), b.left))
		b.buf = append(b.buf, p[:n]...)
		b.left -= int64(n)
		return n, b.left == 0, nil
	}
	for n < len(p) && b.state != chunksDone {
		if b.state == chunkData {
			k := int(min(int64(len(p)-n), b.left))
			b.buf = append(b.buf, p[n:n+k]...)
			n += k
			if b.left -= int64(k); b.left == 0 {
				b.state = chunkDataCR
			}
			continue
		}
		if err := b.step(p[n]); err != nil {
			return n, false, err
		}
		n++
	}
	return n, b.state == chunksDone, nil
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
		if b.left > b.limit-int64(len(b.buf)) {
			return errBodySize
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
