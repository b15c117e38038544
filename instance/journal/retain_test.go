package journal_test

import (
	"encoding/binary"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/journal"
)

func TestRetentionByBytes(t *testing.T) {
	t.Parallel()
	m := newMemFS()
	j, _ := open(t, journal.Options{FS: m, MaxBytes: 64 << 10})
	start(j)
	r := journal.Record{Kind: kindEvent, Space: "/", Data: make([]byte, 200)}
	for r.Seq = 1; r.Seq <= 2000; r.Seq++ {
		if err := put(t, j, r); err != nil {
			t.Fatal(err)
		}
		if st := j.Stats(); st.Bytes > 64<<10 {
			t.Fatalf("%d bytes at %d", st.Bytes, r.Seq)
		}
	}
	st := j.Stats()
	if st.Bytes < 48<<10 || st.Segments < 6 || st.Last != 2000 {
		t.Errorf("stats %+v", st)
	}
	mustClose(t, j)
	j, found := open(t, journal.Options{FS: m})
	wantRun(t, seqs(t, j), st.First, 2000)
	if len(found.Damage) != 0 {
		t.Errorf("found %+v", *found)
	}
}

// positions is a caller's state: the seq of each client, kept by records of which the last counts.
type positions map[byte]uint64

func (p positions) record(client byte) journal.Record {
	return journal.Record{Kind: kindPosition, Data: binary.LittleEndian.AppendUint64([]byte{client}, p[client])}
}

func (p positions) take(r journal.Record) {
	if r.Kind == kindPosition {
		p[r.Data[0]] = binary.LittleEndian.Uint64(r.Data[1:])
	}
}

func TestSnapshotKeepsWhatIsStillNeeded(t *testing.T) {
	t.Parallel()
	m := newMemFS()
	state := positions{}
	snapshots := 0
	j, _ := open(t, journal.Options{FS: m, MaxBytes: 64 << 10, Snapshot: func(emit func(journal.Record)) {
		snapshots++
		for client := range state {
			emit(state.record(client))
		}
	}})
	start(j)
	for client := range byte(20) {
		state[client] = uint64(client) + 1000
		if err := put(t, j, state.record(client)); err != nil {
			t.Fatal(err)
		}
	}
	for seq := uint64(1); seq <= 2000; seq++ { // none of them moves any more
		if err := put(t, j, journal.Record{Kind: kindEvent, Space: "/", Seq: seq, Data: make([]byte, 200)}); err != nil {
			t.Fatal(err)
		}
	}
	st := j.Stats()
	if st.First <= 20 || st.Bytes > 64<<10 || snapshots == 0 || snapshots > 80 {
		t.Errorf("%d snapshots, stats %+v", snapshots, st)
	}
	c := m.copy()
	mustClose(t, j)
	j, _ = open(t, journal.Options{FS: c})
	got := positions{}
	if err := j.Replay(func(r journal.Record) error { got.take(r); return nil }); err != nil {
		t.Fatal(err)
	}
	for client, seq := range state {
		if got[client] != seq {
			t.Errorf("client %d: got %d, want %d", client, got[client], seq)
		}
	}
}

// A snapshot that cannot be written keeps the segments that it was to replace.
func TestFailedSnapshotKeepsSegments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j, _ := open(t, journal.Options{FS: m, MaxAge: 8 * time.Hour, Snapshot: func(emit func(journal.Record)) {
			m.fail(noSpace)
			emit(journal.Record{Kind: kindPosition, Data: []byte("client")})
		}})
		start(j)
		mustPut(t, j, 1, 3)
		pass(12 * time.Hour)
		if st := j.Stats(); st.First != 1 || st.Degraded == "" || m.ops["remove"] != 0 {
			t.Errorf("stats %+v, %v", st, m.ops)
		}
		m.fail(nil)
		_ = j.Close()
	})
}

func TestRetentionByAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j, _ := open(t, journal.Options{FS: m, MaxAge: 8 * time.Hour})
		start(j)
		for hour := range uint64(24) {
			mustPut(t, j, hour+1, hour+1)
			pass(time.Hour)
		}
		var got []uint64
		read := func() {
			got = nil
			if err := j.Read(journal.Query{}, func(r journal.Record) error { got = append(got, r.Seq); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		read()
		if got[0] < 15 || got[0] > 17 || got[len(got)-1] != 24 {
			t.Errorf("after a day: %v", got)
		}
		pass(11 * time.Hour) // nothing comes: the last go too
		if read(); len(got) != 0 {
			t.Errorf("half a day later: %v", got)
		}
		mustPut(t, j, 25, 25)
		mustClose(t, j)
		j, found := open(t, journal.Options{FS: m, MaxAge: 8 * time.Hour})
		wantRun(t, seqs(t, j), 25, 25)
		if found.Last != 26 { // with the mark of the end; positions go on
			t.Errorf("found %+v", *found)
		}
		mustClose(t, j)
	})
}

func TestSegmentThatCannotBeRemoved(t *testing.T) {
	t.Parallel()
	m := newMemFS()
	m.fail(times("remove", 1, syscall.EBUSY))
	j, _ := open(t, journal.Options{FS: m, MaxBytes: 64 << 10})
	start(j)
	for range 1000 {
		err := put(t, j, journal.Record{Kind: kindEvent, Data: make([]byte, 200)})
		if errors.Is(err, journal.ErrDegraded) {
			t.Fatal(err)
		}
	}
	if st := j.Stats(); st.Bytes > 64<<10 || st.First == 1 {
		t.Errorf("stats %+v", st)
	}
}
