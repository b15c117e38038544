package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

// lookEvery is how often a log that is followed is looked at.
const lookEvery = 200 * time.Millisecond

func logsCommand() *cli.Command {
	return &cli.Command{
		Name: "logs", Usage: "show the log of the daemon, or of some instances", ArgsUsage: "[NAME…]",
		Description: "It is read from the state folder, whether the daemon runs or not. --json shows the records as they were written.",
		Flags: []cli.Flag{
			boolFlag("follow", "go on with what is written from now on, until an interrupt", "f"),
			&cli.IntFlag{Name: "lines", Aliases: []string{"n"}, Usage: "show the last `N` lines; all of them with --since", Value: 100},
			&cli.DurationFlag{Name: "since", Usage: "show what is at most `AGE` old, such as 5m"},
		},
		Action: fleetLogs,
	}
}

func fleetLogs(c *cli.Context) error {
	if c.Int("lines") < 0 || c.Duration("since") < 0 {
		return usage("--lines and --since: must not be below zero")
	}
	p, err := daemonPlace(c)
	if err != nil {
		return err
	}
	if err := p.trust(); err != nil {
		return err
	}
	show := &logView{out: bufio.NewWriter(c.App.Writer), names: c.Args().Slice(), raw: c.Bool("json")}
	limit := c.Int("lines")
	if age := c.Duration("since"); age > 0 {
		show.since = time.Now().Add(-age)
		if !c.IsSet("lines") {
			limit = -1
		}
	}
	r := &logReader{path: p.log}
	defer r.close()
	found, err := r.last(show, limit)
	if err != nil {
		return err
	}
	if !c.Bool("follow") {
		if !found {
			return fmt.Errorf("no log in %s: no daemon has run for this file", p.dir)
		}
		return knownToDaemon(c, p)
	}
	ctx, stop := signal.NotifyContext(c.Context, os.Interrupt)
	defer stop()
	return r.follow(ctx, show)
}

// knownToDaemon is the fault of a name that the daemon, if one runs, does not know. Without one, nobody can tell a wrong name from a quiet
// instance.
func knownToDaemon(c *cli.Context, p place) error {
	ctx, cancel := context.WithTimeout(c.Context, answerTime)
	defer cancel()
	s, err := control.Dial(p.socket).Status(ctx)
	if err != nil {
		return nil
	}
	_, err = pick(instanceNames(s), c.Args().Slice(), s.Fleet.File)
	return err
}

// logReader reads the files of one log in their order, and knows how far it has come.
type logReader struct {
	path string
	file *os.File // the one that is being read; nil before there is any
	rest []byte   // of a line that has no end yet
}

func (r *logReader) close() {
	if r.file != nil {
		_ = r.file.Close()
	}
}

// last shows the last limit lines that are wanted, all of them below zero. found is false if there is no log.
func (r *logReader) last(show *logView, limit int) (found bool, err error) {
	var ring [][]byte
	keep := func(line []byte) {
		switch {
		case limit == 0 || !show.wants(line):
			return
		case len(ring) == limit:
			ring = append(ring[:0], ring[1:]...)
		}
		ring = append(ring, append([]byte(nil), line...))
	}
	for more := true; more; {
		if more, err = r.advance(keep); err != nil {
			return false, err
		}
		if err := r.read(keep); err != nil {
			return false, err
		}
	}
	for _, line := range ring {
		show.write(line)
	}
	return r.file != nil, show.out.Flush()
}

// follow shows what is written until ctx ends, over every change of the file.
func (r *logReader) follow(ctx context.Context, show *logView) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	line := func(line []byte) {
		if show.wants(line) {
			show.write(line)
		}
	}
	for {
		for more := true; more; {
			err := r.read(line)
			if err != nil {
				return err
			}
			if more, err = r.advance(line); err != nil {
				return err
			}
		}
		if err := show.out.Flush(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// looks is how often the order of the files is looked at again when it changes meanwhile.
const looks = 10

// advance hands out what is left of the file that is being read and opens the one after it. It reports false when there is none: the last one
// may still grow.
func (r *logReader) advance(line func([]byte)) (bool, error) {
	for range looks {
		files := logFiles(r.path)
		at := r.indexIn(files)
		if r.file != nil && at < 0 {
			continue // renamed while the names were read
		}
		if opened, again, err := r.open(files, at+1, line); !again {
			return opened, err
		}
	}
	if r.file == nil || r.indexIn(logFiles(r.path)) >= 0 {
		return false, nil
	}
	opened, _, err := r.open(logFiles(r.path), 0, line) // what was read is deleted, the oldest is the next
	return opened, err
}

// indexIn is where in files the one stands that is being read, -1 if there is none.
func (r *logReader) indexIn(files []string) int {
	if r.file == nil {
		return -1
	}
	return indexOf(files, r.file)
}

func indexOf(files []string, f *os.File) int {
	now, err := f.Stat()
	if err != nil {
		return -1
	}
	return slices.IndexFunc(files, func(name string) bool {
		info, err := os.Stat(name)
		return err == nil && os.SameFile(now, info)
	})
}

// open goes over to the file at next, unless another one has come between in the meantime: again says so.
func (r *logReader) open(files []string, next int, line func([]byte)) (opened, again bool, err error) {
	if next >= len(files) {
		return false, false, nil
	}
	f, err := os.Open(files[next])
	if errors.Is(err, fs.ErrNotExist) {
		return false, next < len(files)-1, nil // deleted; or there is no current file yet
	}
	if err != nil {
		return false, false, err
	}
	if now := logFiles(r.path); indexOf(now, f) != r.indexIn(now)+1 {
		return false, true, f.Close()
	}
	if err := r.read(line); err != nil { // it may have grown since, and grows no more
		return false, false, errors.Join(err, f.Close())
	}
	r.close()
	r.file, r.rest = f, nil
	return true, false, nil
}

// read hands out the lines up to the end of the file as it is now.
func (r *logReader) read(line func([]byte)) error {
	if r.file == nil {
		return nil
	}
	in := bufio.NewReader(r.file)
	for {
		part, err := in.ReadBytes('\n')
		r.rest = append(r.rest, part...)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line(r.rest[:len(r.rest)-1])
		r.rest = r.rest[:0]
	}
}
