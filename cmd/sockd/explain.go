package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/rule"
	"github.com/urfave/cli/v2"
)

func explainCommand() *cli.Command {
	return &cli.Command{
		Name: "explain", Usage: "show which rule of an instance takes an event, and why", ArgsUsage: "INSTANCE EVENT [JSON…]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "namespace", Usage: "the event is in `NAMESPACE`", Value: "/"},
			&cli.StringFlag{Name: "from", Usage: "it comes from a client, http or the worker", Value: "client"},
		},
		Action: configExplain,
	}
}

// explanation is what `config explain --json` prints.
type explanation struct {
	Schema    int         `json:"schema"`
	Instance  string      `json:"instance"`
	Event     string      `json:"event"`
	Namespace string      `json:"namespace"`
	From      string      `json:"from"`
	Rules     []candidate `json:"rules"` // in the order in which they are asked; the last one is what happens without any
}

type candidate struct {
	Rule      string `json:"rule"`
	Namespace string `json:"namespace,omitempty"`
	Takes     bool   `json:"takes"`
	When      string `json:"when,omitempty"`
	Why       string `json:"why"`
}

func configExplain(c *cli.Context) error {
	if c.NArg() < 2 {
		return usage("explain needs the name of an instance and that of an event")
	}
	cfg, err := load(c)
	if err != nil {
		return invalid(err)
	}
	name := c.Args().First()
	in := cfg.Instances[name]
	if in == nil {
		return &exitError{exitUnreachable, fmt.Errorf("no instance %q in %s", name, cfg.Path)}
	}
	input, err := explainInput(c)
	if err != nil {
		return err
	}
	x, err := explain(name, in, input)
	if err != nil {
		return invalid(err)
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, x)
	}
	return x.print(c)
}

// explainInput is the event that is asked about. Without arguments no program is run.
func explainInput(c *cli.Context) (*rule.Input, error) {
	in := &rule.Input{Event: c.Args().Get(1), Namespace: "/" + strings.TrimPrefix(c.String("namespace"), "/")}
	switch c.String("from") {
	case "client":
		in.Peer = &rule.Peer{SID: "sid", Auth: json.RawMessage("{}"), Query: url.Values{}, Header: http.Header{}}
	case "http":
		in.Source = rule.HTTP
	case "worker":
		in.Source = rule.Worker
	default:
		return nil, usage("--from: must be client, http or worker, not %q", c.String("from"))
	}
	if c.NArg() == 2 {
		return in, nil
	}
	payload, err := json.Marshal([]any{in.Event})
	if err != nil {
		return nil, err
	}
	payload = payload[:len(payload)-1]
	for _, arg := range c.Args().Slice()[2:] {
		if !json.Valid([]byte(arg)) {
			return nil, usage("%s: must be JSON; a text is written with its quotes, as in '\"text\"'", arg)
		}
		payload = append(append(payload, ','), arg...)
	}
	in.Payload = rule.JSON(append(payload, ']'))
	return in, nil
}

func explain(name string, in *config.Instance, input *rule.Input) (*explanation, error) {
	set, err := rule.Compile(in)
	if err != nil {
		return nil, err
	}
	x := &explanation{Schema: 1, Instance: name, Event: input.Event, Namespace: input.Namespace, From: input.Source.String()}
	for _, r := range set.Explain(input) {
		x.Rules = append(x.Rules, candidate{Rule: r.Rule, Namespace: r.Namespace, Takes: r.Takes, When: r.When, Why: r.Why})
	}
	return x, nil
}

func (x *explanation) print(c *cli.Context) error {
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "\tRULE\tWHY")
	for _, r := range x.Rules {
		mark, name := " ", "on."+r.Rule
		if r.Takes {
			mark = "→"
		}
		switch {
		case r.Rule == "":
			name = "–"
		case r.Namespace != "":
			name = r.Namespace + " " + name
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", mark, name, r.Why)
		if r.When != "" {
			fmt.Fprintf(w, "\t\twhen = %s\n", r.When)
		}
	}
	return w.Flush()
}
