package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

func completionCommand() *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print a script that completes commands in bash, zsh or fish", ArgsUsage: "bash|zsh|fish",
		Description:     "bash: eval \"$(sockd completion bash)\"; zsh: the same with zsh; fish: sockd completion fish | source",
		HideHelpCommand: true, OnUsageError: onUsageError, CustomHelpTemplate: cli.CommandHelpTemplate + globalHelp(),
		Action: completion,
	}
}

func completion(c *cli.Context) error {
	var script string
	var err error
	switch shell := c.Args().First(); shell {
	case "bash":
		script = bashScript(c.App)
	case "zsh":
		script = "autoload -Uz bashcompinit && bashcompinit\n" + bashScript(c.App)
	case "fish":
		script, err = c.App.ToFishCompletion()
	case "":
		return usage("%q needs a shell: bash, zsh or fish", c.Command.HelpName)
	default:
		return usage("no completion for %q, there is bash, zsh and fish", shell)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(c.App.Writer, script)
	return err
}

// bashScript is a table of what may follow each command, made from the app's own. Where an instance may be named, the daemon is asked.
func bashScript(app *cli.App) string {
	var b strings.Builder
	b.WriteString("# Completion of sockd for bash, and for zsh by bashcompinit.\n_sockd() {\n")
	b.WriteString("\tlocal word=\"${COMP_WORDS[COMP_CWORD]}\" path= words= w\n")
	fmt.Fprintf(&b, "\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n\t\tcase \" %s \" in *\" $w \"*) path=\"$path $w\" ;; esac\n\tdone\n",
		strings.Join(commandWords(app.Commands), " "))
	b.WriteString("\tcase \"$path\" in\n")
	writeCases(&b, "", app.Commands, nil)
	b.WriteString("\tesac\n")
	fmt.Fprintf(&b, "\tCOMPREPLY=($(compgen -W \"$words %s\" -- \"$word\"))\n}\n", strings.Join(flagWords(app.Flags), " "))
	b.WriteString("complete -o default -F _sockd sockd\n")
	return b.String()
}

// askNames prints the names of the instances that run.
const askNames = `$(sockd fleet status --json 2>/dev/null | sed -n 's/^      "name": "\(.*\)",$/\1/p')`

// writeCases puts the longest paths first, as the first pattern that fits is taken.
func writeCases(b *strings.Builder, path string, commands []*cli.Command, flags []cli.Flag) {
	var names []string
	for _, c := range visible(commands) {
		names = append(names, c.Name)
		writeCases(b, path+" "+c.Name, c.Subcommands, c.Flags)
	}
	words := append(names, flagWords(flags)...)
	if path == " completion" {
		words = []string{"bash", "zsh", "fish"}
	}
	if path != "" && len(commands) == 0 && takesNames(path) {
		words = append(words, askNames)
	}
	pattern := "\"" + path + "\"*"
	if path == "" {
		pattern = "*"
	}
	fmt.Fprintf(b, "\t%s) words=\"%s\" ;;\n", pattern, strings.Join(words, " "))
}

// commandWords are the names of all commands: other words of a line are flags, values and arguments.
func commandWords(commands []*cli.Command) []string {
	var words []string
	for _, c := range visible(commands) {
		words = append(append(words, c.Name), commandWords(c.Subcommands)...)
	}
	return words
}

func takesNames(path string) bool {
	return path == " snippet" || strings.HasPrefix(path, " fleet ") && path != " fleet run" && path != " fleet reload"
}

func visible(commands []*cli.Command) []*cli.Command {
	return slices.DeleteFunc(slices.Clone(commands), func(c *cli.Command) bool { return c.Hidden })
}

func flagWords(flags []cli.Flag) []string {
	var words []string
	for _, f := range flags {
		if v, ok := f.(cli.VisibleFlag); !ok || !v.IsVisible() {
			continue
		}
		for _, name := range f.Names() {
			words = append(words, strings.Repeat("-", min(len(name), 2))+name)
		}
	}
	return words
}
