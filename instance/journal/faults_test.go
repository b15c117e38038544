package journal_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/journal"
)

// times refuses op as often as count says, or for ever if that is negative.
func times(op string, count int, err error) func(string, int) (int, error) {
	return func(o string, n int) (int, error) {
		if o != op || count == 0 {
			return n, nil
		}
		count--
		return n / 3, err
	}
}

func TestDiskRefusesAndComesBack(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		refuse func(string, int) (int, error)
		text   string
	}{
		"no space":                      {noSpace, "no space left on device"},
		"input/output error":            {times("write", -1, syscall.EIO), "input/output error"},
		"short write without an error":  {times("write", -1, nil), io.ErrShortWrite.Error()},
		"fsync":                         {times("sync", -1, syscall.EIO), "input/output error"},
		"fsync once":                    {times("sync", 1, syscall.EIO), "input/output error"},
		"write once":                    {times("write", 1, syscall.EIO), "input/output error"},
		"write, and the cut back fails": {allOf(times("write", 1, syscall.EIO), times("truncate", 3, syscall.EIO)), "input/output error"},
		"fsync, and the cut back fails": {allOf(times("sync", 1, syscall.EIO), times("truncate", 3, syscall.EIO)), "input/output error"},
		"fsync, and no new segment":     {allOf(times("sync", 1, syscall.EIO), times("syncdir", 3, syscall.EIO)), "input/output error"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMemFS()
				j, _ := open(t, journal.Options{FS: m})
				start(j)
				mustPut(t, j, 1, 5)
				m.fail(test.refuse)

				err := put(t, j, event(6))
				if !errors.Is(err, journal.ErrDegraded) || !strings.Contains(err.Error(), test.text) {
					t.Fatalf("while it refuses: got %v", err)
				}
				if err := j.Append(event(6), nil); !errors.Is(err, journal.ErrDegraded) {
					t.Fatalf("the next: got %v", err)
				}
				if st := j.Stats(); st.Degraded == "" || st.Failures != 1 || st.Lost != 1 || st.Refused != 1 || st.Last != 5 {
					t.Errorf("stats %+v", st)
				}
				pass(10 * time.Second)
				m.fail(nil)
				pass(30 * time.Second)
				if st := j.Stats(); st.Degraded != "" {
					t.Fatalf("it has not come back: %s", st.Degraded)
				}
				mustPut(t, j, 6, 9)
				c := m.copy() // what a kill leaves here
				c.cutPower(rand.New(rand.NewPCG(1, 1)))
				j2, found := open(t, journal.Options{FS: c})
				wantRun(t, seqs(t, j2), 1, 9)
				if len(found.Damage) != 0 || found.Torn != 0 || found.Last != 9 {
					t.Errorf("found %+v", *found)
				}
				_ = j2.Close()
				_ = j.Close()
			})
		})
	}
}

// allOf refuses what any of the given ones refuses.
func allOf(list ...func(string, int) (int, error)) func(string, int) (int, error) {
	return func(op string, n int) (int, error) {
		for _, f := range list {
			if part, err := f(op, n); err != nil || part != n {
				return part, err
			}
		}
		return n, nil
	}
}

