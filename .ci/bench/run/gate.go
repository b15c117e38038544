package main

import (
	"context"
	"fmt"
)

// least is the part of the raw loop that sockd must reach.
const least = 0.3

// judge fails when sockd loses a message, or delivers less than [least] of what the raw loop does: of two ratios the better counts, that of
// throughput, which a machine with other work to do distorts, and that of CPU time, which knows nothing of waiting.
func (b *stand) judge(ctx context.Context) error {
	res, err := b.row(ctx, fanout(1000, 16, false))
	if err != nil {
		return err
	}
	compare := func(f figure) float64 {
		own, _ := res.median("sockd", f)
		limit, _ := res.median("raw", f)
		if own <= 0 || limit <= 0 {
			return 0
		}
		return ratio(own, limit, f.less)
	}
	throughput, work := compare(deliveries), compare(cpu)
	lost, doubled, faults := res.flaws("sockd")
	fmt.Printf("sockd reaches %.2f of the raw loop's throughput and %.2f of its deliveries per CPU second; lost %d, doubled %d, errors %d\n",
		throughput, work, lost, doubled, faults)
	switch {
	case lost+doubled+faults > 0:
		return fmt.Errorf("%d lost, %d doubled, %d errors; none is allowed", lost, doubled, faults)
	case max(throughput, work) < least:
		return fmt.Errorf("%.2f of the raw loop; at least %.2f is demanded", max(throughput, work), least)
	}
	return nil
}
