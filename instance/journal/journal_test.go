package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockd/sockd/instance/journal"
)

const (
	kindEvent    = 1
	kindPosition = 2
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("JOURNAL_TEST_WRITER"); dir != "" {
		writeUntilKilled(dir)
		return
	}
	if dir := os.Getenv("JOURNAL_TEST_SECOND"); dir != "" {
		_, _, err := journal.Open(journal.Options{Dir: dir})
		fmt.Println(err)
		return
	}
	goleak.VerifyTestMain(m)
}

// open opens a journal that the test closes at the latest.
func open(t testing.TB, o journal.Options) (*journal.Journal, *journal.Recovered) {
	t.Helper()
	if o.Dir == "" {
		o.Dir = "/journal"
	}
	j, found, err := journal.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j, found
}

// start lets j write until it is closed.
func start(j *journal.Journal) { go func() { _ = j.Run(context.Background()) }() }

func event(seq uint64) journal.Record {
	return journal.Record{Kind: kindEvent, Space: "/", Seq: seq, At: time.Unix(int64(seq), 7), Data: fmt.Appendf(nil, "event %d", seq)}
}

// put appends r and waits for its answer.
func put(t testing.TB, j *journal.Journal, r journal.Record) error {
	t.Helper()
	answer := make(chan error, 1)
	if err := j.Append(r, func(err error) { answer <- err }); err != nil {
		return err
	}
	return <-answer
}

func mustPut(t testing.TB, j *journal.Journal, from, to uint64) {
	t.Helper()
	for seq := from; seq <= to; seq++ {
		if err := put(t, j, event(seq)); err != nil {
			t.Fatalf("event %d: %v", seq, err)
		}
	}
}