func TestAllThatWaitIsRefused(t *testing.T) {
	t.Parallel()
	m := newMemFS()
	m.fail(noSpace)
	j, _ := open(t, journal.Options{FS: m})
	var answers []error
	for seq := range uint64(10) {
		if err := j.Append(event(seq+1), func(err error) { answers = append(answers, err) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); !errors.Is(err, journal.ErrDegraded) {
		t.Errorf("close: got %v", err)
	}
	for i, err := range answers {
		if !errors.Is(err, journal.ErrDegraded) {
			t.Errorf("answer %d: %v", i, err)
		}
	}
	if len(answers) != 10 || m.taken {
		t.Errorf("%d answers; locked: %v", len(answers), m.taken)
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j, _ := open(t, journal.Options{FS: m})
		start(j)
		mustPut(t, j, 1, 1)
		var tries []time.Duration
		begin := time.Now()
		m.fail(func(op string, n int) (int, error) {
			if op == "write" {
				tries = append(tries, time.Since(begin))
				return 0, syscall.ENOSPC
			}
			return n, nil
		})
		if err := put(t, j, event(2)); !errors.Is(err, journal.ErrDegraded) {
			t.Fatal(err)
		}
		pass(100 * time.Second)
		want := []time.Duration{0, 1, 3, 7, 15, 31, 61, 91}
		if len(tries) != len(want) {
			t.Fatalf("tries at %v, want %v s", tries, want)
		}
		for i, at := range tries {
			if at != want[i]*time.Second {
				t.Errorf("try %d at %v, want %d s", i, at, want[i])
			}
		}

		tries = nil // with traffic there is a try each second, not more
		for range 100 {
			_ = j.Append(event(2), nil)
			pass(100 * time.Millisecond)
		}
		if len(tries) < 9 || len(tries) > 11 {
			t.Errorf("%d tries in 10 s of traffic", len(tries))
		}
		m.fail(nil)
		pass(time.Second)
		_ = j.Append(event(2), nil)
		synctest.Wait()
		mustPut(t, j, 2, 3)
		_ = j.Close()
	})
}

// pass lets time pass in a bubble.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// A disk on which less fits than what was refused does not count as well again.
func TestAlmostFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j, _ := open(t, journal.Options{FS: m})
		start(j)
		mustPut(t, j, 1, 1)
		m.fail(func(op string, n int) (int, error) {
			if op == "write" && n > 50_000 {
				return 50_000, syscall.ENOSPC
			}
			return n, nil
		})
		large := journal.Record{Kind: kindEvent, Seq: 2, Data: make([]byte, 60_000)}
		if err := put(t, j, large); !errors.Is(err, journal.ErrDegraded) {
			t.Fatal(err)
		}
		pass(time.Hour)
		if st := j.Stats(); st.Failures != 1 || st.Degraded == "" {
			t.Errorf("stats %+v", st)
		}
		m.fail(nil)
		pass(time.Minute)
		if err := put(t, j, large); err != nil {
			t.Error(err)
		}
		_ = j.Close()
	})
}

// Whatever the disk refuses, and whenever its power is cut: what was answered as durable is there, in order, and no position is doubled.
func TestNothingDurableIsLost(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) { faultySchedule(t, seed) })
	}
}

func faultySchedule(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	m := newMemFS()
	durable := map[uint64]bool{}
	seq := uint64(0)
	for life := range 4 {
		j, found := open(t, journal.Options{FS: m, SegmentBytes: 300 + rnd.Int64N(500), Fsync: journal.Sync(rnd.IntN(2))})
		check(t, seed, j, found, durable)
		faults := rand.New(rand.NewPCG(seed, uint64(life)))
		odds := 2 + faults.IntN(10)
		m.fail(func(op string, n int) (int, error) {
			if faults.IntN(odds) != 0 {
				return n, nil
			}
			return faults.IntN(n + 1), syscall.EIO
		})
		start(j)
		for range 30 {
			for range rnd.IntN(6) {
				seq++
				s := seq
				_ = j.Append(event(s), func(err error) {
					if err == nil {
						durable[s] = true
					}
				})
			}
			if rnd.IntN(3) == 0 {
				pass(time.Duration(rnd.IntN(3000)) * time.Millisecond)
			}
		}
		synctest.Wait()
		next := m.copy()
		if rnd.IntN(2) == 0 {
			next.cutPower(rnd)
		}
		m.fail(nil)
		_ = j.Close()
		m = next
	}
	j, found := open(t, journal.Options{FS: m})
	check(t, seed, j, found, durable)
	_ = j.Close()
}

// check finds every durable event in the log, in order, once.
func check(t *testing.T, seed uint64, j *journal.Journal, found *journal.Recovered, durable map[uint64]bool) {
	t.Helper()
	last, n := uint64(0), 0
	for _, seq := range seqs(t, j) {
		if seq <= last {
			t.Fatalf("seed %d: %d after %d", seed, seq, last)
		}
		if last = seq; durable[seq] {
			n++
		}
	}
	if n != len(durable) {
		t.Fatalf("seed %d: %d of %d durable events are there; found %+v", seed, n, len(durable), *found)
	}
}
