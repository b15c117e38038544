package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
)

// Exit codes, as documented for users.
const (
	exitOK          = 0
	exitFailed      = 1 // failed, or rolled back
	exitUsage       = 2
	exitNotReady    = 3 // a selected instance is not ready, or the file on disk was rejected or held
	exitUnreachable = 4 // no daemon, or no such instance
	exitTimeout     = 5
	exitOwned       = 75 // another daemon owns this state folder
	exitConfig      = 78 // the file is invalid
)

// exitError ends the process with a code. Without err nothing more is printed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit is the error that only sets the code.
func exit(code int) error {
	if code == exitOK {
		return nil
	}
	return &exitError{code: code}
}

// report prints what err says on stderr and returns the exit code that it stands for.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	var coded *exitError
	if errors.As(err, &coded) && coded.err == nil {
		return coded.code
	}
	var faults *config.Errors
	if errors.As(err, &faults) {
		writeFaults(stderr, faults)
		return exitConfig
	}
	fmt.Fprintf(stderr, "sockd: %v\n", err)
	var wrong *usageError
	switch {
	case coded != nil:
		return coded.code
	case errors.As(err, &wrong):
		return exitUsage
	case errors.Is(err, control.ErrUnreachable):
		return exitUnreachable
	}
	return exitFailed
}

// writeFaults prints each fault with its place, the offending line and the hint, the main file's first.
func writeFaults(w io.Writer, faults *config.Errors) {
	for _, f := range faults.List {
		fmt.Fprintln(w, f.Error())
		if f.Snippet != "" {
			fmt.Fprintln(w, indent(f.Snippet))
		}
	}
	if faults.More > 0 {
		fmt.Fprintf(w, "and %d more\n", faults.More)
	}
}

func indent(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") }
