package broadcast

import (
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"strings"
)

// An offset is <epoch>-<seq>. The epoch is that of the broadcaster: 8 characters that are new with each start, so that a number of an earlier
// run is never taken for one of this run.

func newEpoch() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the process instead
	const least = 36 * 36 * 36 * 36 * 36 * 36 * 36
	return strconv.FormatUint(least+binary.LittleEndian.Uint64(b[:])%(35*least), 36)
}

// marks are stand-ins for the offsets with numbers of 1 to 20 digits, for events whose number is not known yet.
type marks struct {
	prefix string // the epoch and the dash
	all    [21]string
}

func newMarks(epoch string) *marks {
	m := &marks{prefix: epoch + "-"}
	for digits := range m.all {
		m.all[digits] = m.prefix + strings.Repeat("0", digits)
	}
	return m
}

// width returns how many digits n has.
func (m *marks) width(n uint64) int {
	d := 1
	for ; n >= 10; n /= 10 {
		d++
	}
	return d
}

// appendOffset appends the offset of seq.
func (m *marks) appendOffset(dst []byte, seq uint64) []byte {
	return strconv.AppendUint(append(dst, m.prefix...), seq, 10)
}

// parse returns the number in an offset, or why it is none of this broadcaster's.
func (m *marks) parse(offset string) (seq uint64, r Refusal, ok bool) {
	epoch, number, found := strings.Cut(offset, "-")
	seq, err := strconv.ParseUint(number, 10, 64)
	switch {
	case !found || err != nil || number[0] == '0':
		return 0, BadOffset, false
	case epoch+"-" != m.prefix:
		return 0, OtherEpoch, false
	}
	return seq, 0, true
}
