package journal_test

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/sockd/sockd/instance/journal"
)

// memFS is a disk in memory that can refuse, and that forgets what was not synced when its power is cut.
type memFS struct {
	mu    sync.Mutex
	files map[string]*memFile
	taken bool
	// refuse says what becomes of an operation (write, sync, truncate, open, remove, syncdir): with an error, a write of n bytes writes the first
	// part of them. It is called with mu held.
	refuse func(op string, n int) (part int, err error)
	ops    map[string]int
}

type memFile struct {
	data   []byte
	synced []byte // what a loss of power leaves
	named  bool   // its name is synced
	lost   [2]int // what a failed fsync has thrown away: later ones do not bring it to the disk, and say nothing
}

func newMemFS() *memFS { return &memFS{files: map[string]*memFile{}, ops: map[string]int{}} }

func (m *memFS) try(op string, n int) (int, error) {
	m.ops[op]++
	if m.refuse == nil {
		return n, nil
	}
	return m.refuse(op, n)
}

// fail sets what is refused from now on.
func (m *memFS) fail(f func(op string, n int) (int, error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = f
}

func (m *memFS) MkdirAll(string) error { return nil }

func (m *memFS) Lock(string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.taken {
		return nil, journal.ErrLocked
	}
	m.taken = true
	return unlocker{m}, nil
}

type unlocker struct{ m *memFS }

func (u unlocker) Close() error {
	u.m.mu.Lock()
	defer u.m.mu.Unlock()
	u.m.taken = false
	return nil
}

func (m *memFS) List(string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.files {
		names = append(names, name)
	}
	return names, nil
}

func (m *memFS) Open(name string, flag int) (journal.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = filepath.Base(name)
	f := m.files[name]
	if f == nil && flag&os.O_CREATE == 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if flag != os.O_RDONLY {
		if _, err := m.try("open", 0); err != nil {
			return nil, err
		}
	}
	if f == nil {
		f = &memFile{}
		m.files[name] = f
	}
	if flag&os.O_TRUNC != 0 {
		f.data, f.lost = nil, [2]int{}
	}
	return memHandle{m, f}, nil
}

func (m *memFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.try("remove", 0); err != nil {
		return err
	}
	delete(m.files, filepath.Base(name))
	return nil
}

func (m *memFS) SyncDir(string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.try("syncdir", 0); err != nil {
		return err
	}
	for _, f := range m.files {
		f.named = true
	}
	return nil
}

// cutPower leaves of each file what was synced, and perhaps a part of what follows.
func (m *memFS) cutPower(rnd *rand.Rand) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.taken, m.refuse = false, nil
	for name, f := range m.files {
		if !f.named && rnd.IntN(2) == 0 {
			delete(m.files, name)
			continue
		}
		keep := f.synced
		if more := len(f.data) - len(f.synced); more > 0 && f.lost[1] == 0 {
			keep = append(append([]byte(nil), keep...), f.data[len(f.synced):len(f.synced)+rnd.IntN(more+1)]...)
		}
		m.files[name] = &memFile{data: append([]byte(nil), keep...), synced: keep, named: true}
	}
}

type memHandle struct {
	m *memFS
	f *memFile
}

func (h memHandle) ReadAt(b []byte, off int64) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if off >= int64(len(h.f.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.f.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h memHandle) WriteAt(b []byte, off int64) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	n, err := h.m.try("write", len(b))
	if more := int(off) + n - len(h.f.data); more > 0 {
		h.f.data = append(h.f.data, make([]byte, more)...)
	}
	copy(h.f.data[off:], b[:n])
	return n, err
}

func (h memHandle) Size() (int64, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return int64(len(h.f.data)), nil
}

func (h memHandle) Truncate(size int64) error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if _, err := h.m.try("truncate", 0); err != nil {
		return err
	}
	h.f.data = h.f.data[:size]
	if h.f.lost[1] = min(h.f.lost[1], int(size)); h.f.lost[0] >= h.f.lost[1] {
		h.f.lost = [2]int{}
	}
	return nil
}

func (h memHandle) Sync() error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	f := h.f
	if _, err := h.m.try("sync", 0); err != nil {
		f.lost = [2]int{min(len(f.synced), len(f.data)), len(f.data)}
		return err
	}
	f.synced = append([]byte(nil), f.data...)
	clear(f.synced[f.lost[0]:f.lost[1]])
	return nil
}

func (memHandle) Close() error { return nil }

// noSpace refuses what needs room, after half of each write.
func noSpace(op string, n int) (int, error) {
	if op == "write" || op == "open" {
		return n / 2, syscall.ENOSPC
	}
	return n, nil
}
