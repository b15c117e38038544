package instance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/transport"
)

const (
	defaultStartTimeout = 5 * time.Second
	defaultDrain        = 5 * time.Second
	afterDrain          = time.Second // for clients that were closed to fetch it, and then for their connections to end
)

// prove starts the instance's own loops, if it has any, and sends a fresh nonce through every poller that it will use.
func (in *Instance) prove(ctx context.Context) (*transport.Proof, error) {
	begun := time.Now()
	limit := orElse(in.env.StartTimeout, defaultStartTimeout)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if in.own {
		if err := in.loops.Start(); err != nil {
			return nil, fmt.Errorf("start pollers: %w", err)
		}
	}
	proof, err := in.loops.Ready(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("poller not ready within %s", limit)
	case err != nil:
		return nil, fmt.Errorf("poller not ready: %w", err)
	}
	in.mu.Lock()
	in.readyIn = time.Since(begun)
	in.mu.Unlock()
	return proof, nil
}

func (in *Instance) stopLoops() {
	if in.own {
		in.loops.Stop()
	}
}

// run holds the order of a start and, read backwards, of a stop. Its own goroutine keeps the clock of clients that have not joined a namespace
// yet; the drain closes those with all others.
func (in *Instance) run(ctx context.Context, proof *transport.Proof) error {
	ctx, die := context.WithCancelCause(ctx)
	defer die(nil)
	in.pool.Start()
	defer in.pool.Stop()
	low := newGroup(die)
	defer low.stop()
	low.start("heartbeat", in.engine.Run)
	low.start("token clock", in.expiries.run)
	low.start("ingest", in.posts.Run)
	if err := in.openLedger(ctx, low); err != nil {
		return err
	}
	defer in.closeLedger()
	high := newGroup(die) // needs low until it has ended
	defer high.stop()
	in.spaces.start(high, proof)
	in.work.Start()
	defer in.work.Stop()
	in.hands.start(high)

	defer in.drain()
	in.mu.Lock()
	in.state, in.since = Ready, time.Now() // before the first client can ask
	in.mu.Unlock()
	in.accept.start(die)
	close(in.ready)
	in.warn(in.settings.Load())
	in.env.Log.Info("instance ready", "listen", in.accept.address(), "took", in.Status().ReadyIn)

	_ = in.io.Run(ctx) // until ctx ends
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err // of the part that died
	}
	return nil
}

// drain stops accepting, closes the clients, spread over the drain time so that they do not all return at once, and waits for their connections
// to end.
func (in *Instance) drain() {
	in.setState(Draining)
	in.accept.serve(nil)
	over := spread(orElse(in.env.Drain, defaultDrain), in.engine.Len())
	ctx, cancel := context.WithTimeout(context.Background(), over+afterDrain)
	defer cancel()
	if err := in.engine.Drain(ctx, over, engineio.ServerShuttingDown); err != nil {
		in.env.Log.Debug("polling clients did not come for their close packet", "n", in.engine.Len())
	}
	in.spaces.close()
	ctx, cancel = context.WithTimeout(context.Background(), afterDrain)
	defer cancel()
	if err := in.http.Drain(ctx); err != nil {
		in.env.Log.Debug("connections cut after the drain", "err", err)
	}
}

// spread is the time over which n clients are closed: at least 5 ms for each, so that a few do not keep a stop waiting for the whole drain.
func spread(drain time.Duration, n int) time.Duration {
	return min(drain, time.Duration(n)*5*time.Millisecond)
}

func orElse(f func() time.Duration, d time.Duration) time.Duration {
	if f == nil {
		return d
	}
	return f()
}

// group runs parts under one context. A part that ends by itself is the death of the instance.
type group struct {
	ctx    context.Context
	cancel context.CancelFunc
	die    context.CancelCauseFunc
	parts  sync.WaitGroup
}

func newGroup(die context.CancelCauseFunc) *group {
	g := &group{die: die}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g
}

// start runs part until the group stops.
func (g *group) start(name string, part func(context.Context) error) { g.startIn(g.ctx, name, part) }

// startAlone runs part until the group stops or cancel is called.
func (g *group) startAlone(name string, part func(context.Context) error) (cancel context.CancelFunc) {
	ctx, cancel := context.WithCancel(g.ctx)
	g.startIn(ctx, name, part)
	return cancel
}

func (g *group) startIn(ctx context.Context, name string, part func(context.Context) error) {
	g.parts.Go(func() {
		if err := part(ctx); ctx.Err() == nil {
			g.die(fmt.Errorf("%s ended: %v", name, err))
		}
	})
}

func (g *group) stop() {
	g.cancel()
	g.parts.Wait()
}
