package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"github.com/gofrs/flock"
)

const lockName = "lock"

// lockVersion is the format of the lock file's content.
const lockVersion = 1

// owner is the content of the lock file: a hint for messages, never the basis of a decision.
type owner struct {
	Version int `json:"version"`
	PID     int `json:"pid"`
}

// hold is a state folder that this process owns until release.
type hold struct {
	place
	lock *flock.Flock
}

// acquire makes the folder and takes its lock. When another daemon has it, the error carries [exitOwned] and names the
// other process if it is known. The lock ends with the process, however that ends.
func acquire(p place) (*hold, error) {
	if err := p.create(); err != nil {
		return nil, err
	}
	l := flock.New(p.lock, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", p.lock, err)
	}
	if !ok {
		l.Close()
		return nil, &exitError{exitOwned, fmt.Errorf("another daemon%s owns the state folder %s", ownerOf(p.lock), p.dir)}
	}
	h := &hold{place: p, lock: l}
	if err := h.sign(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return h, nil
}

func (h *hold) sign() error {
	line, err := json.Marshal(owner{Version: lockVersion, PID: os.Getpid()})
	if err != nil {
		return err
	}
	return os.WriteFile(h.place.lock, append(line, '\n'), 0o600)
}

// ownerOf is " (pid 4211)", or empty when the lock file does not tell.
func ownerOf(lock string) string {
	var o owner
	data, err := os.ReadFile(lock)
	if err != nil || json.Unmarshal(data, &o) != nil || o.Version != lockVersion || o.PID <= 0 {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", o.PID)
}

// listen opens the control socket. What a killed daemon left there is removed first: the lock says that nobody uses it.
// Closing the listener removes the socket.
func (h *hold) listen() (net.Listener, error) {
	if err := os.Remove(h.socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	ln, err := net.Listen("unix", h.socket)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(h.socket, 0o600); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// release gives the folder up. The lock file stays: removing it would let two processes lock two files of one name.
func (h *hold) release() error {
	return errors.Join(os.Truncate(h.place.lock, 0), h.lock.Close())
}
