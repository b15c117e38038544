package main

import (
	"context"
	"fmt"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

func kickCommand() *cli.Command {
	return leaf(&cli.Command{
		Name: "kick", Usage: "disconnect a client of an instance", ArgsUsage: "NAME SID",
		Description: "The client is told, and its connection is closed; the official clients do not come back by themselves then.",
		Before:      argumentsExactly(2, "the name of one instance and the id of a client, as `sockd clients` shows it"),
		Action:      kick,
	})
}

func kick(c *cli.Context) error {
	client, name, err := oneInstance(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, answerTime)
	defer cancel()
	sid := c.Args().Get(1)
	if err := client.Kick(ctx, control.KickRequest{Instance: name, SID: sid}); err != nil {
		return operationFault(err)
	}
	fmt.Fprintf(c.App.ErrWriter, "sockd: %s is disconnected\n", sid)
	return nil
}
