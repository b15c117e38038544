package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

func fleetCommand() *cli.Command {
	return commandGroup("fleet", "run the servers of a file, and look after them",
		runCommand(), startCommand(), stopCommand(), restartCommand(), reloadCommand(), statusCommand(), logsCommand(), waitCommand())
}

// daemon finds the daemon of the file that c means, which need not exist any more.
func daemon(c *cli.Context) (*control.Client, error) {
	p, err := daemonPlace(c)
	if err != nil {
		return nil, err
	}
	if err := p.trust(); err != nil {
		return nil, err
	}
	return control.Dial(p.socket), nil
}

func daemonPlace(c *cli.Context) (place, error) {
	explicit := c.String("state-dir")
	file, err := config.Lookup(c.String("config"))
	if err == nil || explicit != "" {
		return here().locate(explicit, file)
	}
	if p, ok := orphan(here()); ok {
		return p, nil
	}
	return place{}, &exitError{exitUnreachable, fmt.Errorf("%w: %w", control.ErrUnreachable, err)}
}

// orphan finds a daemon whose file is gone: one that runs for a sockd.toml of the working directory, or of a parent up to
// the repository's root.
func orphan(s surroundings) (place, bool) {
	dir, err := os.Getwd()
	for err == nil {
		p, locateErr := s.locate("", filepath.Join(dir, "sockd.toml"))
		if locateErr == nil && exists(p.socket) {
			return p, true
		}
		if dir == filepath.Dir(dir) || exists(filepath.Join(dir, ".git")) || exists(filepath.Join(dir, ".hg")) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return place{}, false
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// textOptions are those of c's output.
func textOptions(c *cli.Context) control.TextOptions {
	width, ok := terminal(c.App.Writer)
	return control.TextOptions{
		Width: width,
		Color: ok && !c.Bool("no-color") && os.Getenv("NO_COLOR") == "",
	}
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// timedOut gives an expired wait its exit code.
func timedOut(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &exitError{exitTimeout, errors.New("the daemon does not answer")}
	}
	return err
}