// seqs returns the seqs of all events, by Replay.
func seqs(t testing.TB, j *journal.Journal) []uint64 {
	t.Helper()
	var got []uint64
	if err := j.Replay(func(r journal.Record) error { got = append(got, r.Seq); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

// wantRun checks that got is from, from+1, … to.
func wantRun(t testing.TB, got []uint64, from, to uint64) {
	t.Helper()
	if uint64(len(got)) != to+1-from {
		t.Fatalf("got %d records (%v), want %d to %d", len(got), got, from, to)
	}
	for i, seq := range got {
		if seq != from+uint64(i) {
			t.Fatalf("got seq %d at %d, want %d", seq, i, from+uint64(i))
		}
	}
}

func TestRecordsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	records := []journal.Record{
		{Kind: 1, Space: "/", Seq: 1, At: time.Unix(1700000000, 123456789), Data: []byte("x")},
		{Kind: 255, Seq: 1<<64 - 1},
		{Kind: 2, Space: string(bytes.Repeat([]byte("s"), journal.MaxSpace)), Data: bytes.Repeat([]byte{0, 1, 2}, 1<<20)},
	}
	j, found := open(t, journal.Options{Dir: dir, Boot: "one"})
	if !found.CleanEnd || found.Last != 0 || found.SameBoot {
		t.Errorf("empty log: %+v", *found)
	}
	for _, r := range records {
		if err := j.Append(r, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil { // without Run, Close writes
		t.Fatal(err)
	}
	j, found = open(t, journal.Options{Dir: dir, Boot: "one"})
	if !found.CleanEnd || !found.SameBoot || found.Torn != 0 || found.Last != 4 || found.Segments != 1 {
		t.Errorf("found %+v", *found)
	}
	var n int
	err := j.Replay(func(r journal.Record) error {
		w := records[n]
		if r.Kind != w.Kind || r.Space != w.Space || r.Seq != w.Seq || !r.At.Equal(w.At) || !bytes.Equal(r.Data, w.Data) || r.Pos != uint64(n+1) {
			t.Errorf("record %d: got %d %d %q %v", n, r.Pos, r.Kind, r.Space, r.At)
		}
		n++
		return nil
	})
	if err != nil || n != len(records) {
		t.Errorf("replayed %d, %v", n, err)
	}
	st, err := os.Stat(dir)
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", st.Mode(), err)
	}
}

func TestOrderOfCallsIsOrderOfAnswersAndOnDisk(t *testing.T) {
	t.Parallel()
	for _, mode := range []journal.Sync{journal.Batch, journal.Always, journal.Off} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			m := newMemFS()
			j, _ := open(t, journal.Options{FS: m, Fsync: mode, SegmentBytes: 2000})
			var mu sync.Mutex // the caller's, held during Append
			var seq uint64
			var answered []uint64 // on the journal's goroutine alone
			start(j)
			var producers, answers sync.WaitGroup
			for range 4 {
				producers.Go(func() {
					for range 250 {
						mu.Lock()
						seq++
						s := seq
						answers.Add(1)
						err := j.Append(event(s), func(err error) {
							if err != nil {
								t.Error(err)
							}
							answered = append(answered, s)
							answers.Done()
						})
						mu.Unlock()
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			producers.Wait()
			answers.Wait()
			wantRun(t, answered, 1, 1000)
			st := j.Stats()
			if st.Appended != 1000 || st.Last != 1000 || st.First != 1 || st.Segments < 20 {
				t.Errorf("stats %+v", st)
			}
			if mode == journal.Always && st.Commits != 1000 {
				t.Errorf("always: %d commits", st.Commits)
			}
			if mode == journal.Off && m.ops["sync"] != 1 { // the first after Open
				t.Errorf("off: %d fsyncs", m.ops["sync"])
			}
			_ = j.Close()
			j, found := open(t, journal.Options{FS: m})
			wantRun(t, seqs(t, j), 1, 1000)
			if len(found.Damage) != 0 {
				t.Errorf("damage %+v", found.Damage)
			}
		})
	}
}

func TestOneFsyncForAllThatWait(t *testing.T) {
	t.Parallel()
	m := newMemFS()
	j, _ := open(t, journal.Options{FS: m})
	var answers sync.WaitGroup
	answers.Add(500)
	for seq := range uint64(500) {
		if err := j.Append(event(seq+1), func(error) { answers.Done() }); err != nil {
			t.Fatal(err)
		}
	}
	start(j)
	answers.Wait()
	if st := j.Stats(); st.Commits != 1 || m.ops["sync"] != 1 || m.ops["write"] != 2 { // one of them the header
		t.Errorf("%d commits, %v", st.Commits, m.ops)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	j, _ := open(t, journal.Options{FS: newMemFS(), Queue: 200})
	for name, r := range map[string]journal.Record{
		"kind 0":      {},
		"long space":  {Kind: 1, Space: string(make([]byte, journal.MaxSpace+1))},
		"large datum": {Kind: 1, Data: make([]byte, journal.MaxRecord+1)},
	} {
		if err := j.Append(r, nil); !errors.Is(err, journal.ErrRecord) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := j.Append(journal.Record{Kind: 1, Data: make([]byte, 1000)}, nil); err != nil {
		t.Errorf("one large record into an empty queue: %v", err)
	}
	if err := j.Append(event(2), nil); !errors.Is(err, journal.ErrFull) {
		t.Errorf("full: got %v", err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if err := j.Append(event(3), nil); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("closed: got %v", err)
	}
	if err := j.Run(context.Background()); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("run after close: got %v", err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
}

func TestRunWritesTheLastWhenItEnds(t *testing.T) {
	t.Parallel()
	m := newMemFS()
	j, _ := open(t, journal.Options{FS: m})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var answer error = errors.New("none")
	_ = j.Append(event(1), func(err error) { answer = err })
	if err := j.Run(ctx); err != nil || answer != nil {
		t.Errorf("run: %v, answer: %v", err, answer)
	}
	if err := j.Append(event(2), nil); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("after run: %v", err)
	}
}

func TestReadWhileAppending(t *testing.T) {
	t.Parallel()
	m := newMemFS()
	j, _ := open(t, journal.Options{FS: m, SegmentBytes: 1000})
	start(j)
	for seq := uint64(1); seq <= 100; seq++ {
		mustPut(t, j, seq, seq)
		_ = put(t, j, journal.Record{Kind: kindPosition, Space: "/other", Seq: seq, Data: []byte("client")})
		last := uint64(0)
		if err := j.Read(journal.Query{Kind: kindEvent}, func(r journal.Record) error { last = r.Seq; return nil }); err != nil || last != seq {
			t.Fatalf("read up to %d, %v; want %d", last, err, seq)
		}
	}
	stop := errors.New("stop")
	tests := map[string]struct {
		q     journal.Query
		first uint64
		n     int
	}{
		"all":                 {journal.Query{}, 1, 200},
		"from a position":     {journal.Query{From: 151}, 76, 50},
		"a kind":              {journal.Query{Kind: kindPosition}, 1, 100},
		"a space after a seq": {journal.Query{Space: "/", After: 90}, 91, 10},
		"limit":               {journal.Query{Space: "/", After: 50, Limit: 3}, 51, 3},
		"nothing":             {journal.Query{Space: "/", After: 100}, 0, 0},
		"unknown space":       {journal.Query{Space: "/none"}, 0, 0},
	}
	for name, test := range tests {
		n, first := 0, uint64(0)
		err := j.Read(test.q, func(r journal.Record) error {
			if n == 0 {
				first = r.Seq
			}
			n++
			return nil
		})
		if err != nil || n != test.n || first != test.first {
			t.Errorf("%s: got %d from %d, %v; want %d from %d", name, n, first, err, test.n, test.first)
		}
	}
	if err := j.Read(journal.Query{}, func(journal.Record) error { return stop }); err != stop {
		t.Errorf("got %v, want the reader's error", err)
	}
}
