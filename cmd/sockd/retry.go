package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

func retryCommand() *cli.Command {
	ns := func() cli.Flag { return namespaceFlag("only `NAMESPACE`") }
	one := argumentsExactly(1, "the name of one instance")
	return commandGroup("retry", "events that clients have not acknowledged",
		&cli.Command{
			Name: "list", Usage: "show what waits for an acknowledgement, and what was given up", ArgsUsage: "NAME", Before: one, Flags: []cli.Flag{ns()}, Action: retryList,
		},
		&cli.Command{
			Name: "flush", Usage: "send what waits for an acknowledgement again, now", ArgsUsage: "NAME", Before: one, Action: retryFlush,
			Description: "Clients that are away get it when they return. A dead letter that is published anew is a new event for its client alone, with a number of\n" +
				"its own; one whose client is away stays.",
			Flags: []cli.Flag{ns(), boolFlag("dead", "publish dead letters anew, too")},
		},
		&cli.Command{
			Name: "drop", Usage: "forget the dead letters", ArgsUsage: "NAME", Before: one, Action: retryDrop,
			Flags: []cli.Flag{ns(), boolFlag("pending", "give up what waits for an acknowledgement, too")},
		},
	)
}

// retry asks the daemon about the instance that c names.
func retry[Out any](c *cli.Context, ask func(*control.Client, context.Context, control.RetryRequest) (Out, error)) (out Out, err error) {
	client, name, err := oneInstance(c)
	if err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(c.Context, answerTime)
	defer cancel()
	out, err = ask(client, ctx, control.RetryRequest{Instance: name, Namespace: namespaceOf(c), Dead: c.Bool("dead"), Pending: c.Bool("pending")})
	if err != nil {
		return out, operationFault(err)
	}
	return out, nil
}

func retryList(c *cli.Context) error {
	list, err := retry(c, (*control.Client).Letters)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, list)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	if len(list.Pending)+len(list.Dead) > 0 {
		fmt.Fprintln(w, "STATE\tSEQ\tEVENT\tNAMESPACE\tCLIENT\tATTEMPTS\tREASON\tPUBLISHED")
	}
	row := func(state string, l control.Letter) {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%d\t%s\t%s\n",
			state, l.Seq, printable(l.Event), printable(l.Namespace), printable(l.Client), l.Attempts, l.Reason, l.Time.Local().Format(time.DateTime))
	}
	for _, l := range list.Pending {
		row("pending", l)
	}
	for _, l := range list.Dead {
		row("dead", l)
	}
	return w.Flush()
}

func retryFlush(c *cli.Context) error {
	n, err := retry(c, (*control.Client).Flush)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = writeJSON(c.App.Writer, n)
	} else if _, err = fmt.Fprintf(c.App.Writer, "%d sent again", n.Pending); err == nil {
		if c.Bool("dead") {
			_, err = fmt.Fprintf(c.App.Writer, ", %d published anew, %d stay because their client is away", n.Dead, n.Away)
		}
		fmt.Fprintln(c.App.Writer)
	}
	if err == nil && n.Failed > 0 {
		err = fmt.Errorf("%d were refused and stay", n.Failed)
	}
	return err
}

func retryDrop(c *cli.Context) error {
	n, err := retry(c, (*control.Client).Drop)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, n)
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s forgotten, %d given up\n", plural(n.Dead, "dead letter"), n.Pending)
	return err
}
