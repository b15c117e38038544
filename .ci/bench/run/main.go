// Command run measures sockd beside its peers, each pinned to one core and the load generator to another, one after the other in turns, and
// prints medians and ratios. It is started by run.sh and gate.sh, which build what it needs.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// settings are the command line.
type settings struct {
	sockd, raw, python, peers string
	out                       string
	full, gate                bool
	runs                      int
	duration                  time.Duration
	only                      string
}

func main() {
	var s settings
	flag.StringVar(&s.sockd, "sockd", "", "the binary of sockd, which is the generator too")
	flag.StringVar(&s.raw, "raw", "", "the binary of the raw send loop")
	flag.StringVar(&s.python, "python", "", "the python that has python-socketio; without it that peer is left out")
	flag.StringVar(&s.peers, "peers", "", "the folder of the peers' programs")
	flag.StringVar(&s.out, "out", "", "write the table to this file, in Markdown")
	flag.BoolVar(&s.full, "full", false, "all rows, longer runs")
	flag.BoolVar(&s.gate, "gate", false, "compare with the raw loop only, and fail when sockd is far behind")
	flag.IntVar(&s.runs, "runs", 3, "of which the median is taken")
	flag.DurationVar(&s.duration, "duration", 0, "of each measurement")
	flag.StringVar(&s.only, "only", "", "rows whose name matches this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, s); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, s settings) error {
	wanted, err := regexp.Compile(s.only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sockd-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &stand{settings: s, dir: dir, pinned: canPin()}
	if s.gate {
		return b.judge(ctx)
	}
	var results []result
	for _, r := range rows {
		if (s.full || !r.long) && wanted.MatchString(r.name) {
			res, err := b.row(ctx, r)
			if err != nil {
				return err
			}
			results = append(results, res)
		}
	}
	return b.publish(results)
}
