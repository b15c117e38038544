package worker

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"syscall"
	"time"
)

// Decode parses a line as a session does and returns a short form of it.
func Decode(line []byte) (string, error) {
	m, err := decode(line)
	if err != nil {
		return "", err
	}
	switch {
	case m.Emit != nil:
		return "emit " + *m.Emit + " " + string(m.Args), nil
	case m.Ack != nil:
		return "ack " + strconv.FormatUint(*m.Ack, 10) + " " + string(m.Args), nil
	}
	return "other", nil
}

// Lines cuts data as a session does.
func Lines(data []byte, limit int) (lines []string, whole []bool) {
	r := newLineReader(bytes.NewReader(data), limit)
	for {
		line, ok, err := r.next()
		if err != nil {
			return lines, whole
		}
		lines, whole = append(lines, string(line)), append(whole, ok)
	}
}

var ParseEnvFile = parseEnvFile

func Expand(values map[string]string, outer func(string) string) map[string]string {
	return expand(values, outer)
}

// Host and Process let tests stand in for the machine.
type Host interface {
	Resolve(context.Context, Options) (Plan, error)
	Start(Plan) (Process, error)
}

type Process interface {
	PID() int
	Stdin() io.WriteCloser
	Stdout() io.ReadCloser
	Stderr() io.ReadCloser
	Signal(syscall.Signal)
	Exited() <-chan struct{}
	Reason() string
}

type hostOf struct{ Host }

func (h hostOf) resolve(ctx context.Context, o Options) (Plan, error) { return h.Resolve(ctx, o) }
func (h hostOf) start(p Plan) (process, error)                        { return h.Start(p) }

func NewOn(h Host, o Options, sink Sink) (*Worker, error) { return newWorker(o, sink, hostOf{h}) }

func Pause(r Restart, n int) time.Duration { return r.pause(n) }
