package interpreter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

var (
	// ErrExplicit is matched by the error of an interpreter that was asked for by path and cannot be used. Nothing else was tried.
	ErrExplicit = errors.New("the interpreter that was asked for cannot be used")
	// ErrNone is matched by the error when no rule has found an interpreter, or the program of a plain command is not there.
	ErrNone = errors.New("no interpreter was found")
)

// Spec says for which project and command an interpreter is wanted.
type Spec struct {
	Project     string            // absolute path of the folder in which the worker runs
	Command     []string          // at least one word
	Interpreter string            // "" or "auto", "system", or a path (relative to Project) or name
	Env         map[string]string // what the instance itself sets; beats System
	System      []string          // the daemon's environment: only PATH, HOME and the folders of tools are read from it
}

// Kind is a family of runtimes with rules of its own.
type Kind string

// The kinds.
const (
	Python Kind = "python"
	Node   Kind = "node"
	Ruby   Kind = "ruby"
	PHP    Kind = "php"
	Plain  Kind = "command"
)

// Choice is the interpreter that was taken, and what the worker's environment needs for it.
type Choice struct {
	Kind    Kind
	Path    string   // absolute, no link resolved
	Version string   // "3.12.1", or "" if it was not asked
	Rule    string   // "3 .venv"
	Argv    []string // the command with the interpreter in place of its first word

	Env     map[string]string // variables to set
	Prepend []string          // folders to put in front of PATH, the first one first
	Unset   []string          // variables to take out
	Note    string            // worth telling an operator: "system python"
	Broken  string            // the sentence about an environment that should have been taken and is broken; "" if there was none
}

// Trial is one rule that was asked.
type Trial struct {
	Rule    string // "3 .venv"
	What    string // the path that it was about, or ""
	Applied bool
	Why     string // why it was taken, or why not
}

// Detector finds interpreters and remembers what they answered. The zero value is ready.
type Detector struct {
	mu    sync.Mutex
	known map[string]answer // by the state of the files, see Detector.probe; at most maxKnown
}

// Detect asks the rules for the runtime that the command names, in order. The trials are complete also when there is an error, which
// matches [ErrExplicit] or [ErrNone], or is that of ctx.
func (d *Detector) Detect(ctx context.Context, spec Spec) (Choice, []Trial, error) {
	if len(spec.Command) == 0 || spec.Command[0] == "" {
		return Choice{}, nil, fmt.Errorf("%w: command is empty", ErrNone)
	}
	s := newSearch(ctx, d, spec)
	for _, r := range rulesOf(s.kind) {
		if ctx.Err() != nil {
			return Choice{}, s.trials, ctx.Err()
		}
		if !s.ask(r) {
			continue
		}
		if s.fatal != "" {
			return Choice{}, s.trials, fmt.Errorf("%s: %w", s.fatal, ErrExplicit)
		}
		return s.choice, s.trials, nil
	}
	return Choice{}, s.trials, s.none()
}

// none is the error when all rules are through: what is broken tells more than what is not there.
func (s *search) none() error {
	if s.broken != "" {
		return fmt.Errorf("%s: %w", s.broken, ErrNone)
	}
	last := ""
	for _, t := range s.trials {
		if t.What != "" {
			last = t.What + ": " + t.Why
		}
	}
	if last == "" && len(s.trials) > 0 {
		last = s.trials[len(s.trials)-1].Why
	}
	return fmt.Errorf("%s: %s: %w", s.spec.Command[0], last, ErrNone)
}

// kindOf tells which rules the first word of a command asks for, and whether it names a runtime at all.
func kindOf(word string) Kind {
	switch {
	case word == "node", word == "nodejs", word == "bun", word == "deno":
		return Node
	case word == "ruby", word == "php":
		return Kind(word)
	case pythonName(word):
		return Python
	}
	return Plain
}

// pythonName reports whether word is python, python3 or python3.12.
func pythonName(word string) bool {
	rest, ok := strings.CutPrefix(word, "python")
	return ok && strings.Trim(rest, "0123456789.") == ""
}
