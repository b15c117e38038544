package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/worker"
	"github.com/urfave/cli/v2"
)

func workerCommand() *cli.Command {
	return commandGroup("worker", "the interpreter and the environment that an instance's worker gets",
		&cli.Command{Name: "which", Usage: "show the interpreter that is chosen, and every rule that was tried", ArgsUsage: "NAME", Action: workerWhich},
		&cli.Command{Name: "exec", Usage: "run a command as the worker would be run", ArgsUsage: "NAME -- COMMAND…", Action: workerExec},
	)
}

// workerOf returns how the worker of the instance that c names is started.
func workerOf(c *cli.Context) (worker.Options, error) {
	if c.NArg() == 0 {
		return worker.Options{}, usage("the name of an instance is missing")
	}
	cfg, err := load(c)
	if err != nil {
		return worker.Options{}, invalid(err)
	}
	name := c.Args().First()
	in := cfg.Instances[name]
	switch {
	case in == nil:
		return worker.Options{}, &exitError{exitUnreachable, fmt.Errorf("no instance %q in %s", name, cfg.Path)}
	case in.Worker == nil:
		return worker.Options{}, &exitError{exitUnreachable, fmt.Errorf("instance %q has no worker: [instance.%s.worker] is not written", name, name)}
	}
	return workerOptions(name, in), nil
}

func workerOptions(name string, in *config.Instance) worker.Options {
	o := worker.Options{
		Instance: name, Project: in.Project, Command: in.Worker.Command, Interpreter: in.Worker.Interpreter, Env: in.Worker.Env, EnvFiles: in.Worker.EnvFile,
	}
	if in.Port.Fixed() {
		o.URL, o.Port = "http://"+in.Addr(), in.Port.First
	}
	return o
}

// whichResult is what `worker which --json` prints.
type whichResult struct {
	Schema      int          `json:"schema"`
	Interpreter string       `json:"interpreter"`
	Version     string       `json:"version"`
	Rule        string       `json:"rule"`
	Command     []string     `json:"command"`
	Note        string       `json:"note"`
	Error       string       `json:"error,omitempty"`
	Trials      []whichTrial `json:"trials"`
}

type whichTrial struct {
	Rule    string `json:"rule"`
	What    string `json:"what"`
	Applied bool   `json:"applied"`
	Why     string `json:"why"`
}

func workerWhich(c *cli.Context) error {
	o, err := workerOf(c)
	if err != nil {
		return err
	}
	plan, fault := worker.Resolve(c.Context, o, nil)
	r := whichResult{
		Schema: 1, Interpreter: plan.Choice.Path, Version: plan.Choice.Version, Rule: plan.Choice.Rule, Command: plan.Argv,
		Note: strings.TrimSpace(plan.Choice.Note + " " + plan.Choice.Broken), Trials: []whichTrial{},
	}
	for _, t := range plan.Trials {
		r.Trials = append(r.Trials, whichTrial{t.Rule, t.What, t.Applied, t.Why})
	}
	if fault != nil {
		r.Error = fault.Error()
	}
	if c.Bool("json") {
		err = writeJSON(c.App.Writer, r)
	} else {
		err = r.print(c)
	}
	if err == nil && fault != nil {
		err = &exitError{1, fault}
	}
	return err
}

func (r *whichResult) print(c *cli.Context) error {
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	if r.Interpreter != "" {
		fmt.Fprintf(w, "interpreter\t%s\n", r.Interpreter)
		fmt.Fprintf(w, "version\t%s\n", r.Version)
		fmt.Fprintf(w, "rule\t%s\n", r.Rule)
		fmt.Fprintf(w, "command\t%s\n", strings.Join(r.Command, " "))
	}
	if r.Note != "" {
		fmt.Fprintf(w, "note\t%s\n", r.Note)
	}
	fmt.Fprintln(w, "\t")
	for _, t := range r.Trials {
		mark := " "
		if t.Applied {
			mark = "→"
		}
		fmt.Fprintf(w, "%s %s\t%s\t%s\n", mark, t.Rule, t.What, t.Why)
	}
	return w.Flush()
}

func workerExec(c *cli.Context) error {
	o, err := workerOf(c)
	if err != nil {
		return err
	}
	words := c.Args().Tail()
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		return usage("the command is missing: sockd worker exec NAME -- COMMAND…")
	}
	o.Command = words
	plan, err := worker.Resolve(c.Context, o, nil)
	if err != nil {
		return &exitError{1, err}
	}
	cmd := exec.CommandContext(c.Context, plan.Argv[0], plan.Argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = plan.Dir, plan.Env, os.Stdin, c.App.Writer, c.App.ErrWriter
	err = cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() > 0 {
		return exit(ended.ExitCode())
	}
	if err != nil {
		return &exitError{1, fmt.Errorf("%s: %w", strconv.Quote(words[0]), err)}
	}
	return nil
}
