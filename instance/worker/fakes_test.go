package worker_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/sockd/sockd/instance/worker"
)

// machine starts fake processes, which live as long as script wants.
type machine struct {
	script func(*process) // runs on a goroutine of its own; when it returns, the process has exited
	broken error          // of resolve
	plan   worker.Plan

	mu      sync.Mutex
	started int
}

func (m *machine) Resolve(context.Context, worker.Options) (worker.Plan, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.plan.Choice.Path, m.plan.Choice.Rule = "/bin/fake", "1 fake"
	return m.plan, m.broken
}

func (m *machine) Start(worker.Plan) (worker.Process, error) {
	m.mu.Lock()
	m.started++
	n := m.started
	m.mu.Unlock()
	p := &process{n: n, exited: make(chan struct{}), signals: make(chan syscall.Signal, 10), reason: "exit status 1"}
	p.in, p.stdin = io.Pipe()
	p.stdout, p.out = io.Pipe()
	p.stderr, p.err = io.Pipe()
	p.lines = bufio.NewReader(p.in)
	go func() {
		m.script(p)
		p.out.Close()
		p.err.Close()
		p.in.Close()
		close(p.exited)
	}()
	return p, nil
}

func (m *machine) starts() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.started
}

type process struct {
	n                  int
	stdin, out, err    *io.PipeWriter
	in, stdout, stderr *io.PipeReader
	lines              *bufio.Reader
	exited             chan struct{}
	signals            chan syscall.Signal
	reason             string
}

func (p *process) PID() int                { return 1000 + p.n }
func (p *process) Stdin() io.WriteCloser   { return p.stdin }
func (p *process) Stdout() io.ReadCloser   { return p.stdout }
func (p *process) Stderr() io.ReadCloser   { return p.stderr }
func (p *process) Exited() <-chan struct{} { return p.exited }
func (p *process) Reason() string          { return p.reason }
func (p *process) Signal(s syscall.Signal) { p.signals <- s }

// line reads the next line that the worker was sent, without the facts of the first; "" at the end.
func (p *process) line() string {
	text, _ := p.lines.ReadString('\n')
	return strings.TrimSpace(text)
}

func (p *process) say(text string) { _, _ = io.WriteString(p.out, text+"\n") }

// serve is a good worker: it acks everything until it is told to end.
func serve(p *process) {
	p.line()
	p.say(`{"ready":true}`)
	for {
		line := p.line()
		if line == "" {
			return
		}
		var m struct{ ID json.Number }
		_ = json.Unmarshal([]byte(line), &m)
		p.say(`{"ack":` + m.ID.String() + `}`)
	}
}

var errBroken = errors.New("the environment is broken")

// inBubble runs a worker on a fake machine under a fake clock; what f starts has ended when it returns.
func inBubble(t *testing.T, m *machine, o worker.Options, f func(w *worker.Worker, s *sink)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Project, o.Command = t.TempDir(), []string{"fake"}
		s := newSink()
		w, err := worker.NewOn(m, o, s)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { _ = w.Run(ctx); close(done) }()
		synctest.Wait()
		f(w, s)
		cancel()
		<-done
	})
}
