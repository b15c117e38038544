package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Error is one fault of a configuration.
type Error struct {
	File      string // as the user named it, or as it was found from there
	Line, Col int    // from 1, Col in characters; 0 if the fault concerns the whole file
	Key       string // the dotted key as written, such as instance.chat.ping.interval; "" if the message names it
	Message   string // "must be positive"
	Hint      string // "did you mean "port"?"; often empty
	Snippet   string // the line and below it a caret, two lines in all; empty if Line is 0

	err  error // of the operating system, for errors.Is
	file int   // order of the files
}

// Error returns `sockd.toml:14:9: instance.chat.ping.interval: must be positive`, without the snippet.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		b.WriteString(":" + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Col))
	}
	b.WriteString(": ")
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString(", " + e.Hint)
	}
	return b.String()
}

// Unwrap returns the fault of the operating system behind e, such as [io/fs.ErrNotExist], or nil.
func (e *Error) Unwrap() error { return e.err }

// Errors is what [Load] returns when it refuses a file.
type Errors struct {
	List  []*Error // at least one, sorted by file (the main one first) and position
	More  int      // faults beyond the limit of the list, which is 500
	Watch []string // paths and patterns that were read or looked for, absolute: a change there may heal the fault

	sight *sight
}

// Error returns one line per fault.
func (e *Errors) Error() string {
	var b strings.Builder
	for i, x := range e.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(x.Error())
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\nand %d more", e.More)
	}
	return b.String()
}

// Unwrap returns the faults one by one.
func (e *Errors) Unwrap() []error {
	list := make([]error, len(e.List))
	for i, x := range e.List {
		list[i] = x
	}
	return list
}

const maxFaults = 500

// faults collects. The same message at the same place counts once: that is how a fault in [defaults], met again in every
// instance, is reported once.
type faults struct {
	list []*Error
	more int
	seen map[[2]string]bool
}

// full counts one more fault if there is room for none. Ask it before the work of making one: a hostile file has a fault in
// every few bytes of one long line.
func (f *faults) full() bool {
	if len(f.list) < maxFaults {
		return false
	}
	f.more++
	return true
}

func (f *faults) add(e *Error) {
	id := [2]string{e.File + ":" + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Col), e.Key + ": " + e.Message}
	if f.seen[id] {
		return
	}
	if f.full() {
		return
	}
	if f.seen == nil {
		f.seen = make(map[[2]string]bool)
	}
	f.seen[id] = true
	f.list = append(f.list, e)
}

// at reports a fault of the value that n holds and marks n, so that checks of several keys leave it alone.
func (f *faults) at(n *node, format string, args ...any) *Error {
	n.bad = true
	if f.full() {
		return &Error{}
	}
	e := n.src.fault(n.off, fmt.Sprintf(format, args...))
	e.Key = n.key.String()
	f.add(e)
	return e
}

// below reports a fault of a key in the table n. If the key is not written, the place is the closest table that is.
func (f *faults) below(n *node, key []string, format string, args ...any) *Error {
	c := n.near(key...)
	c.bad = true
	if f.full() {
		return &Error{}
	}
	e := c.src.fault(c.off, fmt.Sprintf(format, args...))
	e.Key = c.key.String()
	if n.get(key...) == nil {
		e.Key = append(slices.Clip(n.key), key...).String()
	}
	f.add(e)
	return e
}

func (f *faults) sorted() *Errors {
	slices.SortStableFunc(f.list, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return &Errors{List: f.list, More: f.more}
}
