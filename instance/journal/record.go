package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"time"
)

// version is the format that this package writes, and the newest that it reads.
const version = 1

// The layout of a record. Everything is little-endian.
//
//	0  u32 length of what follows the first 8 bytes
//	4  u32 crc32c of the length and of what follows
//	8  u8  version
//	9  u8  kind
//	10 u64 position
//	18 u64 seq
//	26 i64 time, in nanoseconds since 1970
//	34 u16 length of the space
//	36 space, then data to the end
const (
	prefixSize = 8
	headSize   = 36
)

const (
	// MaxRecord is the most that the data of one record may have, in bytes.
	MaxRecord = 64 << 20
	// MaxSpace is the most that the space of a record may have, in bytes.
	MaxSpace = math.MaxUint16
	maxBody  = headSize - prefixSize + MaxSpace + MaxRecord
)

// kindClosed is the only kind of this package's own: the writer ended well, and all that it was given is before this mark.
const kindClosed = 0

// noTime stands for the zero time, which has no number of nanoseconds.
const noTime = math.MinInt64

// Record is one entry of the log. What a kind means, and what its data are, is the caller's affair.
type Record struct {
	Pos   uint64    // its place in the log, from 1, with no gaps but those that [Recovered] reports; Append sets it, whatever is here
	Kind  uint8     // from 1; 0 is the journal's own
	Space string    // what Seq counts in: a namespace; at most [MaxSpace] bytes
	Seq   uint64    // of the event, or whatever else the kind wants
	At    time.Time // to the nanosecond, of the years 1678 to 2262; comes back in local time
	Data  []byte    // at most [MaxRecord] bytes; copied by Append, borrowed for the call when read
}

func (r *Record) allowed() bool {
	return r.Kind != kindClosed && len(r.Data) <= MaxRecord && len(r.Space) <= MaxSpace
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord appends r as it is on disk.
func appendRecord(b []byte, r *Record) []byte {
	at := int64(noTime)
	if !r.At.IsZero() {
		at = r.At.UnixNano()
	}
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(headSize-prefixSize+len(r.Space)+len(r.Data)))
	b = append(b, 0, 0, 0, 0, version, r.Kind)
	b = binary.LittleEndian.AppendUint64(b, r.Pos)
	b = binary.LittleEndian.AppendUint64(b, r.Seq)
	b = binary.LittleEndian.AppendUint64(b, uint64(at))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(r.Space)))
	b = append(b, r.Space...)
	b = append(b, r.Data...)
	binary.LittleEndian.PutUint32(b[start+4:], sum(b[start:start+4], b[start+prefixSize:]))
	return b
}

func sum(length, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, body)
}

var errDamaged = errors.New("damaged record")

// parseBody reads what follows the prefix of a record whose checksum is right. The data are part of b; the space is too, and is returned
// apart because a reader sees the same one again and again.
func parseBody(b []byte) (r Record, space []byte, err error) {
	if b[0] > version {
		return r, nil, ErrNewer
	}
	const space0 = headSize - prefixSize
	end := space0 + int(binary.LittleEndian.Uint16(b[space0-2:]))
	if len(b) < end {
		return r, nil, errDamaged
	}
	r.Kind = b[1]
	r.Pos = binary.LittleEndian.Uint64(b[2:])
	r.Seq = binary.LittleEndian.Uint64(b[10:])
	if at := int64(binary.LittleEndian.Uint64(b[18:])); at != noTime {
		r.At = time.Unix(0, at)
	}
	r.Data = b[end:]
	return r, b[space0:end], nil
}
