package journal_test

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/journal"
)

// written returns a disk with a log of n events, written one by one, whose writer was killed.
func written(t *testing.T, n uint64, segment int64) *memFS {
	t.Helper()
	m := newMemFS()
	j, _ := open(t, journal.Options{FS: m, SegmentBytes: segment, Boot: "one"})
	start(j)
	mustPut(t, j, 1, n)
	crashed := m.copy()
	return crashed
}

// copy is the disk as a process finds it that starts after another was killed.
func (m *memFS) copy() *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := newMemFS()
	for name, f := range m.files {
		c.files[name] = &memFile{data: slices.Clone(f.data), synced: slices.Clone(f.synced), named: f.named}
	}
	return c
}

// names returns the segments in order.
func (m *memFS) names() []string {
	names, _ := m.List("")
	slices.Sort(names)
	return names
}

// ends returns where each record of the file ends, the header being the first.
func ends(b []byte) []int {
	list := []int{68}
	for at := 68; at < len(b); {
		at += 8 + int(binary.LittleEndian.Uint32(b[at:]))
		list = append(list, at)
	}
	return list
}

func TestCutAtEveryByte(t *testing.T) {
	t.Parallel()
	m := written(t, 8, 0)
	name := m.names()[0]
	whole := m.files[name].data
	bounds := ends(whole)
	for cut := range len(whole) + 1 {
		c := m.copy()
		c.files[name].data = c.files[name].data[:cut]
		want := uint64(0) // whole records before the cut
		for _, end := range bounds[1:] {
			if end <= cut {
				want++
			}
		}
		j, found := open(t, journal.Options{FS: c, Boot: "one"})
		wantRun(t, seqs(t, j), 1, want)
		atBound := slices.Contains(bounds, cut) || cut == 0 && len(c.files) == 0
		if (found.Torn == 0) != (atBound || cut == 0) || found.CleanEnd || len(found.Damage) != 0 || found.Last != want {
			t.Fatalf("cut at %d: found %+v", cut, *found)
		}
		start(j) // and the log goes on behind it
		mustPut(t, j, want+1, want+3)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j, found = open(t, journal.Options{FS: c, Boot: "one"})
		wantRun(t, seqs(t, j), 1, want+3)
		if !found.CleanEnd || found.Torn != 0 || len(found.Damage) != 0 {
			t.Fatalf("cut at %d, then written: found %+v", cut, *found)
		}
		_ = j.Close()
	}
}

func TestEveryBrokenByte(t *testing.T) {
	t.Parallel()
	m := written(t, 12, 260)
	names := m.names()
	if len(names) < 3 {
		t.Fatalf("only %v", names)
	}
	for i, name := range names {
		for at := range m.files[name].data {
			c := m.copy()
			c.files[name].data[at] ^= 0x40
			j, found, err := journal.Open(journal.Options{Dir: "/journal", FS: c, Boot: "one"})
			if errors.Is(err, journal.ErrNewer) && at >= 8 && at < 12 {
				continue
			}
			if err != nil {
				t.Fatalf("%s, byte %d: %v", name, at, err)
			}
			got := seqs(t, j)
			if i < len(names)-1 && (len(found.Damage) != 1 || found.Damage[0].Segment != name || found.Damage[0].From >= found.Damage[0].To) {
				t.Fatalf("%s, byte %d: found %+v", name, at, *found)
			}
			if i == len(names)-1 && len(found.Damage) == 0 && found.Torn == 0 {
				t.Fatalf("%s, byte %d: not reported", name, at)
			}
			if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) || len(got) >= 12 {
				t.Fatalf("%s, byte %d: got %v", name, at, got)
			}
			// what is written then is there the next time, and no position is given out twice
			if err := j.Append(event(100), nil); err != nil {
				t.Fatal(err)
			}
			_ = j.Close()
			j, _ = open(t, journal.Options{FS: c, Boot: "one"})
			if again := seqs(t, j); !slices.Equal(again, append(got, 100)) {
				t.Fatalf("%s, byte %d: got %v, then %v", name, at, got, again)
			}
			_ = j.Close()
		}
	}
}

func TestOtherBoot(t *testing.T) {
	t.Parallel()
	c := written(t, 3, 0)
	j, found := open(t, journal.Options{FS: c, Boot: "two"})
	if found.SameBoot || found.CleanEnd {
		t.Errorf("found %+v", *found)
	}
	mustClose(t, j) // nothing but the mark is written, into a segment of this boot
	j, found = open(t, journal.Options{FS: c, Boot: "two"})
	if !found.SameBoot || !found.CleanEnd || found.Segments != 2 {
		t.Errorf("found %+v", *found)
	}
	wantRun(t, seqs(t, j), 1, 3)
	before := len(c.files[c.names()[1]].data)
	mustClose(t, j)
	if after := len(c.files[c.names()[1]].data); after != before {
		t.Errorf("an unused journal grew from %d to %d bytes", before, after)
	}
}

func mustClose(t *testing.T, j *journal.Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNewerFormatIsLeftAlone(t *testing.T) {
	t.Parallel()
	c := written(t, 3, 0)
	name := c.names()[0]
	c.files[name].data[8] = 2
	before := slices.Clone(c.files[name].data)
	_, _, err := journal.Open(journal.Options{Dir: "/journal", FS: c})
	want := "journal /journal: " + name + ": written by a newer version of this program"
	if !errors.Is(err, journal.ErrNewer) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if !slices.Equal(before, c.files[name].data) || c.taken {
		t.Error("the log was changed, or the lock kept")
	}
}

func TestMissingSegment(t *testing.T) {
	t.Parallel()
	c := written(t, 12, 260)
	gone := c.names()[1]
	delete(c.files, gone)
	j, found := open(t, journal.Options{FS: c})
	got := seqs(t, j)
	if len(found.Damage) != 1 || found.Damage[0].Reason != "missing records" || int(found.Damage[0].To-found.Damage[0].From)+len(got) != 12 {
		t.Errorf("got %v, found %+v", got, *found)
	}
}

func TestExclusive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j, _ := open(t, journal.Options{Dir: dir})
	if _, _, err := journal.Open(journal.Options{Dir: dir}); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("same process: got %v", err)
	}
	if got := second(t, dir); !strings.HasSuffix(got, journal.ErrLocked.Error()) {
		t.Errorf("second process: got %s", got)
	}
	mustClose(t, j)
	if got := second(t, dir); got != "<nil>" {
		t.Errorf("after close: got %s", got)
	}
}

// second opens dir in another process.
func second(t *testing.T, dir string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "JOURNAL_TEST_SECOND="+dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
