package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

const (
	returnTime = 30 * time.Second       // for how long a daemon that has gone is waited for
	knockEvery = 250 * time.Millisecond // while it is
)

func tailCommand() *cli.Command {
	return leaf(&cli.Command{
		Name: "tail", Usage: "show the live traffic of all instances, or of some, until an interrupt", ArgsUsage: "[NAME…]",
		Description: "In is what comes in, with who sent it and what the rules have decided; out is what is sent. Instances that are added or restarted are\n" +
			"followed too. A reader that is too slow loses lines, and is told how many; the fleet never waits for it. --json prints one object per line.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "event", Usage: "only events whose name matches `GLOB`"},
			&cli.StringFlag{Name: "room", Usage: "only what is for `ROOM` by name or comes from a member of it"},
			namespaceFlag("only the `NAMESPACE`, or those that match a glob"),
			boolFlag("in", "only what comes in"),
			boolFlag("out", "only what goes out"),
		},
		Action: tail,
	})
}

func tail(c *cli.Context) error {
	if c.Bool("in") && c.Bool("out") {
		return usage("--in and --out: give one of them, or none for both")
	}
	client, err := daemon(c)
	if err != nil {
		return err
	}
	if _, err := askStatus(c, client); err != nil { // a name that means nothing is a mistake
		return err
	}
	show := showTraffic
	if c.Bool("json") {
		show = func(c *cli.Context, l control.TailLine) error { return json.NewEncoder(c.App.Writer).Encode(l) }
	}
	f := &follower{c: c, client: client, take: func(l control.TailLine) error { return show(c, l) }}
	return f.follow(control.TailRequest{
		Names: c.Args().Slice(), Event: c.String("event"), Room: c.String("room"), Namespace: namespaceOf(c), In: c.Bool("in"), Out: c.Bool("out"),
	})
}

// follower follows traffic over the end of the daemon and its next start.
type follower struct {
	c      *cli.Context
	client *control.Client
	take   func(control.TailLine) error
	fault  error     // of take
	gone   time.Time // since when the daemon has been; zero while it is there
}

// follow returns nil after an interrupt.
func (f *follower) follow(t control.TailRequest) error {
	ctx, stop := signal.NotifyContext(f.c.Context, os.Interrupt)
	defer stop()
	knock := time.NewTicker(knockEvery)
	defer knock.Stop()
	for {
		err := f.client.Tail(ctx, t, f.begun, func(l control.TailLine) error {
			f.fault = f.take(l)
			return f.fault
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case f.fault != nil:
			return f.fault
		case f.gone.IsZero() && !errors.Is(err, io.ErrUnexpectedEOF):
			return operationFault(err)
		case f.gone.IsZero():
			f.gone = time.Now()
			fmt.Fprintf(f.c.App.ErrWriter, "sockd: the daemon has gone; waiting up to %v for it\n", returnTime)
		case time.Since(f.gone) > returnTime:
			return &exitError{exitUnreachable, fmt.Errorf("the daemon has not come back within %v: %w", returnTime, err)}
		}
		select {
		case <-knock.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *follower) begun() {
	if !f.gone.IsZero() {
		fmt.Fprintln(f.c.App.ErrWriter, "sockd: the daemon is back")
	}
	f.gone = time.Time{}
}

// showTraffic writes a line for people: 12:00:00.000 chat in msg {"text":"hi"} sid=… rule=msg.
func showTraffic(c *cli.Context, l control.TailLine) error {
	if l.Lost > 0 {
		fmt.Fprintf(c.App.ErrWriter, "sockd: too slow, %s not shown\n", plural(int(l.Lost), "event"))
	}
	if l.Event == "" {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %-3s %s %s", l.Time.Local().Format("15:04:05.000"), l.Instance, l.Dir, l.Event, argumentText(l.Args))
	for _, field := range []struct{ key, value string }{
		{"namespace", strings.TrimPrefix(l.Namespace, "/")}, {"rooms", strings.Join(l.Rooms, ",")}, {"except", strings.Join(l.Except, ",")},
		{"from", from(l)}, {"sid", l.SID}, {"rule", l.Rule}, {"dropped", l.Dropped}, {"id", l.ID},
	} {
		if field.value != "" {
			fmt.Fprintf(&b, " %s=%s", field.key, field.value)
		}
	}
	_, err := fmt.Fprintln(c.App.Writer, printable(b.String()))
	return err
}

// from is where an event came from, unless its sid tells.
func from(l control.TailLine) string {
	if l.From == "client" {
		return ""
	}
	return l.From
}

// argumentText is an array without its brackets.
func argumentText(args json.RawMessage) string {
	return strings.TrimSuffix(strings.TrimPrefix(string(args), "["), "]")
}
