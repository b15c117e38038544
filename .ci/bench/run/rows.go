package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/sockd/sockd/cmd/sockd/bench"
)

// row is one load that every peer is put under.
type row struct {
	name  string
	role  string // of the server: hub or ack
	args  []string
	peers []string // nil = all
	long  bool     // left to FULL=1
	shown []figure
}

// figure is one number of a report.
type figure struct {
	name string
	less bool // is better
	of   func(*bench.Report) float64
}

var (
	deliveries = figure{"thousand deliveries/s", false, func(r *bench.Report) float64 { return r.Deliveries.PerSecond / 1e3 }}
	events     = figure{"thousand events/s", false, func(r *bench.Report) float64 { return r.Events.PerSecond / 1e3 }}
	cpu        = figure{"CPU µs per delivery", true, perUnit}
	cpuEvent   = figure{"CPU µs per event", true, perUnit}
	cpuConnect = figure{"CPU µs per connect", true, perUnit}
	connects   = figure{"connects/s", false, func(r *bench.Report) float64 { return r.Connects.PerSecond }}
	memory     = figure{"bytes per client", true, func(r *bench.Report) float64 { return r.Server.BytesPerClient }}
	ackHalf    = latency("p50, µs", "ack", func(l bench.Latency) float64 { return l.P50 })
	ackTail    = latency("p99, µs", "ack", func(l bench.Latency) float64 { return l.P99 })
	postTail   = latency("p99 of the answer, µs", "post", func(l bench.Latency) float64 { return l.P99 })
	lastTail   = latency("p99 of the last receiver, ms", "last_delivery", func(l bench.Latency) float64 { return l.P99 / 1e3 })
)

func perUnit(r *bench.Report) float64 { return r.Server.CPUPerUnit }

func latency(name, of string, pick func(bench.Latency) float64) figure {
	return figure{name, true, func(r *bench.Report) float64 { return pick(r.Latency[of]) }}
}

var realServers = []string{"sockd", "node", "python"}

var rows = []row{
	fanout(1000, 1, false),
	fanout(1000, 16, false),
	fanout(5000, 8, true),
	fanout(10000, 4, true),
	{name: "emit and ack, 50 clients", role: "ack", args: busy("ack", 50), shown: []figure{events, ackHalf, ackTail, cpuEvent}},
	{name: "emit and ack, 1 client", role: "ack", args: busy("ack", 1), shown: []figure{events, ackHalf, ackTail, cpuEvent}},
	{name: "ingest over HTTP, 32 connections to 10 clients", role: "hub", peers: realServers,
		args: append(busy("ingest", 32), "--receivers=10", "--ingest-path=/ingest"), shown: []figure{events, postTail, cpuEvent}},
	{name: "idle, 5 000 clients", role: "hub", peers: realServers, args: []string{"--mode=idle", "--clients=5000"}, shown: []figure{memory}},
	{name: "connect, 3 000 clients", role: "hub", args: []string{"--mode=connect", "--clients=3000"}, shown: []figure{connects, cpuConnect}},
}

func busy(mode string, clients int) []string {
	return []string{"--mode=" + mode, "--clients=" + strconv.Itoa(clients), "--busy-poll"}
}

func fanout(clients, window int, long bool) row {
	return row{
		name: fmt.Sprintf("fan-out to %s clients, %d under way", spaced(clients), window), role: "hub", long: long,
		args: append(busy("fanout", clients), "--window="+strconv.Itoa(window)), shown: []figure{deliveries, cpu, lastTail},
	}
}

func spaced(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d %03d", n/1000, n%1000)
}

// result is what came out of a row: reports by peer, one for each turn.
type result struct {
	row     row
	reports map[string][]*bench.Report
}

// row puts the peers under the load, in turns.
func (b *stand) row(ctx context.Context, r row) (result, error) {
	res := result{row: r, reports: map[string][]*bench.Report{}}
	for turn := range b.runs {
		for _, peer := range b.peersOf(r) {
			rep, err := b.load(ctx, peer, r)
			if err != nil {
				return res, fmt.Errorf("%s, %s: %w", r.name, peer, err)
			}
			res.reports[peer] = append(res.reports[peer], rep)
			fmt.Printf("%-48s %d/%d %-7s", r.name, turn+1, b.runs, peer)
			for _, f := range r.shown {
				fmt.Printf("  %s %s", number(f.of(rep)), f.name)
			}
			fmt.Println()
		}
	}
	return res, nil
}

func (b *stand) peersOf(r row) []string {
	var peers []string
	for _, p := range b.available() {
		if r.peers == nil || slices.Contains(r.peers, p) {
			peers = append(peers, p)
		}
	}
	return peers
}

// median of a figure over the turns of a peer; false when it was not measured.
func (res *result) median(peer string, f figure) (float64, bool) {
	var values []float64
	for _, rep := range res.reports[peer] {
		values = append(values, f.of(rep))
	}
	if len(values) == 0 {
		return 0, false
	}
	slices.Sort(values)
	mid := len(values) / 2
	if len(values)%2 == 0 {
		return (values[mid-1] + values[mid]) / 2, true
	}
	return values[mid], true
}

// flaws adds up what no peer should have.
func (res *result) flaws(peer string) (lost, doubled, faults uint64) {
	for _, rep := range res.reports[peer] {
		lost += rep.Lost
		doubled += rep.Doubled
		for _, n := range rep.Errors {
			faults += n
		}
	}
	return lost, doubled, faults
}
