package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// What a caller has left open, as shells do, does not reach the daemon.
func TestCloseOnExec(t *testing.T) {
	t.Parallel()
	left, err := syscall.Dup(1) // without close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(left)
	folder := t.TempDir()
	for _, name := range []string{strconv.Itoa(left), "0", "1", "2", "x"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	closeOnExec(folder)
	wantClosed(t, left)

	unlisted, err := syscall.Dup(1)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(unlisted)
	closeOnExec(filepath.Join(folder, "gone"))
	wantClosed(t, unlisted)
}

// wantClosed looks at a child, which has the standard descriptors only.
func wantClosed(t *testing.T, fd int) {
	t.Helper()
	out, err := exec.Command("sh", "-c", "ls /proc/self/fd/"+strconv.Itoa(fd)+"; ls /proc/self/fd/1").CombinedOutput()
	if err != nil || strings.Count(string(out), "No such file") != 1 {
		t.Errorf("%s, %v", out, err)
	}
}

func TestHerald(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan progress)
	go listen(r, said)
	h := &herald{pipe: w}
	go func() {
		h.up()
		h.up()
		_, _ = w.WriteString("no progress\n")
		h.ready()
		h.ended(&exitError{exitOwned, errors.New("late")})
	}()
	var got bytes.Buffer
	for p := range said {
		got.WriteString(p.State + " ")
	}
	if got.String() != "up ready " {
		t.Errorf("got %s", &got)
	}
	var none *herald
	none.up()
	none.ready()
	none.ended(nil)
}

func TestHeraldTellsWhy(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan progress, 1)
	go listen(r, said)
	(&herald{pipe: w}).ended(&exitError{exitOwned, errors.New("taken")})
	if p := <-said; p != (progress{State: stateEnded, Code: exitOwned, Error: "sockd: taken\n"}) {
		t.Errorf("got %+v", p)
	}
}
