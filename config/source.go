package config

import (
	"errors"
	"io/fs"
	"sort"
	"strings"
	"syscall"
	"unicode/utf8"
)

const (
	maxFile   = 4 << 20 // of one TOML file or secret
	maxShown  = 120     // characters of a line in a snippet
	shownHead = 80      // of them, before the caret
)

// source is one file that was read.
type source struct {
	name  string // as shown
	path  string // absolute
	order int    // 0 = the main file
	text  string // without a byte order mark
	lines []int  // offset of each line's first byte
}

func newSource(name, path string, order int, text string) *source {
	s := &source{name: name, path: path, order: order, text: strings.TrimPrefix(text, "\ufeff"), lines: []int{0}}
	for i := 0; i < len(s.text); i++ {
		if s.text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// fault returns a fault at the byte offset off.
func (s *source) fault(off int, message string) *Error {
	off = min(max(off, 0), len(s.text))
	line := sort.SearchInts(s.lines, off+1) - 1
	start := s.lines[line]
	text, _, _ := strings.Cut(s.text[start:], "\n")
	text = strings.TrimSuffix(text, "\r")
	before := text[:min(off-start, len(text))]
	return &Error{
		File: s.name, Line: line + 1, Col: utf8.RuneCountInString(before) + 1,
		Message: message, Snippet: snippet(text, before), file: s.order,
	}
}

// snippet returns the line, cut to a readable length, and a caret below the character that follows before. Tabs stay tabs in
// both lines; other control characters become spaces, as a file may hold what a terminal obeys.
func snippet(text, before string) string {
	head := before
	for n := 0; head != "" && n < shownHead; n++ {
		_, size := utf8.DecodeLastRuneInString(head)
		head = head[:len(head)-size]
	}
	dropped := len(head) > 0
	head = before[len(head):]
	if dropped {
		head = "…" + head
	}
	tail, rest := text[len(before):], text[len(before):]
	for n := utf8.RuneCountInString(head); rest != "" && n < maxShown; n++ {
		_, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
	}
	if rest != "" {
		tail = tail[:len(tail)-len(rest)] + "…"
	}
	clean := func(r rune) rune {
		if r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return ' '
		}
		return r
	}
	pad := func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}
	return strings.Map(clean, head+tail) + "\n" + strings.Map(pad, head) + "^"
}

// plain returns a fault of a whole file.
func plain(name string, order int, err error) *Error {
	return &Error{File: name, Message: reason(err), err: err, file: order}
}

// reason is the text of a file system fault without the path, which stands before it already.
func reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	return err.Error()
}
