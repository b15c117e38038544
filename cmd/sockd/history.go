package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

func historyCommand() *cli.Command {
	return leaf(&cli.Command{
		Name: "history", Usage: "show the events that an instance keeps, the oldest first", ArgsUsage: "NAME",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "since", Usage: "show what came after an event, by its `SEQ|ID|AGE`: a number, an id, or for instance 10m"},
			namespaceFlag("of `NAMESPACE`; /"),
			&cli.IntFlag{Name: "lines", Aliases: []string{"n"}, Usage: "show the last `N` events; all of them with --since", Value: 100},
		},
		Before: argumentsExactly(1, "the name of one instance"),
		Action: history,
	})
}

// pastEvents is what `history --json` prints: the same as the instance answers over HTTP.
type pastEvents struct {
	Events []control.PastEvent `json:"events"`
	Gap    *control.Gap        `json:"gap"`
	Last   string              `json:"last"` // the --since that goes on from here
}

func history(c *cli.Context) error {
	limit := c.Int("lines")
	if limit < 1 {
		return usage("--lines %d: must be over zero", limit)
	}
	h, err := since(c.String("since"))
	if err != nil {
		return err
	}
	if c.String("since") == "" {
		h.Last = limit
	} else if !c.IsSet("lines") {
		limit = 0
	}
	client, name, err := oneInstance(c)
	if err != nil {
		return err
	}
	h.Instance, h.Namespace = name, namespaceOf(c)
	past, err := readHistory(c, client, h, limit)
	if err != nil {
		return operationFault(err)
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, past)
	}
	return showHistory(c, past)
}

// since says where the history is read from.
func since(text string) (h control.HistoryRequest, err error) {
	age, err := time.ParseDuration(text)
	switch {
	case strings.Trim(text, "0123456789") == "": // 0 would be a duration too
		h.Since = text
	case err != nil:
		h.Since = text // an id; the daemon knows them
	case age <= 0:
		return h, usage("--since %s: must be over zero", text)
	default:
		h.AgeMS = max(age.Milliseconds(), 1)
	}
	return h, nil
}

// readHistory reads page by page and keeps the last limit events, all of them for 0.
func readHistory(c *cli.Context, client *control.Client, h control.HistoryRequest, limit int) (*pastEvents, error) {
	past := &pastEvents{Events: []control.PastEvent{}, Last: h.Since}
	for first := true; ; first = false {
		ctx, cancel := context.WithTimeout(c.Context, answerTime)
		page, err := client.History(ctx, h)
		cancel()
		if err != nil {
			return nil, err
		}
		if first {
			past.Gap = page.Gap
			anotherStart(c, h.Since, page.Epoch)
		}
		past.Events = append(past.Events, page.Events...)
		if n := len(past.Events); n > 0 {
			past.Last = past.Events[n-1].ID
		}
		if n := len(past.Events); limit > 0 && n > limit {
			past.Events, past.Gap = append(past.Events[:0], past.Events[n-limit:]...), nil
		}
		if page.Next == "" {
			return past, nil
		}
		h.Since, h.AgeMS, h.Last = page.Next, 0, 0
	}
}

// anotherStart says that the numbers have begun anew since an id was given out.
func anotherStart(c *cli.Context, id, epoch string) {
	if i := strings.LastIndexByte(id, '-'); i > 0 && id[:i] != epoch {
		fmt.Fprintf(c.App.ErrWriter, "sockd: %s is of an earlier start; everything that is kept since is shown\n", id)
	}
}

func showHistory(c *cli.Context, past *pastEvents) error {
	if g := past.Gap; g != nil {
		fmt.Fprintf(c.App.ErrWriter, "sockd: the events %d to %d are not kept any more\n", g.From, g.To)
	}
	for _, e := range past.Events {
		line := fmt.Sprintf("%s %s %s %s", e.At.Local().Format("2006-01-02 15:04:05.000"), e.ID, e.Event, argumentText(e.Args))
		if len(e.Room) > 0 {
			line += " rooms=" + strings.Join(e.Room, ",")
		}
		if _, err := fmt.Fprintln(c.App.Writer, printable(line)); err != nil {
			return err
		}
	}
	return nil
}
