package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet"
	"github.com/urfave/cli/v2"
)

func configCommand() *cli.Command {
	return commandGroup("config", "check the file, write one, and show what it means",
		&cli.Command{Name: "check", Usage: "report every mistake in the file", Before: noArguments, Action: configCheck},
		&cli.Command{
			Name: "show", Usage: "print the file with everything that it leaves out", Before: noArguments, Action: configShow,
			Flags: []cli.Flag{boolFlag("origin", "say behind each value where it was written")},
		},
		initCommand(),
		schemaCommand(),
		explainCommand(),
	)
}

// load reads the file that c means. Faults name it as seen from the working directory.
func load(c *cli.Context) (*config.Config, error) {
	file, err := nearFile(c)
	if err != nil {
		return nil, err
	}
	return fleet.Load(file)
}

// nearFile is the file that c means, as seen from the working directory.
func nearFile(c *cli.Context) (string, error) {
	file, err := config.Lookup(c.String("config"))
	if err != nil {
		return "", &exitError{exitConfig, err}
	}
	if cwd, err := os.Getwd(); err == nil {
		if near, err := filepath.Rel(cwd, file); err == nil && filepath.IsLocal(near) {
			file = near
		}
	}
	return file, nil
}

// loadChecked goes as far as a reload does before it opens anything.
func loadChecked(c *cli.Context) (*config.Config, error) {
	cfg, err := load(c)
	if err != nil {
		return nil, err
	}
	return cfg, fleet.Check(cfg)
}

func configCheck(c *cli.Context) error {
	cfg, err := loadChecked(c)
	if c.Bool("json") {
		return checkJSON(c, cfg, err)
	}
	if err != nil {
		return invalid(err)
	}
	for _, w := range config.Warnings(cfg) {
		fmt.Fprintf(c.App.ErrWriter, "warning: %v\n", w)
	}
	fmt.Fprintf(c.App.ErrWriter, "ok: %s\n", counted(len(cfg.Instances), "instance"))
	return nil
}

func configShow(c *cli.Context) error {
	if c.Bool("origin") {
		file, err := nearFile(c)
		if err == nil {
			err = fleet.ShowOrigins(c.App.Writer, file)
		}
		if err != nil {
			return invalid(err)
		}
		return nil
	}
	cfg, err := load(c)
	if err != nil {
		return invalid(err)
	}
	return config.Show(c.App.Writer, cfg)
}

// invalid gives an error about the file its exit code.
func invalid(err error) error {
	var coded *exitError
	if errors.As(err, &coded) {
		return err
	}
	return &exitError{exitConfig, err}
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// checkResult is what `config check --json` prints.
type checkResult struct {
	Schema    int          `json:"schema"`
	Instances int          `json:"instances"`
	Errors    []checkFault `json:"errors"`
	Warnings  []checkFault `json:"warnings"`
}

type checkFault struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Col     int    `json:"col"`
	Key     string `json:"key"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

func checkJSON(c *cli.Context, cfg *config.Config, err error) error {
	result := checkResult{Schema: 1, Errors: []checkFault{}, Warnings: []checkFault{}}
	if cfg != nil && err == nil {
		result.Instances = len(cfg.Instances)
		for _, w := range config.Warnings(cfg) {
			result.Warnings = append(result.Warnings, checkFault{w.File, w.Line, w.Col, w.Key, w.Message, w.Hint})
		}
	}
	var faults *config.Errors
	if errors.As(err, &faults) {
		for _, f := range faults.List {
			result.Errors = append(result.Errors, checkFault{f.File, f.Line, f.Col, f.Key, f.Message, f.Hint})
		}
	} else if err != nil {
		result.Errors = append(result.Errors, checkFault{Message: err.Error()})
	}
	if writeErr := writeJSON(c.App.Writer, result); writeErr != nil {
		return writeErr
	}
	if err != nil {
		return exit(exitConfig)
	}
	return nil
}
