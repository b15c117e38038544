package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"

	"github.com/gofrs/flock"
)

const lockName = "lock"

// lockVersion is the format of the lock file's content.
const lockVersion = 1

// handover is for how long a lock may be taken because somebody looks whether it is free, see [held].
const handover = 250 * time.Millisecond

// owner is the content of the lock file: who has taken the lock last. It is a hint for messages; only together with a lock that is held, and
// once [owner.verified], is it the basis of a signal.
type owner struct {
	Version int `json:"version"`
	PID     int `json:"pid"`
	identity
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
	ctx, cancel := context.WithTimeout(context.Background(), handover)
	defer cancel()
	ok, err := l.TryLockContext(ctx, 10*time.Millisecond)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("lock %s: %w", p.lock, err)
	}
	if !ok {
		l.Close()
		return nil, &exitError{exitOwned, fmt.Errorf("another daemon%s owns the state folder %s", ownerOf(p.lock), p.dir)}
	}
	if last, ok := readOwner(p.lock); ok && last.Version > lockVersion {
		l.Close()
		return nil, fmt.Errorf("lock %s: written by a newer sockd (format %d) than this one (format %d)", p.lock, last.Version, lockVersion)
	}
	h := &hold{place: p, lock: l}
	if err := h.sign(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return h, nil
}

func (h *hold) sign() error {
	line, err := json.Marshal(owner{Version: lockVersion, PID: os.Getpid(), identity: identityOf(os.Getpid())})
	if err != nil {
		return err
	}
	return os.WriteFile(h.place.lock, append(line, '\n'), 0o600)
}

// ownerOf is " (pid 4211)", or empty when the lock file does not tell.
func ownerOf(lock string) string {
	o, ok := readOwner(lock)
	if !ok || o.PID <= 0 {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", o.PID)
}

// readOwner returns what the lock file says; false if it says nothing.
func readOwner(lock string) (o owner, ok bool) {
	data, err := os.ReadFile(lock)
	return o, err == nil && json.Unmarshal(data, &o) == nil && o.Version > 0
}

// held reports whether a daemon has the lock, by taking a shared one for a moment. It creates nothing.
func held(lock string) (bool, error) {
	l := flock.New(lock, flock.SetFlag(os.O_RDONLY))
	free, err := l.TryRLock()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", lock, err)
	}
	return !free, l.Close()
}

// released waits until nobody has the lock: that, and not an answer of the process table, says that a daemon is gone.
func released(ctx context.Context, lock string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if taken, err := held(lock); !taken || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
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
