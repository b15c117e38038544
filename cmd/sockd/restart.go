package main

import (
	"context"
	"slices"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

func restartCommand() *cli.Command {
	return &cli.Command{
		Name: "restart", Usage: "read the file again, then replace instances on their listeners", ArgsUsage: "[NAME…]",
		Description: "No name: all instances that are meant to run. One that has failed for good gets a new chance. The daemon itself stays.",
		Flags:       []cli.Flag{timeoutFlag(30 * time.Second)},
		Before:      positiveTimeout,
		Action:      fleetRestart,
	}
}

func fleetRestart(c *cli.Context) error {
	client, err := daemon(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	r, err := client.Reload(ctx, control.ReloadOptions{})
	if err != nil {
		return timedOut(err)
	}
	if r.Outcome != control.Unchanged {
		if err := control.WriteReport(c.App.ErrWriter, r, textOptions(c)); err != nil {
			return err
		}
	}
	if code := reloadCode(r.Outcome); code != exitOK {
		return exit(code) // a restart with the settings of before is not what was asked for
	}
	s, err := client.Status(ctx)
	if err != nil {
		return timedOut(err)
	}
	names, err := pick(instanceNames(s), c.Args().Slice(), s.Fleet.File)
	if err != nil {
		return err
	}
	if err := restartSome(ctx, client, names, r.Steps); err != nil {
		return unknownInstance(timedOut(err))
	}
	return settled(ctx, c, client, names)
}

// restartSome leaves out what the edit itself has just started.
func restartSome(ctx context.Context, client *control.Client, names []string, steps []control.Step) error {
	fresh := func(name string) bool {
		return slices.ContainsFunc(steps, func(s control.Step) bool {
			return s.Instance == name && (s.Action == control.ActionStart || s.Action == control.ActionReplace)
		})
	}
	rest := slices.DeleteFunc(slices.Clone(names), fresh)
	if len(rest) == 0 && len(names) > 0 {
		return nil
	}
	return client.Restart(ctx, rest)
}
