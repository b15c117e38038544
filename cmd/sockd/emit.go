package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

// maxArguments bounds the arguments of one event, in bytes.
const maxArguments = 16 << 20

// graceTime is how much longer than an instance the command waits, so that the instance's answer gets through.
const graceTime = 5 * time.Second

func emitCommand() *cli.Command {
	return leaf(&cli.Command{
		Name: "emit", Usage: "send an event through an instance, by its rules", ArgsUsage: "NAME EVENT [JSON…|-]",
		Description: "The rules see the event as one that came over HTTP. Each JSON value is an argument. With - the arguments come from standard input,\n" +
			"where each value is an event: an array is its arguments, anything else its only one. --json prints one object per event then.\n" +
			"Exit code 1: a rule has dropped an event; 5: --ack, and not all clients have acknowledged it in time.",
		Flags: []cli.Flag{
			namespaceFlag("emit in `NAMESPACE`; /"),
			&cli.StringSliceFlag{Name: "room", Usage: "to the members of `ROOM`, unless the rule says otherwise; may be repeated"},
			&cli.StringSliceFlag{Name: "except", Usage: "but not to the members of `ROOM`; may be repeated"},
			boolFlag("ack", "ask the clients to acknowledge the event, and wait for them"),
			timeoutFlag(5 * time.Second),
		},
		Before: positiveTimeout,
		Action: emit,
	})
}

// leaf completes a command that has no others under it.
func leaf(cmd *cli.Command) *cli.Command {
	cmd.HideHelpCommand, cmd.OnUsageError, cmd.CustomHelpTemplate = true, onUsageError, cli.CommandHelpTemplate+globalHelp()
	return cmd
}

func namespaceFlag(usage string) cli.Flag { return &cli.StringFlag{Name: "namespace", Usage: usage} }

func emit(c *cli.Context) error {
	if c.NArg() < 2 || c.Args().Get(1) == "" {
		return usage("%q needs the name of an instance and an event", c.Command.HelpName)
	}
	words := c.Args().Slice()[2:]
	var args json.RawMessage
	stdin := len(words) == 1 && words[0] == "-"
	if !stdin {
		var err error
		if args, err = arguments(words, "sockd emit "+c.Args().Get(0)+" "+c.Args().Get(1)); err != nil {
			return err
		}
	}
	client, name, err := oneInstance(c)
	if err != nil {
		return err
	}
	e := &emitter{c: c, client: client, request: control.EmitRequest{
		Instance: name, Namespace: namespaceOf(c), Event: c.Args().Get(1), Rooms: c.StringSlice("room"), Except: c.StringSlice("except"), Ack: c.Bool("ack"),
	}}
	if e.request.Ack {
		e.request.WaitMS = c.Duration("timeout").Milliseconds()
	}
	if !stdin {
		err = e.emit(args)
	} else {
		e.many = true
		err = eachArguments(c.App.Reader, e.emit)
	}
	if err == nil {
		err = e.worst
	}
	return err
}

// namespaceOf is the namespace that c asks for, with its slash; "" without one.
func namespaceOf(c *cli.Context) string {
	ns := c.String("namespace")
	if ns != "" && !strings.HasPrefix(ns, "/") {
		ns = "/" + ns
	}
	return ns
}

// arguments makes the array of words, each of which is a JSON value. command is what was typed before them.
func arguments(words []string, command string) (json.RawMessage, error) {
	for i, w := range words {
		if !json.Valid([]byte(w)) {
			quoted, _ := json.Marshal(w)
			return nil, usage("argument %d is no JSON: %s\na text needs quotes of its own: %s '%s'", i+1, w, command, quoted)
		}
	}
	return json.RawMessage("[" + strings.Join(words, ",") + "]"), nil
}

// eachArguments calls f with the arguments of each event in r.
func eachArguments(r io.Reader, f func(json.RawMessage) error) error {
	in := &io.LimitedReader{R: r, N: maxArguments}
	d := json.NewDecoder(in)
	for n := 1; ; n++ {
		var value json.RawMessage
		err := d.Decode(&value)
		switch {
		case in.N <= 0 && err != nil:
			return fmt.Errorf("standard input: value %d is larger than %d bytes", n, maxArguments)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return usage("standard input: value %d is no JSON: %v", n, err)
		}
		in.N = maxArguments
		if value[0] != '[' {
			value = json.RawMessage("[" + string(value) + "]")
		}
		if err := f(value); err != nil {
			return err
		}
	}
}

// emitter sends events one after the other, and remembers what was not right about one of them.
type emitter struct {
	c       *cli.Context
	client  *control.Client
	request control.EmitRequest
	many    bool
	worst   error
}

func (e *emitter) emit(args json.RawMessage) error {
	limit := e.c.Duration("timeout")
	if e.request.Ack {
		limit += graceTime
	}
	ctx, cancel := context.WithTimeout(e.c.Context, limit)
	defer cancel()
	e.request.Args = args
	r, err := e.client.Emit(ctx, e.request)
	if errors.Is(err, context.DeadlineExceeded) {
		return &exitError{exitTimeout, fmt.Errorf("no answer within %v; the event may have been sent all the same", limit)}
	}
	if err != nil {
		return operationFault(err)
	}
	switch {
	case r.Dropped != "":
		fmt.Fprintf(e.c.App.ErrWriter, "sockd: dropped: %s\n", r.Dropped)
		e.worst = exit(exitFailed)
	case r.Acked < r.Awaited && e.worst == nil:
		e.worst = exit(exitTimeout)
	}
	return e.print(&r)
}

func (e *emitter) print(r *control.Emitted) error {
	w := e.c.App.Writer
	switch {
	case e.c.Bool("json") && e.many:
		return json.NewEncoder(w).Encode(r)
	case e.c.Bool("json"):
		return writeJSON(w, r)
	case r.Dropped != "":
		return nil
	}
	id := r.ID
	if id == "" {
		id = "not published" // a rule that only joins, leaves or hands it to the worker
	}
	text := fmt.Sprintf("%s  to %s", id, plural(r.Recipients, "client"))
	if e.request.Ack {
		text += fmt.Sprintf(", acknowledged by %d of %d", r.Acked, r.Awaited)
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// operationFault gives an error of the daemon its exit code.
func operationFault(err error) error {
	switch {
	case errors.Is(err, control.ErrUnknown):
		return &exitError{exitUnreachable, err}
	case errors.Is(err, control.ErrNotServing):
		return &exitError{exitNotReady, err}
	}
	return timedOut(err)
}

// oneInstance finds the instance that the first argument names, exactly or by a glob that means no other.
func oneInstance(c *cli.Context) (*control.Client, string, error) {
	if !c.Args().Present() {
		return nil, "", usage("%q needs the name of an instance", c.Command.HelpName)
	}
	client, err := daemon(c)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(c.Context, answerTime)
	defer cancel()
	s, err := client.Status(ctx)
	if err != nil {
		return nil, "", timedOut(err)
	}
	names, err := pick(instanceNames(s), []string{c.Args().First()}, s.Fleet.File)
	if err == nil && len(names) > 1 {
		err = usage("%q means %s: one instance is needed", c.Args().First(), strings.Join(names, ", "))
	}
	if err != nil {
		return nil, "", err
	}
	return client, names[0], nil
}

// argumentsExactly refuses any other number of arguments than n.
func argumentsExactly(n int, what string) cli.BeforeFunc {
	return func(c *cli.Context) error {
		if c.NArg() != n {
			return usage("%q needs %s", c.Command.HelpName, what)
		}
		return nil
	}
}
