package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/sockd/sockd/cmd/sockd/bench"
	"github.com/urfave/cli/v2"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name: "bench", Usage: "load a Socket.IO server, ours or another, and report", ArgsUsage: "URL",
		Description: benchHelp, Flags: benchFlags(),
		HideHelpCommand: true, OnUsageError: onUsageError, CustomHelpTemplate: cli.CommandHelpTemplate + globalHelp(),
		Action: benchmark,
	}
}

const benchHelp = `Modes:
  fanout   one more client emits, all clients receive; the server must relay (as a hub does), or take posts: --ingest-path
  ack      each client emits and waits for the acknowledgement
  ingest   each client is a connection that posts events; --receivers get them
  idle     clients connect and say nothing; with --pid their memory is measured
  connect  how fast clients connect
  churn    clients connect, emit one event, leave, and begin anew

A closed loop keeps --window events under way; an open one (--rate) sends at that pace, whatever comes back, and counts latency from the
moment at which an event was due. Only servers of this machine or a private network are loaded. An interrupt ends the run with a report.`

func benchFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "mode", Usage: "`MODE`: " + bench.ModeNames(), Value: string(bench.Fanout)},
		&cli.IntFlag{Name: "clients", Usage: "connect `N` clients", Value: 50},
		&cli.IntFlag{Name: "receivers", Usage: "mode ingest: `N` clients that receive what is posted"},
		&cli.IntFlag{Name: "window", Usage: "`N` events under way (0: one), of each client in mode ack; in idle, connect and churn: clients that connect at once (0: 64)"},
		&cli.Float64Flag{Name: "rate", Usage: "`N` events per second in all, instead of a window"},
		&cli.IntFlag{Name: "payload", Usage: fmt.Sprintf("`BYTES` of the event's argument, at least %d", bench.MinPayload), Value: 128},
		&cli.StringFlag{Name: "transport", Usage: "`NAME`: websocket or polling", Value: "websocket"},
		&cli.DurationFlag{Name: "duration", Usage: "measure for `TIME`", Value: 10 * time.Second},
		&cli.DurationFlag{Name: "warmup", Usage: "load for `TIME` before", Value: 500 * time.Millisecond},
		&cli.DurationFlag{Name: "ramp", Usage: "spread the connects over `TIME`"},
		&cli.StringFlag{Name: "namespace", Usage: "connect to `NAME`", Value: "/"},
		&cli.StringFlag{Name: "event", Usage: "emit events of this `NAME`", Value: "bench"},
		&cli.StringFlag{Name: "auth", Usage: "send this `JSON` object with CONNECT"},
		&cli.StringFlag{Name: "token", Usage: "send `TOKEN` as Authorization: Bearer"},
		&cli.StringFlag{Name: "path", Usage: "`PATH` of Engine.IO (default: the URL's, or /socket.io/)"},
		&cli.StringFlag{Name: "ingest-path", Usage: "`PATH` that takes events by POST"},
		&cli.IntFlag{Name: "pid", Usage: "the server's `PID` on this machine: report its CPU and memory"},
		&cli.IntFlag{Name: "threads", Usage: "use `N` threads", Value: 1},
		boolFlag("busy-poll", "never sleep, so that the server need not wake this process for each message; takes a core for each thread"),
		boolFlag("yes-really", "allow a public address, or more than ten minutes"),
	}
}

func benchmark(c *cli.Context) error {
	o, err := benchOptions(c)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if _, ok := terminal(c.App.ErrWriter); ok && !c.Bool("quiet") {
		o.Progress = c.App.ErrWriter
	}
	report, err := bench.Run(ctx, o)
	if err != nil {
		return err
	}
	if !c.Bool("json") {
		return report.WriteText(c.App.Writer)
	}
	out := json.NewEncoder(c.App.Writer)
	out.SetIndent("", "  ")
	return out.Encode(report)
}

func benchOptions(c *cli.Context) (bench.Options, error) {
	if c.Args().Len() != 1 {
		return bench.Options{}, usage("%q needs one URL, such as http://127.0.0.1:8765", c.Command.HelpName)
	}
	url := c.Args().First()
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	o := bench.Options{
		URL: url, Mode: bench.Mode(c.String("mode")), Clients: c.Int("clients"), Receivers: c.Int("receivers"), Window: c.Int("window"),
		Rate: c.Float64("rate"), Payload: c.Int("payload"), Transport: c.String("transport"), Duration: c.Duration("duration"),
		Warmup: c.Duration("warmup"), Ramp: c.Duration("ramp"), Namespace: c.String("namespace"), Event: c.String("event"),
		Path: c.String("path"), Ingest: c.String("ingest-path"), Token: c.String("token"), PID: c.Int("pid"), Threads: c.Int("threads"),
		BusyPoll: c.Bool("busy-poll"), YesReally: c.Bool("yes-really"),
	}
	if auth := c.String("auth"); auth != "" {
		o.Auth = json.RawMessage(auth)
	}
	if err := o.Check(); err != nil {
		return o, usage("%v", err)
	}
	return o, nil
}
