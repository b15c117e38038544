package main

import (
	"context"
	"errors"
)

// errAtOnce, returned by an actor, ends the group without waiting for the others.
var errAtOnce = errors.New("stopped at once, clients were not drained")

// group runs actors that belong together: when one returns, all shall.
type group struct {
	actors []func(context.Context) error
}

func (g *group) add(actor func(context.Context) error) { g.actors = append(g.actors, actor) }

// run starts all actors, each on a goroutine of its own. The first to return ends ctx for the others; run waits for them
// and returns the first error that is not the end of ctx.
func (g *group) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(g.actors))
	for _, actor := range g.actors {
		go func() { ended <- actor(ctx) }()
	}
	var first error
	for range g.actors {
		err := <-ended
		cancel()
		if errors.Is(err, errAtOnce) {
			return err
		}
		if first == nil && !errors.Is(err, context.Canceled) {
			first = err
		}
	}
	return first
}
