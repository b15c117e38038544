package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

func startCommand() *cli.Command {
	return &cli.Command{
		Name: "start", Usage: "run the fleet in the background, or start what was stopped", ArgsUsage: "[NAME…]",
		Description: "Returns when every instance is ready, or has failed once. The daemon stays up then, and when the time is over.",
		Flags:       []cli.Flag{timeoutFlag(30 * time.Second), lastGoodFlag()},
		Before:      positiveTimeout,
		Action:      fleetStart,
	}
}

func timeoutFlag(d time.Duration) cli.Flag {
	return &cli.DurationFlag{Name: "timeout", Usage: "wait for `TIME` at most", Value: d}
}

func positiveTimeout(c *cli.Context) error {
	if c.Duration("timeout") <= 0 {
		return usage("--timeout %v: must be over zero", c.Duration("timeout"))
	}
	return nil
}

func fleetStart(c *cli.Context) error {
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	client, s, err := running(ctx, c)
	if err != nil {
		return err
	}
	if client != nil {
		return startWithin(ctx, c, client, s)
	}
	cfg, _, err := firstRevision(c)
	if err != nil {
		return err
	}
	names, err := pick(slices.Sorted(maps.Keys(cfg.Instances)), c.Args().Slice(), cfg.Path)
	if err != nil {
		return err
	}
	p, err := here().locate(c.String("state-dir"), cfg.Path)
	if err != nil {
		return err
	}
	if err := p.create(); err != nil {
		return err
	}
	if err := vacated(ctx, p); err != nil {
		return err
	}
	return launch(ctx, c, p, cfg, names)
}

// running finds a daemon that runs and is not about to end; nil if there is none. One that has the lock but does not answer is a fault.
func running(ctx context.Context, c *cli.Context) (*control.Client, control.Status, error) {
	p, err := daemonPlace(c)
	if err != nil || p.trust() != nil {
		return nil, control.Status{}, nil // what is wrong with the place shows when it is to be made
	}
	client := control.Dial(p.socket)
	s, err := client.Status(ctx)
	if err == nil && s.Fleet.State == control.Running {
		return client, s, sameFile(c, p, s)
	}
	if taken, _ := held(p.lock); taken && errors.Is(err, context.DeadlineExceeded) {
		return nil, s, timedOut(err)
	}
	return nil, s, nil
}

// sameFile refuses a daemon that runs for another file: the state folder was given by hand.
func sameFile(c *cli.Context, p place, s control.Status) error {
	file, err := config.Lookup(c.String("config"))
	if err != nil || file == s.Fleet.File {
		return nil
	}
	return &exitError{exitOwned, fmt.Errorf("another daemon (pid %d, of %s) owns the state folder %s", s.Fleet.PID, s.Fleet.File, p.dir)}
}

// vacated waits for a daemon that is on its way out.
func vacated(ctx context.Context, p place) error {
	s, err := control.Dial(p.socket).Status(ctx)
	if err != nil || s.Fleet.State != control.Stopping {
		return nil // there is none, or somebody was quicker
	}
	if released(ctx, p.lock) != nil {
		return &exitError{exitTimeout, fmt.Errorf("the daemon before%s has not ended in time", ownerOf(p.lock))}
	}
	return nil
}

// startWithin starts instances of a daemon that runs. Without a name there is nothing to do, and that is no fault.
func startWithin(ctx context.Context, c *cli.Context, client *control.Client, s control.Status) error {
	fmt.Fprintf(c.App.ErrWriter, "sockd: already running (pid %d)\n", s.Fleet.PID)
	if !c.Args().Present() {
		return showStatus(c, s)
	}
	names, err := pick(instanceNames(s), c.Args().Slice(), s.Fleet.File)
	if err != nil {
		return err
	}
	if err := client.Start(ctx, names); err != nil {
		return unknownInstance(timedOut(err))
	}
	return settled(ctx, c, client, names)
}

// launch starts a daemon and waits for what it tells.
func launch(ctx context.Context, c *cli.Context, p place, cfg *config.Config, names []string) error {
	d, err := spawn(c, p, cfg)
	if err != nil {
		return err
	}
	client := control.Dial(p.socket)
	for {
		select {
		case said, ok := <-d.said:
			switch {
			case !ok:
				return fmt.Errorf("the daemon ended before it was ready (%v), %s may tell why", d.fate(), p.log)
			case said.State == stateEnded && said.Code == exitOwned:
				return overtaken(ctx, c, client, p)
			case said.State == stateEnded:
				fmt.Fprint(c.App.ErrWriter, said.Error)
				return exit(max(said.Code, exitFailed))
			case said.State == stateReady, len(names) > 0:
				return settled(ctx, c, client, names)
			}
		case <-ctx.Done():
			return overdue(c, client, names)
		}
	}
}

// overtaken finds out why the lock was taken: somebody else has started the daemon at the same moment.
func overtaken(ctx context.Context, c *cli.Context, client *control.Client, p place) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if s, err := client.Status(ctx); err == nil {
			return startWithin(ctx, c, client, s)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return &exitError{exitOwned, fmt.Errorf("another daemon%s owns the state folder %s and does not answer", ownerOf(p.lock), p.dir)}
		}
	}
}

// settled waits until the instances are ready or have failed once, and shows them.
func settled(ctx context.Context, c *cli.Context, client *control.Client, names []string) error {
	s, err := client.Wait(ctx, names, control.GoalSettled)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return overdue(c, client, names)
	case err != nil:
		return unknownInstance(err)
	}
	s = only(s, names)
	if err := showStatus(c, s); err != nil {
		return err
	}
	return exit(startCode(s))
}

// overdue shows how far the instances have come. The daemon goes on.
func overdue(c *cli.Context, client *control.Client, names []string) error {
	ctx, cancel := context.WithTimeout(c.Context, answerTime)
	defer cancel()
	if s, err := client.Status(ctx); err == nil {
		if err := showStatus(c, only(s, names)); err != nil {
			return err
		}
	}
	return &exitError{exitTimeout, fmt.Errorf("not there within %v, the daemon goes on", c.Duration("timeout"))}
}

// only keeps the instances of exactly these names; none keeps all.
func only(s control.Status, names []string) control.Status {
	if len(names) > 0 {
		s.Instances = slices.DeleteFunc(slices.Clone(s.Instances), func(in control.InstanceStatus) bool { return !slices.Contains(names, in.Name) })
	}
	return s
}

// unknownInstance gives the daemon's word about a name its exit code.
func unknownInstance(err error) error {
	if errors.Is(err, control.ErrUnknown) {
		return &exitError{exitUnreachable, err}
	}
	return err
}
