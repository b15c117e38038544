package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "look for what keeps the fleet from working, and say what helps",
		HideHelpCommand: true, OnUsageError: onUsageError, CustomHelpTemplate: cli.CommandHelpTemplate + globalHelp(),
		Before: noArguments,
		Action: doctor,
	}
}

// The verdicts of a [finding].
const (
	fine  = "ok"
	doubt = "warning" // works, but may not for long
	wrong = "wrong"
)

// finding is what one check has found.
type finding struct {
	Check   string `json:"check"`
	Verdict string `json:"verdict"`
	Detail  string `json:"detail"`
	Remedy  string `json:"remedy,omitempty"`
}

// patient is what the checks look at. None of them changes anything.
type patient struct {
	cfg    *config.Config // nil if the file is invalid
	fault  error          // why
	place  place
	status *control.Status // nil without a daemon
}

func doctor(c *cli.Context) error {
	list := examine(c.Context, patientOf(c))
	if err := showFindings(c, list); err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(f finding) bool { return f.Verdict == wrong }) {
		return exit(exitFailed)
	}
	return nil
}

func patientOf(c *cli.Context) *patient {
	p := &patient{}
	p.cfg, p.fault = loadChecked(c)
	if p.fault != nil {
		p.cfg = nil
	}
	place, err := daemonPlace(c)
	if err != nil {
		return p
	}
	p.place = place
	ctx, cancel := context.WithTimeout(c.Context, answerTime)
	defer cancel()
	if s, err := control.Dial(place.socket).Status(ctx); err == nil && place.trust() == nil {
		p.status = &s
	}
	return p
}

func examine(ctx context.Context, p *patient) []finding {
	list := []finding{checkFile(p), checkState(p), checkLeftovers(p), checkClock(p)}
	if p.cfg == nil {
		return list
	}
	list = append(list, checkFiles(p.cfg), checkWatch(ctx, p.cfg))
	list = append(list, checkSecrets(p.cfg)...)
	for _, w := range config.Warnings(p.cfg) {
		list = append(list, finding{"access", doubt, w.Error(), "give it an auth table, or bind it to 127.0.0.1"})
	}
	for _, name := range slices.Sorted(maps.Keys(p.cfg.Instances)) {
		if in := p.cfg.Instances[name]; in.Enabled {
			list = append(list, checkPort(ctx, p, name, in))
		}
	}
	return list
}

func showFindings(c *cli.Context, list []finding) error {
	if c.Bool("json") {
		return writeJSON(c.App.Writer, map[string]any{"schema": 1, "findings": list})
	}
	o := textOptions(c)
	width := 0
	for _, f := range list {
		width = max(width, len(f.Check))
	}
	for _, f := range list {
		fmt.Fprintf(c.App.Writer, "%s  %-*s  %s\n", verdictMark(f.Verdict, o.Color), width, f.Check, printable(f.Detail))
		if f.Remedy != "" {
			fmt.Fprintf(c.App.Writer, "%*s  → %s\n", width+len("warning")+2, "", f.Remedy)
		}
	}
	return nil
}

func verdictMark(verdict string, color bool) string {
	text := fmt.Sprintf("%-7s", verdict)
	codes := map[string]string{fine: "\x1b[32m", doubt: "\x1b[33m", wrong: "\x1b[31m"}
	if !color {
		return text
	}
	return codes[verdict] + text + "\x1b[0m"
}

// checkFile says what is wrong with the file in one line; `config check` says all.
func checkFile(p *patient) finding {
	f := finding{Check: "file", Verdict: wrong, Remedy: "sockd config check lists every mistake"}
	var faults *config.Errors
	switch {
	case errors.As(p.fault, &faults):
		f.Detail = faults.List[0].Error()
	case errors.Is(p.fault, config.ErrNotFound):
		f.Detail, f.Remedy = p.fault.Error(), "sockd config init writes one"
	case p.fault != nil:
		f.Detail = p.fault.Error()
	case p.status != nil && p.status.Fleet.ConfigState == control.ConfigHeld:
		f.Detail, f.Remedy = p.status.Fleet.ConfigError.String(), "sockd fleet reload --yes, if that is meant"
	default:
		return finding{Check: "file", Verdict: fine, Detail: p.cfg.Path + ", " + counted(len(p.cfg.Instances), "instance")}
	}
	return f
}
