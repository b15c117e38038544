package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

func roomsCommand() *cli.Command {
	return leaf(&cli.Command{
		Name: "rooms", Usage: "list the rooms of an instance, the largest first", ArgsUsage: "NAME",
		Before: argumentsExactly(1, "the name of one instance"),
		Action: rooms,
	})
}

func rooms(c *cli.Context) error {
	client, name, err := oneInstance(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, answerTime)
	defer cancel()
	list, err := client.Rooms(ctx, control.InstanceRequest{Instance: name})
	if err != nil {
		return operationFault(err)
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, list)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	if len(list.Rooms) > 0 {
		fmt.Fprintln(w, "ROOM\tNAMESPACE\tCLIENTS")
	}
	for _, r := range list.Rooms {
		fmt.Fprintf(w, "%s\t%s\t%d\n", printable(r.Room), printable(r.Namespace), r.Clients)
	}
	notListed(c, list.More)
	return w.Flush()
}

func notListed(c *cli.Context, more int) {
	if more > 0 {
		fmt.Fprintf(c.App.ErrWriter, "sockd: %d more are not listed\n", more)
	}
}
