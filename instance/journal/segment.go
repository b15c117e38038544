package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"time"
)

// The layout of a segment's header, before its first record.
//
//	0  8 bytes magic
//	8  u32 version; what follows may be different in a newer one
//	12 u64 position of the first record
//	20 i64 time of creation, in nanoseconds since 1970
//	28 36 bytes boot id of the system, zeros behind it
//	64 u32 crc32c of all this
const (
	magic      = "sockdjnl"
	bootSize   = 36
	headerSize = 68
	suffix     = ".journal"
)

// maxSpaces is how many spaces a segment keeps the highest seq of. With more it keeps none and is always read.
const maxSpaces = 256

// segment is one file of the log. The writer changes it under Journal.mu.
type segment struct {
	name    string
	first   uint64 // the position of its first record
	next    uint64 // that of the first that is not in it
	size    int64  // of what is whole, durable as Options.Fsync says, and may be read
	created time.Time
	boot    string
	seqs    map[string]uint64 // the highest seq of each space; nil if not known
	broken  bool              // its header cannot be read, and so nothing in it
}

func (s *segment) empty() bool { return s.next == s.first }

// saw notes a record's seq.
func (s *segment) saw(space string, seq uint64) {
	if s.seqs == nil {
		return
	}
	old, ok := s.seqs[space]
	switch {
	case ok && old >= seq:
	case !ok && len(s.seqs) == maxSpaces:
		s.seqs = nil
	default:
		s.seqs[space] = seq
	}
}

func fileName(first uint64) string { return fmt.Sprintf("%020d%s", first, suffix) }

// parseName returns the first position of the segment that is called name.
func parseName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil && first > 0
}

func (s *segment) header() []byte {
	b := make([]byte, headerSize)
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[8:], version)
	binary.LittleEndian.PutUint64(b[12:], s.first)
	binary.LittleEndian.PutUint64(b[20:], uint64(s.created.UnixNano()))
	copy(b[28:28+bootSize], s.boot)
	binary.LittleEndian.PutUint32(b[64:], crc32.Checksum(b[:64], castagnoli))
	return b
}

var (
	errTorn      = errors.New("torn record")
	errHeader    = errors.New("damaged header")
	errNoHeader  = errors.New("no header")
	errMisplaced = errors.New("record out of order")
)

// readHeader takes from the header of the file what the name does not tell.
func (s *segment) readHeader(f io.ReaderAt, size int64) error {
	b := make([]byte, min(size, headerSize))
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return err
	}
	switch {
	case len(b) >= 12 && string(b[:8]) == magic && binary.LittleEndian.Uint32(b[8:]) > version:
		return ErrNewer
	case len(b) < headerSize:
		return errNoHeader
	case string(b[:8]) != magic || binary.LittleEndian.Uint32(b[64:]) != crc32.Checksum(b[:64], castagnoli),
		binary.LittleEndian.Uint64(b[12:]) != s.first:
		return errHeader
	}
	s.created = time.Unix(0, int64(binary.LittleEndian.Uint64(b[20:])))
	s.boot = strings.TrimRight(string(b[28:28+bootSize]), "\x00")
	return nil
}

// scanner reads the records of one segment, with a buffer as large as the largest of them.
type scanner struct {
	r     *bufio.Reader
	left  int64 // bytes that are still to be read
	off   int64 // where the next record begins
	next  uint64
	body  []byte
	space string
}

// scanBuffer is what a scanner reads at once.
const scanBuffer = 64 << 10

// scan reads the records of s, whose header is right, from the first size bytes of f.
func (s *segment) scan(f io.ReaderAt, size int64) *scanner {
	left := max(size-headerSize, 0)
	return &scanner{r: bufio.NewReaderSize(io.NewSectionReader(f, headerSize, left), scanBuffer), left: left, off: headerSize, next: s.first}
}

// record returns the next record, whose data are valid until the next call. At the end the error is io.EOF; for bytes that the file ends in the
// middle of, errTorn; for others that are no record, errDamaged or errMisplaced.
func (sc *scanner) record() (Record, error) {
	var prefix [prefixSize]byte
	if sc.left == 0 {
		return Record{}, io.EOF
	}
	if sc.left < prefixSize {
		return Record{}, errTorn
	}
	if _, err := io.ReadFull(sc.r, prefix[:]); err != nil {
		return Record{}, shrunk(err)
	}
	n := int64(binary.LittleEndian.Uint32(prefix[:]))
	switch {
	case n > sc.left-prefixSize:
		return Record{}, errTorn
	case n < headSize-prefixSize || n > maxBody:
		return Record{}, errDamaged
	}
	if int64(cap(sc.body)) < n {
		sc.body = make([]byte, n)
	}
	body := sc.body[:n]
	if _, err := io.ReadFull(sc.r, body); err != nil {
		return Record{}, shrunk(err)
	}
	if sum(prefix[:4], body) != binary.LittleEndian.Uint32(prefix[4:]) {
		return Record{}, errDamaged
	}
	r, space, err := parseBody(body)
	if err != nil {
		return r, err
	}
	if r.Pos != sc.next {
		return r, errMisplaced
	}
	if string(space) != sc.space {
		sc.space = string(space)
	}
	r.Space = sc.space
	sc.next++
	sc.off += prefixSize + n
	sc.left -= prefixSize + n
	return r, nil
}

// shrunk keeps the end of a file that has become shorter than it was from being taken for the end of the records.
func shrunk(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errTorn
	}
	return err
}

// bad tells the errors that are about the bytes of a segment from those of the disk.
func bad(err error) bool {
	switch err {
	case errTorn, errDamaged, errMisplaced, errHeader, errNoHeader:
		return true
	}
	return false
}
