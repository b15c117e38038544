package rule

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/itchyny/gojq"
)

// The bounds of the programs in rules and JSON replies.
const (
	ProgramTime    = 100 * time.Millisecond
	ProgramBytes   = 1 << 20 // of JSON, all outputs of one program together
	ProgramOutputs = 1000
)

var (
	// ErrTimeout is in the chain of the error of a program that took too long.
	ErrTimeout = errors.New("jq: took too long")
	// ErrOutput is in the chain of the error of a program whose result, or a text on the way to it, is too large.
	ErrOutput = errors.New("jq: makes too much")
)

// Program is a compiled jq program. It is immutable and may run on many goroutines at once.
type Program struct {
	code *gojq.Code
	vars []int // which of the variables it mentions, by their place in CompileProgram
}

// CompileProgram compiles source. vars are the variables that it may mention, as "$instance". The message of a syntax fault names line and column.
// Programs see no file, no environment (env is empty) and no other input: import, include and input are faults.
func CompileProgram(source string, vars ...string) (*Program, error) {
	query, err := gojq.Parse(source)
	if err != nil {
		return nil, syntaxFault(source, err)
	}
	if len(query.Imports) > 0 {
		return nil, errors.New("jq: import and include are not allowed")
	}
	p := new(Program)
	var mentioned []string
	for i, v := range vars {
		if strings.Contains(source, v) {
			p.vars, mentioned = append(p.vars, i), append(mentioned, v)
		}
	}
	options := append(guards(), gojq.WithVariables(mentioned))
	if p.code, err = gojq.Compile(guarded(query), options...); err != nil {
		return nil, fmt.Errorf("jq: %v", err)
	}
	return p, nil
}

// syntaxFault names the place of a fault as line and column, in characters.
func syntaxFault(source string, err error) error {
	var fault *gojq.ParseError
	if !errors.As(err, &fault) {
		return fmt.Errorf("jq: %v", err)
	}
	before := source[:min(max(fault.Offset-len(fault.Token), 0), len(source))]
	line := strings.Count(before, "\n") + 1
	column := len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
	return fmt.Errorf("jq: line %d, column %d: %v", line, column, fault)
}

// Bounds are how much a program may use. The zero value means [ProgramTime], [ProgramBytes] and [ProgramOutputs].
type Bounds struct {
	Time    time.Duration
	Bytes   int // of JSON, all outputs together; no text on the way may be longer either
	Outputs int
}

// Run runs the program and returns its outputs as JSON. It blocks for at most b.Time and the length of one step.
//
// input and values may hold what decoding JSON gives, with [json.Number] too; []byte and [json.RawMessage] are decoded. values are those of
// the variables, in the order of [CompileProgram]; a func() any is called only if the program mentions its variable. All are copied.
func (p *Program) Run(b Bounds, input any, values ...any) ([]json.RawMessage, error) {
	in, err := argumentOf(input)
	if err != nil {
		return nil, fmt.Errorf("jq: input: %w", err)
	}
	outputs, err := p.run(b, in, values)
	if err != nil {
		return nil, err
	}
	texts, room := make([]json.RawMessage, len(outputs)), b.withDefaults().Bytes
	for i, v := range outputs {
		if texts[i], err = appendJSON(nil, v, room, 0); err != nil {
			return nil, err
		}
		room -= len(texts[i])
	}
	return texts, nil
}

func argumentOf(v any) (any, error) {
	switch x := v.(type) {
	case func() any:
		v = x()
	case []byte:
		v = json.RawMessage(x)
	}
	return copied(v)
}

func (b Bounds) withDefaults() Bounds {
	if b.Time <= 0 {
		b.Time = ProgramTime
	}
	if b.Bytes <= 0 {
		b.Bytes = ProgramBytes
	}
	if b.Outputs <= 0 {
		b.Outputs = ProgramOutputs
	}
	return b
}

// run returns the outputs as values. input must be one that gojq accepts and that no other goroutine uses. A panic of the library, over values that
// came from the network, is a fault of this program and no more.
func (p *Program) run(b Bounds, input any, values []any) (all []any, err error) {
	defer func() {
		if r := recover(); r != nil {
			all, err = nil, fmt.Errorf("jq: panic: %s", shorten(fmt.Sprint(r)))
		}
	}()
	mentioned := make([]any, len(p.vars))
	for i, v := range p.vars {
		if v >= len(values) {
			continue
		}
		if mentioned[i], err = argumentOf(values[v]); err != nil {
			return nil, fmt.Errorf("jq: variable: %w", err)
		}
	}
	b = b.withDefaults()
	steps := &budget{deadline: time.Now().Add(b.Time)}
	outputs := p.code.RunWithContext(steps, input, mentioned...)
	for {
		v, more := outputs.Next()
		if !more {
			return all, nil
		}
		if fault, failed := v.(error); failed {
			var halt *gojq.HaltError
			if errors.As(fault, &halt) && halt.Value() == nil {
				return all, nil // the program said halt
			}
			return nil, jqFault(fault)
		}
		if len(all) == b.Outputs {
			return nil, fmt.Errorf("%w: more than %d outputs", ErrOutput, b.Outputs)
		}
		all = append(all, v)
	}
}

// maxMessage is how much of a program's own words is shown: they may quote the arguments.
const maxMessage = 200

func jqFault(err error) error {
	if errors.Is(err, ErrTimeout) || errors.Is(err, ErrOutput) {
		return err
	}
	return fmt.Errorf("jq: %s", shorten(err.Error()))
}

// budget is the context of one run. gojq asks Done before every step, which makes a look at the clock every now and then enough, and a timer per
// event needless.
type budget struct {
	deadline time.Time
	steps    uint
	spent    bool
}

// maxSteps bounds what a recursion that never returns piles up on gojq's stack, some 40 bytes a step, however fast the machine is. Programs do
// around 2^22 steps in [ProgramTime].
const maxSteps = 1 << 25

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (b *budget) Done() <-chan struct{} {
	b.steps++
	if b.steps%256 == 0 && (time.Now().After(b.deadline) || b.steps > maxSteps) {
		b.spent = true
	}
	if b.spent {
		return closed
	}
	return nil
}

func (b *budget) Err() error {
	if b.spent {
		return ErrTimeout
	}
	return nil
}

func (b *budget) Deadline() (time.Time, bool) { return b.deadline, true }
func (b *budget) Value(any) any               { return nil }
