package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

// answerTime bounds the wait for a daemon that has nothing to compute.
const answerTime = 10 * time.Second

// redrawEvery is the pace of --watch.
const redrawEvery = time.Second

func statusCommand() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "show the fleet and its instances, what is wrong first", ArgsUsage: "[NAME…]",
		Flags: []cli.Flag{
			boolFlag("wide", "shorten nothing, and show more"),
			boolFlag("watch", "show it again every second, until an interrupt"),
		},
		Action: fleetStatus,
	}
}

func fleetStatus(c *cli.Context) error {
	client, err := daemon(c)
	if err != nil {
		return err
	}
	if c.Bool("watch") {
		return watchStatus(c, client)
	}
	s, err := askStatus(c, client)
	if err != nil {
		return err
	}
	if err := showStatus(c, s); err != nil {
		return err
	}
	return exit(statusCode(s))
}

// askStatus asks for what the arguments select.
func askStatus(c *cli.Context, client *control.Client) (control.Status, error) {
	ctx, cancel := context.WithTimeout(c.Context, answerTime)
	defer cancel()
	s, err := client.Status(ctx)
	if err != nil {
		return s, timedOut(err)
	}
	return selected(s, c.Args().Slice())
}

func showStatus(c *cli.Context, s control.Status) error {
	if c.Bool("json") {
		return writeJSON(c.App.Writer, s)
	}
	o := textOptions(c)
	o.Wide = c.Bool("wide")
	return control.WriteTable(c.App.Writer, s, o)
}

// watchStatus shows the status until an interrupt, over a daemon that is gone and comes back. The last one decides the exit code.
func watchStatus(c *cli.Context, client *control.Client) error {
	ctx, stop := signal.NotifyContext(c.Context, os.Interrupt)
	defer stop()
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for {
		s, err := askStatus(c, client)
		if err == nil {
			err = redraw(c, s)
		} else {
			fmt.Fprintf(c.App.ErrWriter, "sockd: %v\n", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err != nil {
				return err
			}
			return exit(statusCode(s))
		}
	}
}

// redraw overwrites the last table on a terminal. Elsewhere tables follow each other, and JSON is one line each.
func redraw(c *cli.Context, s control.Status) error {
	if c.Bool("json") {
		return json.NewEncoder(c.App.Writer).Encode(s)
	}
	const clear = "\x1b[H\x1b[2J"
	if _, ok := terminal(c.App.Writer); ok {
		fmt.Fprint(c.App.Writer, clear)
	} else {
		defer fmt.Fprintln(c.App.Writer)
	}
	return showStatus(c, s)
}

// statusCode is 3 when something needs a person: an instance that should be ready and is not, or a file that is not what
// runs.
func statusCode(s control.Status) int {
	refused := s.Fleet.ConfigState == control.ConfigRejected || s.Fleet.ConfigState == control.ConfigHeld
	if refused || !allIn(s, "ready") {
		return exitNotReady
	}
	return exitOK
}

// startCode is that of a start, which is about instances, not about the file; one that is degraded serves.
func startCode(s control.Status) int {
	if !allIn(s, "ready", "degraded") {
		return exitNotReady
	}
	return exitOK
}

// allIn reports whether every instance that is meant to run is in one of states.
func allIn(s control.Status, states ...string) bool {
	return !slices.ContainsFunc(s.Instances, func(in control.InstanceStatus) bool { return !rests(in) && !slices.Contains(states, in.State) })
}

// rests reports whether an instance is not meant to run.
func rests(in control.InstanceStatus) bool { return in.State == "disabled" || in.State == "stopped" }
