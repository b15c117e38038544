package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// run is the whole program: words are the arguments without the program's name, the result is the exit code.
func run(ctx context.Context, words []string, stdout, stderr io.Writer) int {
	app := newApp(stdout, stderr)
	words, err := arrange(app, words)
	if err == nil {
		err = app.RunContext(ctx, append([]string{app.Name}, words...))
	}
	return report(stderr, err)
}

func newApp(stdout, stderr io.Writer) *cli.App {
	return &cli.App{
		Name:      "sockd",
		Usage:     "a fleet of Socket.IO servers, declared in one file",
		UsageText: "sockd [global options] command [options] [arguments]",
		Flags:     globalFlags(),
		Commands: []*cli.Command{
			fleetCommand(), configCommand(), emitCommand(), tailCommand(), roomsCommand(), clientsCommand(), kickCommand(),
			historyCommand(), retryCommand(), recordCommand(), replayCommand(), workerCommand(), snippetCommand(), doctorCommand(), serviceCommand(), completionCommand(), manCommand(), benchCommand(), versionCommand(),
		},
		HideVersion:               true, // --version is a global flag of ours, since cli's takes -v
		HideHelpCommand:           true, // arrange understands the word help on every level
		DisableSliceFlagSeparator: true, // a room may have a comma in its name
		Writer:                    stdout,
		ErrWriter:                 stderr,
		OnUsageError:              onUsageError,
		ExitErrHandler:            func(*cli.Context, error) {}, // report decides
	}
}

func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "read `FILE` instead of the nearest sockd.toml", EnvVars: []string{"SOCKD_CONFIG"}, TakesFile: true},
		&cli.StringFlag{Name: "state-dir", Usage: "keep lock and control socket in `DIR`", EnvVars: []string{"SOCKD_STATE_DIR"}, TakesFile: true},
		boolFlag("json", "print JSON for programs"),
		boolFlag("no-color", "print without colours"),
		boolFlag("quiet", "log warnings and errors only", "q"),
		boolFlag("verbose", "log everything", "v"),
		boolFlag("version", "print the version"),
	}
}

// boolFlag is off by default, which its help need not say.
func boolFlag(name, usage string, aliases ...string) cli.Flag {
	return &cli.BoolFlag{Name: name, Usage: usage, Aliases: aliases, DisableDefaultText: true}
}

// commandGroup makes a command that only holds others.
func commandGroup(name, purpose string, commands ...*cli.Command) *cli.Command {
	for _, c := range commands {
		c.HideHelpCommand = true
		c.OnUsageError = onUsageError
		c.CustomHelpTemplate = cli.CommandHelpTemplate + globalHelp()
	}
	return &cli.Command{
		Name: name, Usage: purpose, UsageText: "sockd " + name + " command [options] [arguments]", Subcommands: commands,
		HideHelpCommand: true, OnUsageError: onUsageError, CustomHelpTemplate: cli.SubcommandHelpTemplate + globalHelp(),
	}
}

func globalHelp() string {
	var b strings.Builder
	b.WriteString("\nGLOBAL OPTIONS:\n")
	for _, f := range globalFlags() {
		fmt.Fprintf(&b, "   %s\n", f)
	}
	return b.String()
}

// onUsageError turns a value that a flag cannot take into exit code 2.
func onUsageError(_ *cli.Context, err error, _ bool) error { return usage("%v", err) }

// logLevel is what -q or -v ask for, nil without them.
func logLevel(c *cli.Context) *slog.Level {
	level := slog.LevelInfo
	switch {
	case c.Bool("verbose"):
		level = slog.LevelDebug
	case c.Bool("quiet"):
		level = slog.LevelWarn
	default:
		return nil
	}
	return &level
}

// terminal says whether w is one, and how wide it is in characters (0 = unknown).
func terminal(w io.Writer) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 0
	}
	return width, true
}
