package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

// answerTime bounds the wait for a daemon that has nothing to compute.
const answerTime = 10 * time.Second

func statusCommand() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "show the fleet and its instances, what is wrong first", ArgsUsage: "[NAME…]",
		Flags:  []cli.Flag{boolFlag("wide", "shorten nothing")},
		Action: fleetStatus,
	}
}

func fleetStatus(c *cli.Context) error {
	client, err := daemon(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, answerTime)
	defer cancel()
	s, err := client.Status(ctx)
	if err != nil {
		return timedOut(err)
	}
	s, err = selected(s, c.Args().Slice())
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = writeJSON(c.App.Writer, s)
	} else {
		o := textOptions(c)
		o.Wide = c.Bool("wide")
		err = control.WriteTable(c.App.Writer, s, o)
	}
	if err != nil {
		return err
	}
	return exit(statusCode(s))
}

// selected keeps the named instances, in the fleet's order; no name keeps all.
func selected(s control.Status, names []string) (control.Status, error) {
	if len(names) == 0 {
		return s, nil
	}
	wanted := map[string]bool{}
	for _, n := range names {
		wanted[n] = true
	}
	kept := []control.InstanceStatus{}
	for _, in := range s.Instances {
		if wanted[in.Name] {
			kept = append(kept, in)
			delete(wanted, in.Name)
		}
	}
	for _, n := range names {
		if wanted[n] {
			return s, &exitError{exitUnreachable, fmt.Errorf("no instance %q in %s", n, s.Fleet.File)}
		}
	}
	s.Instances = kept
	return s, nil
}

// statusCode is 3 when something needs a person: an instance that should be ready and is not, or a file that is not what
// runs.
func statusCode(s control.Status) int {
	if s.Fleet.ConfigState == control.ConfigRejected || s.Fleet.ConfigState == control.ConfigHeld {
		return exitNotReady
	}
	for _, in := range s.Instances {
		switch in.State {
		case "ready", "disabled", "stopped":
		default:
			return exitNotReady
		}
	}
	return exitOK
}
