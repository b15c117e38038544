package main

import (
	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

func reloadCommand() *cli.Command {
	return &cli.Command{
		Name: "reload", Usage: "apply the file to the running fleet, and say what became of it",
		Flags: []cli.Flag{
			boolFlag("dry-run", "print the plan and change nothing"),
			boolFlag("yes", "apply also what removes more than half of the instances"),
		},
		Before: noArguments,
		Action: fleetReload,
	}
}

// fleetReload waits as long as the reload takes: each step of it is bounded by the daemon.
func fleetReload(c *cli.Context) error {
	client, err := daemon(c)
	if err != nil {
		return err
	}
	r, err := client.Reload(c.Context, control.ReloadOptions{DryRun: c.Bool("dry-run"), Yes: c.Bool("yes")})
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = writeJSON(c.App.Writer, r)
	} else {
		err = control.WriteReport(c.App.Writer, r, textOptions(c))
	}
	if err != nil {
		return err
	}
	return exit(reloadCode(r.Outcome))
}

func reloadCode(o control.Outcome) int {
	switch o {
	case control.Rejected:
		return exitConfig
	case control.RolledBack:
		return exitFailed
	case control.Held:
		return exitNotReady
	}
	return exitOK
}
