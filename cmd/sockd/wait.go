package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

func waitCommand() *cli.Command {
	return &cli.Command{
		Name: "wait", Usage: "return when instances are ready", ArgsUsage: "NAME…",
		Flags: []cli.Flag{timeoutFlag(30 * time.Second)},
		Before: func(c *cli.Context) error {
			if !c.Args().Present() {
				return usage("%q needs the name of an instance", c.Command.HelpName)
			}
			return positiveTimeout(c)
		},
		Action: fleetWait,
	}
}

func fleetWait(c *cli.Context) error {
	client, err := daemon(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	s, err := client.Status(ctx)
	if err != nil {
		return timedOut(err)
	}
	names, err := pick(instanceNames(s), c.Args().Slice(), s.Fleet.File)
	if err != nil {
		return err
	}
	s, err = client.Wait(ctx, names, control.GoalReady)
	if errors.Is(err, context.DeadlineExceeded) {
		return overdue(c, client, names)
	}
	if err != nil {
		return unknownInstance(err)
	}
	s = only(s, names)
	if c.Bool("json") {
		if err := writeJSON(c.App.Writer, s); err != nil {
			return err
		}
	}
	for _, in := range s.Instances {
		byName := slices.Contains(c.Args().Slice(), in.Name) // of a glob, what is not meant to run is no fault
		if serves := in.State == "ready" || in.State == "degraded"; !serves && (byName || !rests(in)) {
			return &exitError{exitNotReady, fmt.Errorf("%s is %s: %s", in.Name, in.State, in.Note)}
		}
	}
	return nil
}
