package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// create makes the folders of p, or sees to it that they are private: ours, and closed to everybody else.
func (p place) create() error {
	for _, folder := range p.shared {
		if err := makePrivate(folder); err != nil {
			return err
		}
	}
	return makePrivate(p.dir)
}

// trust refuses to talk to a socket in a folder that somebody else could have made. It creates nothing; a folder that
// does not exist holds no daemon, which the caller finds out itself.
func (p place) trust() error {
	for _, folder := range p.shared {
		err := checkPrivate(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func makePrivate(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	err := checkPrivate(folder)
	if errors.Is(err, errOpen) && tightenable(folder) {
		return os.Chmod(folder, 0o700)
	}
	return err
}

var errOpen = errors.New("others may enter it, close it with chmod 700")

// checkPrivate looks at the folder itself, not at what a symbolic link in its place leads to.
func checkPrivate(folder string) error {
	info, err := os.Lstat(folder)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("state folder %s: not a folder", folder)
	case ok && int(owner.Uid) != os.Geteuid():
		return fmt.Errorf("state folder %s: belongs to uid %d, not to %d", folder, owner.Uid, os.Geteuid())
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("state folder %s: %w", folder, errOpen)
	}
	return nil
}

// tightenable says that closing the folder to others takes nothing away from them: it is empty, or it was sockd's before.
func tightenable(folder string) bool {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if e.Name() == lockName {
			return true
		}
	}
	return len(entries) == 0
}
