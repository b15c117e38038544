package journal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

var (
	// ErrLocked is returned by [Open] while another process, or another Journal, has the folder.
	ErrLocked = errors.New("in use by another process")
	// ErrNewer is returned by [Open] for a log that a newer version of this program has written. Nothing is changed then.
	ErrNewer = errors.New("written by a newer version of this program")
	// ErrFull is returned by [Journal.Append] while too many bytes wait for the disk.
	ErrFull = errors.New("journal: queue full")
	// ErrDegraded is returned by [Journal.Append], and given to done, while the disk refuses.
	ErrDegraded = errors.New("journal: disk refuses")
	// ErrClosed is returned by [Journal.Append] once the journal is ending.
	ErrClosed = errors.New("journal: closed")
	// ErrRecord is returned by [Journal.Append] for a record of kind 0, or with more than [MaxRecord] or [MaxSpace] bytes.
	ErrRecord = errors.New("journal: record not allowed")
)

// Sync says when a record counts as durable.
type Sync int

// The values of journal.fsync.
const (
	Batch  Sync = iota // after an fsync, one for all that waited
	Always             // after a write and an fsync of its own
	Off                // once the system has it: it survives the process, not the machine
)

func (s Sync) String() string { return [...]string{"batch", "always", "off"}[s] }

// The defaults of [Options].
const (
	DefaultSegmentBytes = 16 << 20
	DefaultQueue        = 32 << 20
)

// Options of a Journal. Only Dir is needed.
type Options struct {
	Dir          string        // made if it is not there, for the owner alone
	Fsync        Sync          // default Batch
	MaxBytes     int64         // the oldest segments go before the log has more; 0: no limit
	MaxAge       time.Duration // segments go once all in them is older, an eighth late at most; 0: never
	SegmentBytes int64         // a new segment is begun before one has more; default 16 MiB, and at most an eighth of MaxBytes
	Queue        int           // bytes that wait for the disk at most; default 32 MiB. One record is always taken
	// Snapshot is asked, on the journal's goroutine, before old segments are removed: what they hold that is still needed (sessions, positions) it
	// gives to emit, and they go only when that is on disk. emit copies, never blocks, and is to be used during the call only. It may be called
	// with the lock held under which the caller appends, and should be if a record replaces an earlier one of the same thing.
	Snapshot func(emit func(Record))
	Boot     string       // identifies this run of the machine; default: the kernel's boot id
	Log      *slog.Logger // default: none
	FS       FS           // default: the disk
}

// Journal is the log of one instance. Make one with [Open].
type Journal struct {
	o  Options
	fs FS

	lock     io.Closer
	wake     chan struct{} // something waits, or a try is wanted
	stop     chan struct{} // Close was called
	ended    chan struct{} // Run has returned
	closing  sync.Once
	closeErr error

	writer    writer // owned by the goroutine in Run; by Open before and by Close after it
	recovered *Recovered

	mu       sync.Mutex // guards all that follows; what only the writer changes, it reads without
	queue    queue
	segments []*segment // in order; the last is the one that is written, if writer.file is open
	next     uint64     // the position of the next record that is appended
	degraded error      // an ErrDegraded with what the disk said; nil while all is well
	running  bool       // Run was called
	closed   bool       // no more is taken
	counts   counts
}

// Open opens the log in o.Dir, for this Journal alone, and cuts off what a crash has left unfinished at its end. What is in it is read with
// [Journal.Replay]. Nothing is written before the first record. The caller closes the journal.
func Open(o Options) (*Journal, *Recovered, error) {
	j := &Journal{o: o.withDefaults(), wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	j.fs = j.o.FS
	r, err := j.open()
	if err != nil {
		return nil, nil, fmt.Errorf("journal %s: %w", o.Dir, err)
	}
	return j, r, nil
}

func (o Options) withDefaults() Options {
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	if o.MaxBytes > 0 {
		o.SegmentBytes = min(o.SegmentBytes, max(o.MaxBytes/8, 4<<10))
	}
	if o.Queue <= 0 {
		o.Queue = DefaultQueue
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = disk{}
	}
	if o.Boot == "" {
		id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
		o.Boot = strings.TrimSpace(string(id))
	}
	if len(o.Boot) > bootSize {
		o.Boot = o.Boot[:bootSize]
	}
	return o
}

func (j *Journal) open() (*Recovered, error) {
	if err := j.fs.MkdirAll(j.o.Dir); err != nil {
		return nil, err
	}
	lock, err := j.fs.Lock(j.path("lock"))
	if err != nil {
		return nil, err
	}
	r, err := j.recover()
	if err != nil {
		if j.writer.file != nil {
			_ = j.writer.file.Close()
		}
		_ = lock.Close()
		return nil, err
	}
	j.lock, j.recovered = lock, r
	return r, nil
}

func (j *Journal) path(name string) string { return filepath.Join(j.o.Dir, name) }

// Close ends [Journal.Run] if it runs, writes what waits, marks the end as clean and gives the folder free. It blocks for as long as the disk
// does, and must not be called from a done. The error says that the end could not be marked; the next start then takes it for a crash.
func (j *Journal) Close() error {
	j.closing.Do(func() {
		if err := j.close(); err != nil {
			j.closeErr = fmt.Errorf("journal %s: %w", j.o.Dir, err)
		}
	})
	return j.closeErr
}

func (j *Journal) close() error {
	j.mu.Lock()
	j.closed = true
	running := j.running
	j.mu.Unlock()
	close(j.stop)
	if running {
		<-j.ended
	}
	err := j.finish()
	if f := j.writer.file; f != nil {
		j.writer.file = nil
		err = errors.Join(err, f.Close())
	}
	return errors.Join(err, j.lock.Close())
}
