package instance

import (
	"context"
	"sync"

	"github.com/sockd/sockd/instance/transport"
)

// acceptor runs the accept loop of one listener at a time. A listener that it was lent is never closed here.
type acceptor struct {
	server *transport.Server

	mu   sync.Mutex
	die  context.CancelCauseFunc // told of the end of a loop that nobody asked to end; nil before start
	addr string
	ln   transport.Listener
	loop *acceptLoop
}

type acceptLoop struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// start begins to accept on the listener that serve was given.
func (a *acceptor) start(die context.CancelCauseFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.die = die
	if a.ln != nil {
		a.loop = a.run(a.ln)
	}
}

// serve moves to ln: the new loop runs before the old one is ended, and the old one has ended when serve returns.
func (a *acceptor) serve(ln transport.Listener) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ln == a.ln {
		return
	}
	old := a.loop
	a.ln, a.loop = ln, nil
	if ln != nil {
		a.addr = ln.Addr().String()
		if a.die != nil {
			a.loop = a.run(ln)
		}
	}
	if old != nil {
		old.cancel()
		<-old.done
	}
}

func (a *acceptor) run(ln transport.Listener) *acceptLoop {
	ctx, cancel := context.WithCancel(context.Background())
	l := &acceptLoop{cancel: cancel, done: make(chan struct{})}
	die := a.die
	go func() {
		defer close(l.done)
		if err := a.server.Accept(ctx, ln); err != nil && ctx.Err() == nil {
			die(err)
		}
	}()
	return l
}

// address is the last one that was served.
func (a *acceptor) address() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.addr
}
