package worker

import (
	"context"
	"io"
	"syscall"

	"github.com/sockd/sockd/instance/worker/interpreter"
)

// host is what a Worker needs of the machine. The real one is [machine]; tests have one without processes.
type host interface {
	resolve(context.Context, Options) (Plan, error)
	start(Plan) (process, error)
}

// process is a command that runs, with the group of its children.
type process interface {
	PID() int
	Stdin() io.WriteCloser // Close ends a Write that blocks
	Stdout() io.ReadCloser // Close ends a Read that blocks
	Stderr() io.ReadCloser
	Signal(syscall.Signal)   // to the whole group; nothing once the process was waited for
	Exited() <-chan struct{} // closed when the process has ended and its group was killed
	Reason() string          // how it ended, after Exited: "exit status 1"
}

// exitedWell is the reason of a process that was successful.
const exitedWell = "exit status 0"

// machine starts real processes.
type machine struct{ detector interpreter.Detector }

func (m *machine) resolve(ctx context.Context, o Options) (Plan, error) {
	return Resolve(ctx, o, &m.detector)
}

func (m *machine) start(p Plan) (process, error) { return startChild(p) }
