package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// usageError is a mistake on the command line: exit code 2.
type usageError struct{ message string }

func (u *usageError) Error() string { return u.message }

func usage(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// unknownCommand reports a word that is none of commands, with the nearest of them.
func unknownCommand(path []string, commands []*cli.Command, word string) error {
	full := strings.Join(append(path[:len(path):len(path)], word), " ")
	suggestion := strings.TrimPrefix(cli.SuggestCommand(commands, word), "D")
	return usage("unknown command %q, d%s", full, suggestion)
}

// unknownFlag reports a flag that the command does not have, with the nearest one that it has.
func unknownFlag(app *cli.App, typed string, path []string, cmd *cli.Command) error {
	known := app.Flags
	if cmd != nil {
		known = append(known[:len(known):len(known)], cmd.Flags...)
	}
	name := strings.Join(append([]string{app.Name}, path...), " ")
	message := fmt.Sprintf("unknown flag %s of %q", typed, name)
	if near := cli.SuggestFlag(known, strings.TrimLeft(typed, "-"), false); near != "" {
		message += fmt.Sprintf(", did you mean %q?", near)
	}
	return usage("%s", message)
}

// missingCommand reports a group that was given without one of its commands.
func missingCommand(app *cli.App, path []string, cmd *cli.Command) error {
	commands := app.Commands
	if cmd != nil {
		commands = cmd.Subcommands
	}
	var known []string
	for _, c := range commands {
		if !c.Hidden {
			known = append(known, c.Name)
		}
	}
	name := strings.Join(append([]string{app.Name}, path...), " ")
	return usage("%q needs a command: %s (%s --help tells more)", name, strings.Join(known, ", "), name)
}

// noArguments refuses what a command has no use for.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return usage("%q takes no arguments, got %q", c.Command.HelpName, c.Args().First())
	}
	return nil
}
