package journal_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/sockd/sockd/instance/journal"
)

// FuzzSegment opens a log whose only or first segment is arbitrary. With right, header and checksums are made right first, so that what is
// behind them is reached.
func FuzzSegment(f *testing.F) {
	whole := firstSegment(f)
	f.Add(whole, false, false)
	f.Add(whole[:len(whole)-3], true, true)
	f.Add([]byte{}, true, false)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, true, true)
	f.Add(make([]byte, 300), false, true)
	f.Add(append(append([]byte(nil), whole...), make([]byte, 100)...), true, false)
	f.Fuzz(func(t *testing.T, b []byte, right, more bool) {
		b = append([]byte(nil), b...)
		if right {
			b = mended(append(append([]byte(nil), whole[:68]...), b...))
		}
		m := newMemFS()
		m.files["00000000000000000001.journal"] = &memFile{data: b, named: true}
		if more {
			m.files["00000000000000000009.journal"] = &memFile{data: append([]byte(nil), b...), named: true}
		}
		j, found, err := journal.Open(journal.Options{Dir: "/journal", FS: m})
		if err != nil {
			if !errors.Is(err, journal.ErrNewer) {
				t.Fatal(err)
			}
			return
		}
		last, size := uint64(0), 0
		err = j.Replay(func(r journal.Record) error {
			if r.Pos <= last || r.Kind == 0 {
				t.Fatalf("position %d after %d, kind %d", r.Pos, last, r.Kind)
			}
			last = r.Pos
			size += len(r.Data) + len(r.Space)
			return nil
		})
		if err != nil && !errors.Is(err, journal.ErrNewer) || last > found.Last || size > 2*len(b) {
			t.Fatalf("replay: %v, up to %d of %d, %d bytes of %d", err, last, found.Last, size, len(b))
		}
		if err := j.Append(event(1), nil); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j, found, err = journal.Open(journal.Options{Dir: "/journal", FS: m})
		if err != nil || !found.CleanEnd || found.Torn != 0 {
			t.Fatalf("again: %v, %+v", err, found)
		}
		_ = j.Close()
	})
}

// firstSegment returns a log of a few records.
func firstSegment(f *testing.F) []byte {
	m := newMemFS()
	j, _ := open(f, journal.Options{FS: m, Boot: "one"})
	for seq := range uint64(3) {
		if err := j.Append(event(seq+1), nil); err != nil {
			f.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		f.Fatal(err)
	}
	return m.files["00000000000000000001.journal"].data
}

// mended sets checksum, version and position of what may be records.
func mended(b []byte) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	for at, pos := 68, uint64(1); at+36 <= len(b); pos++ {
		n := int(binary.LittleEndian.Uint32(b[at:]))
		if n < 28 || n > len(b)-at-8 {
			break
		}
		b[at+8] = 1
		binary.LittleEndian.PutUint64(b[at+10:], pos)
		binary.LittleEndian.PutUint32(b[at+4:], crc32.Update(crc32.Checksum(b[at:at+4], table), table, b[at+8:at+8+n]))
		at += 8 + n
	}
	return b
}
