package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

const (
	progressEvery = 5 * time.Second       // on standard error
	firstPause    = 50 * time.Millisecond // before an event that was refused is sent again; it doubles
	longestPause  = 2 * time.Second       // of them
)

func replayCommand() *cli.Command {
	return leaf(&cli.Command{
		Name: "replay", Usage: "send what `sockd record` has written through the rules of an instance", ArgsUsage: "NAME FILE",
		Description: "The pauses between the events are those of the recording, divided by --speed. An event that is refused because too much waits is sent\n" +
			"again for as long as --timeout says. Exit code 1: an event has failed.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "speed", Usage: "`N` times as fast, such as 5x or 0.5x, or max", Value: "1x"},
			namespaceFlag("emit in `NAMESPACE` instead of that of each event"),
			timeoutFlag(30 * time.Second),
		},
		Before: positiveTimeout,
		Action: replay,
	})
}

// replayed is what `replay --json` prints.
type replayed struct {
	Events  int            `json:"events"`  // in the recording
	Emitted int            `json:"emitted"` // that the rules took
	Dropped map[string]int `json:"dropped"` // by reason
	Failed  int            `json:"failed"`
	Retried int            `json:"retried"` // sends that were not the first of their event
	TookS   float64        `json:"took_s"`
	Ended   bool           `json:"ended"` // false after an interrupt
}

func replay(c *cli.Context) error {
	if c.NArg() != 2 {
		return usage("%q needs the name of one instance and a file", c.Command.HelpName)
	}
	speed, err := parseSpeed(c.String("speed"))
	if err != nil {
		return err
	}
	file, err := os.Open(c.Args().Get(1))
	if err != nil {
		return err
	}
	defer file.Close()
	p := &player{c: c, speed: speed, name: file.Name(), sum: replayed{Dropped: map[string]int{}}}
	if err := p.check(file); err != nil {
		return err
	}
	if p.client, p.instance, err = oneInstance(c); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context, os.Interrupt)
	defer stop()
	err = p.play(ctx, file)
	return errors.Join(p.report(), err)
}

// parseSpeed reads 5x, 0.5 or max, which is infinite.
func parseSpeed(text string) (float64, error) {
	if text == "max" {
		return math.Inf(1), nil
	}
	speed, err := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
	if err != nil || !(speed > 0) || math.IsInf(speed, 0) {
		return 0, usage("--speed %s: must be a number over zero such as 5x, or max", text)
	}
	return speed, nil
}

// player emits a recording.
type player struct {
	c        *cli.Context
	client   *control.Client
	instance string
	name     string // of the file
	speed    float64
	sum      replayed
	begun    time.Time
	first    float64 // the time of the first event, whose pause is left out
	told     time.Time
	fault    error // the first event's that has failed
}

// check reads the recording once, so that a fault in it is found before anything is sent.
func (p *player) check(file *os.File) error {
	missing := uint64(0)
	err := eachRecorded(file, p.name, func(e *recorded) error {
		missing += e.Lost
		if e.Event != "" {
			p.sum.Events++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if missing > 0 {
		fmt.Fprintf(p.c.App.ErrWriter, "sockd: %d events are missing in the recording\n", missing)
	}
	_, err = file.Seek(0, io.SeekStart)
	return err
}

// play emits the events at their times. An interrupt is no error.
func (p *player) play(ctx context.Context, file io.Reader) error {
	p.begun, p.told, p.first = time.Now(), time.Now(), -1
	err := eachRecorded(file, p.name, func(e *recorded) error {
		if e.Event == "" {
			return nil
		}
		if p.first < 0 {
			p.first = e.T
		}
		if err := pause(ctx, time.Until(p.due(e.T))); err != nil {
			return err
		}
		p.progress()
		return p.emit(ctx, e)
	})
	p.sum.TookS = time.Since(p.begun).Seconds()
	p.sum.Ended = err == nil
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// due is when an event of this time is to be emitted.
func (p *player) due(t float64) time.Time {
	after := (t - p.first) / p.speed
	if limit := (100 * 365 * 24 * time.Hour).Seconds(); after > limit {
		after = limit // a longer time does not fit
	}
	return p.begun.Add(time.Duration(max(after, 0) * float64(time.Second)))
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// emit sends one event, again and again while the instance is busy. An error ends the replay: the time is over, or the daemon has gone.
func (p *player) emit(ctx context.Context, e *recorded) error {
	request := control.EmitRequest{Instance: p.instance, Namespace: e.Namespace, Event: e.Event, Args: e.Args, Rooms: e.Rooms, Except: e.Except, Binary: true}
	if ns := namespaceOf(p.c); ns != "" {
		request.Namespace = ns
	}
	within, cancel := context.WithTimeout(ctx, p.c.Duration("timeout"))
	defer cancel()
	for wait := firstPause; ; wait = min(2*wait, longestPause) {
		r, err := p.client.Emit(within, request)
		switch {
		case err == nil && r.Dropped != "":
			p.sum.Dropped[r.Dropped]++
			return nil
		case err == nil:
			p.sum.Emitted++
			return nil
		case errors.Is(err, control.ErrUnreachable), errors.Is(err, control.ErrUnknown), within.Err() != nil:
			return p.givenUp(err)
		case !errors.Is(err, control.ErrBusy) && !errors.Is(err, control.ErrNotServing):
			p.failed(e, err)
			return nil
		}
		p.sum.Retried++
		if pause(within, wait) != nil {
			return p.givenUp(err)
		}
	}
}

func (p *player) givenUp(err error) error {
	p.sum.Failed++
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, control.ErrBusy) {
		return &exitError{exitTimeout, fmt.Errorf("an event was not accepted within %v: %w", p.c.Duration("timeout"), err)}
	}
	return operationFault(err)
}

// failed notes an event that can never be accepted.
func (p *player) failed(e *recorded, err error) {
	p.sum.Failed++
	if p.fault == nil {
		p.fault = fmt.Errorf("event %q: %w", e.Event, err)
	}
}

func (p *player) done() (n int) {
	n = p.sum.Emitted + p.sum.Failed
	for _, dropped := range p.sum.Dropped {
		n += dropped
	}
	return n
}

func (p *player) progress() {
	if time.Since(p.told) < progressEvery || p.c.Bool("quiet") {
		return
	}
	p.told = time.Now()
	fmt.Fprintf(p.c.App.ErrWriter, "sockd: %d of %d events\n", p.done(), p.sum.Events)
}

// report prints the counts, and returns the first event's fault.
func (p *player) report() error {
	if p.c.Bool("json") {
		return errors.Join(writeJSON(p.c.App.Writer, p.sum), p.fault)
	}
	var dropped []string
	n := 0
	for reason, count := range p.sum.Dropped {
		n += count
		dropped = append(dropped, reason)
	}
	text := fmt.Sprintf("%d of %d events emitted, %d dropped", p.sum.Emitted, p.sum.Events, n)
	if n > 0 {
		slices.Sort(dropped)
		text += " (" + strings.Join(dropped, ", ") + ")"
	}
	text += fmt.Sprintf(", %d failed, %d sent again, in %v", p.sum.Failed, p.sum.Retried, time.Duration(p.sum.TookS*float64(time.Second)).Round(time.Millisecond))
	_, err := fmt.Fprintln(p.c.App.Writer, text)
	return errors.Join(err, p.fault)
}
