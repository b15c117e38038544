package service

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

const (
	manifestTime = 10 * time.Second
	maxManifest  = 16 << 20 // bytes; a fleet of ten thousand instances needs 500 kB
)

// Heir is the other end of a [Handover]: the process that a running daemon has started to take its place. A nil Heir, in a process that has no predecessor,
// can be told anything.
type Heir struct {
	line  net.Conn
	in    *bufio.Reader
	files map[string]*os.File
}

// Inherit takes over what a predecessor hands to this process, marks it close-on-exec and removes the variable that tells of it. It is called once,
// before anything else opens files. Nil without an error means that there is no predecessor. After an error the process is to end; whoever started it is told.
func Inherit() (*Heir, *Sockets, error) {
	version := os.Getenv(handoverVariable)
	if version == "" {
		return nil, nil, nil
	}
	os.Unsetenv(handoverVariable)
	h, err := answerLine()
	if err != nil {
		return nil, nil, err
	}
	s := &Sockets{}
	if version != strconv.Itoa(handoverVersion) {
		err = fmt.Errorf("the running daemon hands over in format %s, this program takes format %d", version, handoverVersion)
	} else {
		err = h.take(s)
	}
	if err != nil {
		h.Failed(err)
		return nil, nil, err
	}
	return h, s, nil
}

func answerLine() (*Heir, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(lineFD, &st); err != nil || st.Mode&syscall.S_IFMT != syscall.S_IFSOCK {
		return nil, fmt.Errorf("%s is for `sockd upgrade` alone", handoverVariable)
	}
	syscall.CloseOnExec(lineFD)
	f := os.NewFile(lineFD, "line")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("line to the running daemon: %w", err)
	}
	return &Heir{line: conn, files: make(map[string]*os.File)}, nil
}

// take reads the manifest and sorts the parts. Those that come before a fault stay open: the process ends.
func (h *Heir) take(s *Sockets) error {
	h.line.SetReadDeadline(time.Now().Add(manifestTime))
	h.in = bufio.NewReader(io.LimitReader(h.line, maxManifest))
	text, err := h.in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("manifest of the running daemon: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("manifest of the running daemon: %w", err)
	}
	for i := range m.Parts {
		syscall.CloseOnExec(partsFD + i)
	}
	for i, p := range m.Parts {
		if err := h.sort(s, p, os.NewFile(uintptr(partsFD+i), p.Name)); err != nil {
			return fmt.Errorf("%s %q of the running daemon: %w", p.Kind, p.Name, err)
		}
	}
	return h.line.SetReadDeadline(time.Time{})
}

func (h *Heir) sort(s *Sockets, p manifestPart, f *os.File) error {
	switch p.Kind {
	case Activation:
		return s.keep(p.Name, f)
	case Listener:
		return s.give(p.Name, f)
	}
	h.files[p.Name] = f // also one of a kind that we do not know yet
	return nil
}

// File returns the file of that name, which is the caller's from then on; nil if there is none.
func (h *Heir) File(name string) *os.File {
	if h == nil {
		return nil
	}
	f := h.files[name]
	delete(h.files, name)
	return f
}

// Ready tells the predecessor to stop accepting, to drain and to end. An error means that it is gone or has given us up, in which case it kills us; it is
// no reason to end.
func (h *Heir) Ready() error { return h.tell(verdict{Ready: true}) }

// Failed tells the predecessor to go on, and why. This process is to end.
func (h *Heir) Failed(err error) {
	if err != nil {
		_ = h.tell(verdict{Error: err.Error()})
	}
}

func (h *Heir) tell(v verdict) error {
	if h == nil {
		return nil
	}
	return json.NewEncoder(h.line).Encode(v)
}

// Released waits until the predecessor has let go of what only one process may have open, and of the line; that may take its drain time. It returns ctx's error
// if that ends first, and nil at once without a predecessor.
func (h *Heir) Released(ctx context.Context) error {
	if h == nil {
		return nil
	}
	defer context.AfterFunc(ctx, func() { h.line.SetReadDeadline(time.Unix(1, 0)) })()
	_, err := io.Copy(io.Discard, h.in)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, syscall.ECONNRESET) { // gone without having read all
		return nil
	}
	return err
}

// Close closes the line and the files that nobody has asked for.
func (h *Heir) Close() error {
	if h == nil {
		return nil
	}
	for _, f := range h.files {
		f.Close()
	}
	clear(h.files)
	return h.line.Close()
}
