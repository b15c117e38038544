package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func placeIn(t *testing.T) place {
	t.Helper()
	p, err := here().locate(filepath.Join(t.TempDir(), "state"), "/somewhere/sockd.toml")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLockTellsWhoIsThere(t *testing.T) {
	t.Parallel()
	p := placeIn(t)
	if taken, err := held(p.lock); taken || err != nil {
		t.Fatalf("held(nothing) = %v, %v", taken, err)
	}
	if exists(p.dir) {
		t.Fatal("asking made a folder")
	}
	h, err := acquire(p)
	if err != nil {
		t.Fatal(err)
	}
	if taken, err := held(p.lock); !taken || err != nil {
		t.Errorf("held = %v, %v", taken, err)
	}
	if o, ok := readOwner(p.lock); !ok || o.PID != os.Getpid() || !o.verified() {
		t.Errorf("owner %+v, %v", o, ok)
	}
	var coded *exitError
	if _, err := acquire(p); !errors.As(err, &coded) || coded.code != exitOwned {
		t.Errorf("a second daemon: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := released(ctx, p.lock); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("released while held: %v", err)
	}
	if err := h.release(); err != nil {
		t.Fatal(err)
	}
	if err := released(t.Context(), p.lock); err != nil {
		t.Errorf("released: %v", err)
	}
	if o, ok := readOwner(p.lock); ok {
		t.Errorf("an owner is left: %+v", o)
	}
}

// Who looks at the lock has it for a moment; that is no daemon.
func TestLockIsTakenThroughALook(t *testing.T) {
	t.Parallel()
	p := placeIn(t)
	for range 20 {
		looks := make(chan error, 1)
		stop := make(chan struct{})
		go func() {
			for {
				select {
				case <-stop:
					looks <- nil
					return
				default:
					_, _ = held(p.lock) // the folder may not be there yet
				}
			}
		}()
		h, err := acquire(p)
		close(stop)
		<-looks
		if err != nil {
			t.Fatal(err)
		}
		if err := h.release(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLockOfANewerVersion(t *testing.T) {
	t.Parallel()
	p := placeIn(t)
	if err := p.create(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.lock, []byte(`{"version":2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := acquire(p); err == nil || !strings.Contains(err.Error(), "written by a newer sockd (format 2) than this one (format 1)") {
		t.Errorf("got %v", err)
	}
}

// A number in a lock file is not enough to be killed.
func TestStrangersAreNotKilled(t *testing.T) {
	t.Parallel()
	stranger := exec.Command("sleep", "60")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	}()
	theirs := identityOf(stranger.Process.Pid)
	for _, tt := range []struct {
		name string
		held bool
		who  identity
	}{
		{"nobody has the lock", false, theirs},
		{"an earlier process had the number", true, identity{theirs.BootID, theirs.Ticks - 1}},
		{"the machine was started since", true, identity{"before", theirs.Ticks}},
		{"the file does not say", true, identity{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := placeIn(t)
			h, err := acquire(p)
			if err != nil {
				t.Fatal(err)
			}
			defer h.release()
			if !tt.held {
				if err := h.release(); err != nil {
					t.Fatal(err)
				}
			}
			writeOwner(t, p.lock, owner{lockVersion, stranger.Process.Pid, tt.who})
			if err := p.kill(); !errors.Is(err, errStranger) {
				t.Errorf("got %v, want errStranger", err)
			}
			if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
				t.Errorf("the stranger: %v", err)
			}
		})
	}
}

func writeOwner(t *testing.T, lock string, o owner) {
	t.Helper()
	line, err := json.Marshal(o)
	if err == nil {
		err = os.WriteFile(lock, line, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestStartTicks(t *testing.T) {
	t.Parallel()
	const rest = " S 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 77 0 0"
	for _, tt := range []struct {
		name, stat string
		want       uint64
	}{
		{"plain", "12 (sockd)" + rest, 77},
		{"a name that looks like the rest", "12 (a) S 1 (b) )" + rest, 77},
		{"cut off", "12 (sockd) S 1 1", 0},
		{"empty", "", 0},
	} {
		if got := startTicks(tt.stat); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

func FuzzStartTicks(f *testing.F) {
	f.Add("12 (sockd) S 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 77 0 0")
	f.Add(")")
	f.Fuzz(func(_ *testing.T, stat string) { startTicks(stat) })
}
