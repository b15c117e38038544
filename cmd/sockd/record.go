package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

func recordCommand() *cli.Command {
	return leaf(&cli.Command{
		Name: "record", Usage: "write the events of an instance to a file, until an interrupt", ArgsUsage: "NAME",
		Description: "What comes in is written, as far as the rules take it, one JSON object per line with the seconds since the start, so that `sockd replay`\n" +
			"can send it through the rules again.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE` instead of standard output", TakesFile: true},
			&cli.StringFlag{Name: "event", Usage: "only events whose name matches `GLOB`"},
			namespaceFlag("only the `NAMESPACE`, or those that match a glob"),
			boolFlag("out", "write what is sent out instead of what comes in"),
		},
		Before: argumentsExactly(1, "the name of one instance"),
		Action: record,
	})
}

func record(c *cli.Context) (err error) {
	client, name, err := oneInstance(c)
	if err != nil {
		return err
	}
	r := &recorder{out: c.App.Writer, started: time.Now()}
	if path := c.String("output"); path != "" && path != "-" {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		r.out = file
		defer func() { err = errors.Join(err, file.Close()) }()
	}
	if err := r.write(recordingHead{recordingVersion, name, r.started.UTC(), c.String("event")}); err != nil {
		return err
	}
	f := &follower{c: c, client: client, take: r.take}
	err = f.follow(control.TailRequest{Names: []string{name}, Event: c.String("event"), Namespace: namespaceOf(c), In: !c.Bool("out"), Out: c.Bool("out")})
	fmt.Fprintf(c.App.ErrWriter, "sockd: recorded %s", plural(r.events, "event"))
	if r.lost > 0 {
		fmt.Fprintf(c.App.ErrWriter, ", %d are missing", r.lost)
	}
	fmt.Fprintln(c.App.ErrWriter)
	return err
}

// recorder writes a recording. Each line is written at once: whoever ends it loses nothing.
type recorder struct {
	out     io.Writer
	started time.Time
	events  int
	lost    uint64
}

func (r *recorder) take(l control.TailLine) error {
	at := max(l.Time.Sub(r.started), 0).Seconds()
	if l.Lost > 0 {
		r.lost += l.Lost
		if err := r.write(recorded{T: at, Lost: l.Lost}); err != nil {
			return err
		}
	}
	if l.Event == "" || l.Dropped != "" || l.From == "server" { // connect and disconnect cannot be sent
		return nil
	}
	r.events++
	return r.write(recorded{T: at, Namespace: l.Namespace, Event: l.Event, Args: l.Args, Rooms: l.Rooms, Except: l.Except})
}

func (r *recorder) write(line any) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = r.out.Write(append(text, '\n'))
	return err
}
