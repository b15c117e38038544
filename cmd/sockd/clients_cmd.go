package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

func clientsCommand() *cli.Command {
	return leaf(&cli.Command{
		Name: "clients", Usage: "list the clients of an instance, those that have been there longest first", ArgsUsage: "NAME",
		Description: "A client that is in several namespaces is listed once for each.",
		Before:      argumentsExactly(1, "the name of one instance"),
		Action:      clients,
	})
}

func clients(c *cli.Context) error {
	client, name, err := oneInstance(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, answerTime)
	defer cancel()
	list, err := client.Clients(ctx, control.InstanceRequest{Instance: name})
	if err != nil {
		return operationFault(err)
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, list)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	if len(list.Clients) > 0 {
		fmt.Fprintln(w, "SID\tNAMESPACE\tTRANSPORT\tADDRESS\tSINCE\tQUEUED\tCLIENT\tROOMS")
	}
	for _, x := range list.Clients {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", x.SID, printable(x.Namespace), x.Transport, printable(x.Address),
			x.Since.Local().Format(time.DateTime), x.Queued, printable(whose(x)), printable(strings.Join(x.Rooms, " ")))
	}
	notListed(c, list.More)
	return w.Flush()
}

// whose is what is known of who a client is.
func whose(x control.ClientInfo) string {
	switch {
	case x.Subject == "" && x.ClientID == "":
		return "–"
	case x.Subject == "" || x.ClientID == "":
		return x.Subject + x.ClientID
	}
	return x.Subject + "/" + x.ClientID
}
