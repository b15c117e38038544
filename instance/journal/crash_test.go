package journal_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/sockd/sockd/instance/journal"
)

// writeUntilKilled is the other process: it appends events as fast as it may, from where the log ends, and prints each number that is durable.
func writeUntilKilled(dir string) {
	j, _, err := journal.Open(journal.Options{Dir: dir, SegmentBytes: 64 << 10})
	if err != nil {
		panic(err)
	}
	var seq uint64
	_ = j.Replay(func(r journal.Record) error { seq = r.Seq; return nil })
	go func() { _ = j.Run(context.Background()) }()
	window := make(chan struct{}, 64) // appended and not answered
	for {
		window <- struct{}{}
		seq++
		r := event(seq)
		err := j.Append(r, func(err error) {
			if err == nil {
				_, _ = fmt.Fprintln(os.Stdout, r.Seq) // one write(2): printed or not
			}
			<-window
		})
		if err != nil {
			panic(err)
		}
	}
}

func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(1, 2))
	kept := uint64(0)
	for round := range 50 {
		printed := killAfter(t, dir, rnd.IntN(400))
		j, found, err := journal.Open(journal.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		got := seqs(t, j)
		if found.CleanEnd || !found.SameBoot || len(found.Damage) != 0 {
			t.Errorf("round %d: found %+v", round, *found)
		}
		if uint64(len(got)) < max(printed, kept) {
			t.Fatalf("round %d: %d was printed, %d are there", round, printed, len(got))
		}
		wantRun(t, got, 1, uint64(len(got)))
		kept = uint64(len(got))
		killed(t, j)
	}
}

// killed gives the folder free without the mark of a clean end: the next writer finds what the last one has left.
func killed(t *testing.T, j *journal.Journal) {
	t.Helper()
	if err := j.Abandon(); err != nil {
		t.Fatal(err)
	}
}

// killAfter lets the other process print n numbers, kills it, and returns the last that it has printed.
func killAfter(t *testing.T, dir string, n int) uint64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "JOURNAL_TEST_WRITER="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	last := uint64(0)
	for i := 0; lines.Scan(); i++ { // what it printed before the end is read to the end
		if last, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
			t.Fatal(err)
		}
		if i == n {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait()
	return last
}
