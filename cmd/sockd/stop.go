package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

// killTime is how long a daemon that was killed may take to be gone.
const killTime = 5 * time.Second

func stopCommand() *cli.Command {
	return &cli.Command{
		Name: "stop", Usage: "drain the whole fleet and end, or stop some instances", ArgsUsage: "[NAME…]",
		Description: "A stopped instance gives its port back and stays stopped over reloads, until it is started.",
		Flags: []cli.Flag{
			timeoutFlag(10 * time.Second),
			boolFlag("force", "kill the daemon when the time is over, if it is certain which process that is"),
		},
		Before: positiveTimeout,
		Action: fleetStop,
	}
}

func fleetStop(c *cli.Context) error {
	p, err := daemonPlace(c)
	if err != nil {
		return err
	}
	if err := p.trust(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	if c.Args().Present() {
		return stopSome(ctx, c, control.Dial(p.socket))
	}
	who := ownerOf(p.lock)
	if err := stopAll(ctx, c, p); err != nil {
		return err
	}
	fmt.Fprintf(c.App.ErrWriter, "sockd: the daemon%s has stopped\n", who)
	return nil
}

// stopAll asks the daemon to end and waits until its lock is free.
func stopAll(ctx context.Context, c *cli.Context, p place) error {
	err := control.Dial(p.socket).Shutdown(ctx)
	if errors.Is(err, control.ErrUnreachable) {
		if taken, lockErr := held(p.lock); !taken {
			return errors.Join(err, lockErr)
		}
		err = fmt.Errorf("a daemon%s has the lock, but does not answer", ownerOf(p.lock))
	}
	if err == nil {
		err = released(ctx, p.lock)
	}
	switch {
	case err == nil:
		return nil
	case c.Bool("force"):
		return killed(c.Context, p)
	case errors.Is(err, context.DeadlineExceeded):
		return &exitError{exitTimeout, fmt.Errorf("the daemon%s has not ended within %v, --force kills it", ownerOf(p.lock), c.Duration("timeout"))}
	}
	return err
}

func killed(ctx context.Context, p place) error {
	if err := p.kill(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, killTime)
	defer cancel()
	if err := released(ctx, p.lock); err != nil {
		return &exitError{exitTimeout, fmt.Errorf("the daemon%s was killed and is not gone", ownerOf(p.lock))}
	}
	return nil
}

func stopSome(ctx context.Context, c *cli.Context, client *control.Client) error {
	s, err := client.Status(ctx)
	if err != nil {
		return timedOut(err)
	}
	names, err := pick(instanceNames(s), c.Args().Slice(), s.Fleet.File)
	if err != nil {
		return err
	}
	if err := client.Stop(ctx, names); err != nil {
		return unknownInstance(timedOut(err))
	}
	s, err = client.Wait(ctx, names, control.GoalStopped)
	if errors.Is(err, context.DeadlineExceeded) {
		return &exitError{exitTimeout, fmt.Errorf("clients are still being drained after %v", c.Duration("timeout"))}
	}
	if err != nil {
		return unknownInstance(err)
	}
	return showStatus(c, only(s, names))
}
