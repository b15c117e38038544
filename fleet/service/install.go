package service

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrForeign means that a file is not one that [Install] has written.
var ErrForeign = errors.New("not written by sockd")

// Install writes a unit to path, whole or not at all, with mode 0644, and makes the folders above it. What is there and is not ours, a symbolic link too,
// stays unless force is set: the error is or wraps [ErrForeign].
func Install(path, text string, force bool) error {
	err := ours(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !(force && errors.Is(err, ErrForeign)) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".sockd-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // does nothing once it is renamed
	_, err = tmp.WriteString(text)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// Installed reports whether path is a file that [Install] has written. The error is or wraps [fs.ErrNotExist] or [ErrForeign].
func Installed(path string) error { return ours(path) }

// Uninstall removes what [Install] has written. The error is that of [Installed].
func Uninstall(path string) error {
	if err := ours(path); err != nil {
		return err
	}
	return os.Remove(path)
}

// ours looks for the marker in the first two lines, the first of a plist being fixed.
func ours(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	foreign := fmt.Errorf("%s: %w", path, ErrForeign)
	if !info.Mode().IsRegular() {
		return foreign
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, 4096))
	for i := 0; i < 2 && lines.Scan(); i++ {
		if rest, ok := strings.CutPrefix(lines.Text(), "# "); ok && strings.HasPrefix(rest, marker) {
			return nil
		}
		if rest, ok := strings.CutPrefix(lines.Text(), "<!-- "); ok && strings.HasPrefix(rest, marker) {
			return nil
		}
	}
	return foreign
}

// xmlText is s as the text of an element.
func xmlText(s string) (string, error) {
	var b strings.Builder
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}
