package journal

import (
	"bytes"
	"fmt"
	"os"
	"time"
)

// The times between two tries while the disk refuses. They double.
const (
	firstTry = time.Second
	lastTry  = 30 * time.Second
)

// A try writes as much as could not be written before, within these bounds, so that a disk that is all but full does not pass.
const (
	minProbe = 4 << 10
	maxProbe = 1 << 20
)

// trouble is what the writer knows about a disk that refuses.
type trouble struct {
	torn    bool // the file may have more than the segment's size; that goes before anything is written
	burnt   bool // an fsync of the file failed: the kernel may have dropped what it could not write, and would report the next fsync as good
	failed  int  // bytes that could not be written
	backoff time.Duration
	tried   time.Time
	due     time.Time // of the next try, should no Append ask for one before
	since   time.Time
}

// fail answers ErrDegraded to entries, which are not on disk, and to all that wait behind them, and starts to refuse.
func (j *Journal) fail(err error, size int, entries []entry) {
	w := &j.writer
	w.failed, w.since = size, time.Now()
	w.delay()
	degraded := fmt.Errorf("%w: %v", ErrDegraded, err)

	j.mu.Lock()
	rest := j.queue
	j.queue, j.next = queue{}, w.next
	j.degraded = degraded
	j.counts.failures++
	j.counts.lost += uint64(len(entries) + len(rest.entries))
	j.mu.Unlock()

	j.o.Log.Error("journal degraded", "err", err)
	for _, part := range [][]entry{entries, rest.entries} {
		for _, e := range part {
			if e.done != nil {
				e.done(degraded)
			}
		}
	}
}

func (t *trouble) delay() {
	t.backoff = min(max(2*t.backoff, firstTry), lastTry)
	t.tried = time.Now()
	t.due = t.tried.Add(t.backoff)
}

// try finds out whether the disk takes again what it has refused. An Append that is refused wakes the writer, so with traffic there is a
// try each second.
func (j *Journal) try() {
	w := &j.writer
	if time.Since(w.tried) < firstTry {
		return
	}
	if err := j.probe(); err != nil {
		w.delay()
		return
	}
	j.mu.Lock()
	j.degraded = nil
	j.mu.Unlock()
	j.o.Log.Info("journal writes again", "took", time.Since(w.since))
}

// probe writes behind the last record and takes it back. The bytes are the beginning of a record that is longer than they are, so that they are
// taken for a torn one should the process end here.
func (j *Journal) probe() error {
	if err := j.prepare(0); err != nil {
		return err
	}
	w := &j.writer
	w.torn = true
	b := bytes.Repeat([]byte{0xff}, min(max(w.failed, minProbe), maxProbe))
	err := writeAt(w.file, b, j.last().size)
	if err == nil {
		_, err = j.sync()
	}
	if healed := j.heal(); err == nil {
		err = healed
	}
	return err
}

// heal cuts off what follows the last durable record. After a failed fsync that is done through a new descriptor, and the segment is not written again.
func (j *Journal) heal() error {
	w := &j.writer
	if !w.torn {
		return nil
	}
	size := j.last().size
	if !w.burnt {
		err := w.file.Truncate(size)
		w.torn = err != nil
		return err
	}
	if w.file != nil {
		_ = w.file.Close()
		w.file = nil
	}
	if err := j.cut(j.last().name, size); err != nil {
		return err
	}
	w.torn, w.burnt = false, false
	return nil
}

// cut shortens a segment, durably.
func (j *Journal) cut(name string, size int64) error {
	f, err := j.fs.Open(j.path(name), os.O_RDWR)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
