package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// arrange puts the words after the program's name into the order that cli expects: global flags, command, the command's
// own flags, arguments. Flags may stand anywhere before "--", on any level; "-" alone and a word of "-" and a digit are
// arguments; what follows "--" is handed on untouched. Every flag comes out as --name=value with its first name, so that
// cli sees neither combined short flags nor two names of one flag and the last one given wins.
//
// The tables of flags and commands are the app's own. A word that fits neither is a [usageError] that names the nearest
// match.
func arrange(app *cli.App, words []string) ([]string, error) {
	table := newFlagTable(app)
	in, scanErr := table.scan(words)
	path, cmd, err := in.command(app)
	if err != nil {
		return nil, err
	}
	var unknown noSuchFlag
	switch {
	case errors.As(scanErr, &unknown):
		return nil, unknownFlag(app, string(unknown), path, cmd)
	case scanErr != nil:
		return nil, scanErr
	case in.has("version"):
		return []string{"version"}, nil
	case in.has("help"):
		return append(path, "--help"), nil
	case needsCommand(cmd):
		return nil, missingCommand(app, path, cmd)
	}
	for _, f := range in.flags {
		if !table.global[f.name] && !declares(cmd, f.name) {
			return nil, unknownFlag(app, f.typed, path, cmd)
		}
	}
	return in.ordered(table, path), nil
}

// parsed is a command line taken apart.
type parsed struct {
	flags     []flagUse
	arguments []string // before "--", the command's own words first
	rest      []string // after "--"
}

type flagUse struct {
	name  string // the flag's first name
	typed string // as the user wrote it
	value string // "true" for a bool without one
}

func (p *parsed) has(name string) bool {
	for _, f := range p.flags {
		if f.name == name && f.value == "true" {
			return true
		}
	}
	return false
}

// command finds the command that the arguments name, takes its words off them and returns them as path. The word "help"
// in place of a command is the flag.
func (p *parsed) command(app *cli.App) (path []string, cmd *cli.Command, err error) {
	commands := app.Commands
	for len(commands) > 0 && len(p.arguments) > 0 {
		word := p.arguments[0]
		p.arguments = p.arguments[1:]
		next := named(commands, word)
		switch {
		case next != nil:
			path, cmd, commands = append(path, word), next, next.Subcommands
		case word == "help":
			p.flags = append(p.flags, flagUse{name: "help", typed: word, value: "true"})
		default:
			return nil, nil, unknownCommand(path, commands, word)
		}
	}
	return path, cmd, nil
}

// ordered is the result of arrange for flags that all belong.
func (p *parsed) ordered(table *flagTable, path []string) []string {
	var global, own []string
	for _, f := range p.flags {
		word := "--" + f.name + "=" + f.value
		if table.global[f.name] {
			global = append(global, word)
		} else {
			own = append(own, word)
		}
	}
	end := []string{"--"} // a word such as -5 that follows is no flag
	return slices.Concat(global, path, own, end, p.arguments, p.rest)
}

func named(commands []*cli.Command, word string) *cli.Command {
	for _, c := range commands {
		if c.HasName(word) {
			return c
		}
	}
	return nil
}

func needsCommand(cmd *cli.Command) bool { return cmd == nil || len(cmd.Subcommands) > 0 }

func declares(cmd *cli.Command, flag string) bool {
	if cmd == nil {
		return false
	}
	for _, f := range cmd.Flags {
		if f.Names()[0] == flag {
			return true
		}
	}
	return false
}

// startsFlag tells flags from arguments.
func startsFlag(word string) bool {
	return len(word) > 1 && word[0] == '-' && (word[1] < '0' || word[1] > '9')
}

// isShort tells -c from --config.
func isShort(word string) bool { return !strings.HasPrefix(word, "--") }
