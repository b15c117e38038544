package journal

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// FS is what the journal asks of a file system. Tests put one that fails in its place; the zero Options have the real one.
type FS interface {
	MkdirAll(dir string) error                // for the owner alone, durably
	Lock(name string) (io.Closer, error)      // exclusive until closed, at the latest with the process; [ErrLocked] if taken
	List(dir string) ([]string, error)        // names without the folder
	Open(name string, flag int) (File, error) // flag as for os.OpenFile
	Remove(name string) error
	SyncDir(dir string) error // makes what was created and removed durable
}

// File is one segment of the log.
type File interface {
	io.ReaderAt
	io.WriterAt // one write(2) if the system takes all
	io.Closer
	Size() (int64, error)
	Truncate(size int64) error
	Sync() error
}

type disk struct{}

func (disk) MkdirAll(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return disk{}.SyncDir(filepath.Dir(dir))
}

func (disk) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EINTR {
			break
		}
	}
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, ErrLocked
	}
	return nil, &os.PathError{Op: "flock", Path: name, Err: err}
}

func (disk) List(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

func (disk) Open(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (disk) Remove(name string) error { return os.Remove(name) }

func (disk) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

type diskFile struct{ *os.File }

func (f diskFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
