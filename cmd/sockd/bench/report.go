package bench

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a run found out. Its JSON is stable: keys are added, none is renamed or removed within a schema.
type Report struct {
	Schema      int                `json:"schema"` // 1
	Target      string             `json:"target"`
	Mode        Mode               `json:"mode"`
	Transport   string             `json:"transport"`
	Clients     int                `json:"clients"`
	Receivers   int                `json:"receivers"`
	Window      int                `json:"window"`
	Rate        float64            `json:"rate"` // 0 = closed loop
	Payload     int                `json:"payload_bytes"`
	Threads     int                `json:"threads"`
	Interrupted bool               `json:"interrupted"`
	Seconds     float64            `json:"seconds"`
	Connected   uint64             `json:"connected"`  // clients, over the whole run; in mode churn each time
	Events      Count              `json:"events"`     // sent, acknowledged or accepted
	Deliveries  Count              `json:"deliveries"` // at receivers
	Connects    Count              `json:"connects"`   // during the measurement
	Latency     map[string]Latency `json:"latency_us"` // by what was timed: delivery, last_delivery, ack, post, connect
	Lost        uint64             `json:"lost"`       // deliveries or acknowledgements that had not come when Patience ended, over the whole run
	Late        uint64             `json:"late"`       // that came when they had been given up
	Doubled     uint64             `json:"doubled"`    // that came more than once
	Errors      map[string]uint64  `json:"errors"`     // by reason
	Generator   Generator          `json:"generator"`
	Server      *Server            `json:"server,omitempty"` // with a pid
}

// Count is a number of things and how many there were in a second.
type Count struct {
	Count     uint64  `json:"count"`
	PerSecond float64 `json:"per_second"`
}

// Latency sums up one histogram, in microseconds.
type Latency struct {
	Count uint64  `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
}

// Generator is what the run cost this process, connecting included.
type Generator struct {
	CPUSeconds float64 `json:"cpu_seconds"`
}

// Server is what the measurement cost the server.
type Server struct {
	PID            int     `json:"pid"`
	CPUSeconds     float64 `json:"cpu_seconds"`
	CPUPercent     float64 `json:"cpu_percent"` // of one core
	CPUPerUnit     float64 `json:"cpu_us_per_unit"`
	Unit           string  `json:"unit"` // of which: delivery, event, connect or client-second
	RSS            int64   `json:"rss_bytes"`
	Anon           int64   `json:"anon_bytes"`
	BytesPerClient float64 `json:"bytes_per_client"` // modes idle and connect: anonymous memory, against that before the clients
}

func (r *run) report(interrupted bool) *Report {
	var all, result tally
	var f faults
	for _, lp := range r.loops {
		result.merge(&lp.result)
		all.merge(&lp.scratch)
		f.merge(&lp.faults)
	}
	if d, ok := r.loops[0].driver.(*fanout); ok {
		f.lost += d.board.giveUp(math.MaxInt64)
	}
	f.lost += uint64(max(r.open.Load(), 0))
	all.merge(&result)
	seconds := r.measured.Seconds()
	count := func(n uint64) Count { return Count{n, perSecond(n, seconds)} }
	rep := &Report{
		Schema: 1, Target: r.o.URL, Mode: r.o.Mode, Transport: r.o.Transport, Clients: r.o.Clients, Receivers: r.o.Receivers, Window: r.o.Window,
		Rate: r.o.Rate, Payload: r.o.Payload, Threads: r.o.Threads, Interrupted: interrupted, Seconds: rounded(seconds), Connected: all.connects,
		Events: count(result.events), Deliveries: count(result.deliveries), Connects: count(result.connects),
		Latency: map[string]Latency{}, Lost: f.lost - min(f.lost, f.late), Late: f.late, Doubled: f.doubled, Errors: f.errors,
		Generator: Generator{CPUSeconds: rounded(ownCPU().Seconds())},
	}
	if rep.Errors == nil {
		rep.Errors = map[string]uint64{}
	}
	if r.o.Mode == Fanout && r.o.Ingest == "" && rep.Connected > 0 {
		rep.Connected-- // the sender
	}
	answer := "ack"
	if r.o.Ingest != "" {
		answer = "post"
	}
	for name, h := range map[string]*histogram{"delivery": &result.delivery, "last_delivery": &result.last, answer: &result.answer, "connect": &all.connect} {
		if h.total > 0 {
			rep.Latency[name] = summary(h)
		}
	}
	rep.Server = r.serverReport(rep)
	return rep
}

func perSecond(n uint64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return rounded(float64(n) / seconds)
}

func rounded(f float64) float64 { return math.Round(f*1000) / 1000 }

func summary(h *histogram) Latency {
	us := func(d time.Duration) float64 { return rounded(float64(d) / 1000) }
	return Latency{
		Count: h.total, Mean: us(h.mean()), P50: us(h.quantile(.5)), P99: us(h.quantile(.99)), P999: us(h.quantile(.999)), Max: us(h.most),
	}
}

func (r *run) serverReport(rep *Report) *Server {
	if r.server == nil {
		return nil
	}
	p := r.server
	used := p.last.cpu - p.begin.cpu
	s := &Server{PID: p.pid, CPUSeconds: used.Seconds(), RSS: p.last.rss, Anon: p.last.anon}
	if rep.Seconds > 0 {
		s.CPUPercent = rounded(100 * used.Seconds() / rep.Seconds)
	}
	if rep.Connected > 0 && (r.o.Mode == Idle || r.o.Mode == Connect) {
		s.BytesPerClient = math.Round(float64(p.last.anon-p.first.anon) / float64(rep.Connected))
	}
	units := 0.0
	switch r.o.Mode {
	case Fanout:
		s.Unit, units = "delivery", float64(rep.Deliveries.Count)
	case Ack, Ingest:
		s.Unit, units = "event", float64(rep.Events.Count)
	case Connect, Churn:
		s.Unit, units = "connect", float64(rep.Connects.Count)
	case Idle:
		s.Unit, units = "client-second", float64(rep.Connected)*rep.Seconds
	}
	if units > 0 {
		s.CPUPerUnit = rounded(float64(used.Microseconds()) / units)
	}
	return s
}

// latencyOrder is that of the text; what is not named comes last.
var latencyOrder = []string{"delivery", "last_delivery", "ack", "post", "connect"}

// WriteText prints the report for people.
func (rep *Report) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	load := fmt.Sprintf("window %d", rep.Window)
	if rep.Rate > 0 {
		load = grouped(rep.Rate) + " events/s"
	}
	fmt.Fprintf(tw, "%s %s\t%s clients over %s, %s, payload %d B, %.1f s\n", rep.Mode, rep.Target, grouped(float64(rep.Clients)), rep.Transport, load,
		rep.Payload, rep.Seconds)
	if rep.Interrupted {
		fmt.Fprintf(tw, "interrupted\tthese are the figures until then\n")
	}
	for _, c := range []struct {
		name  string
		count Count
	}{{"events", rep.Events}, {"deliveries", rep.Deliveries}, {"connects", rep.Connects}} {
		if c.count.Count > 0 {
			fmt.Fprintf(tw, "%s\t%s/s\t(%s)\n", c.name, grouped(c.count.PerSecond), grouped(float64(c.count.Count)))
		}
	}
	fmt.Fprintf(tw, "connected\t%s\n", grouped(float64(rep.Connected)))
	fmt.Fprintf(tw, "lost\t%d\ndoubled\t%d\n", rep.Lost, rep.Doubled)
	if rep.Late > 0 {
		fmt.Fprintf(tw, "late\t%d\n", rep.Late)
	}
	for _, name := range slices.Sorted(maps.Keys(rep.Errors)) {
		fmt.Fprintf(tw, "error\t%d × %s\n", rep.Errors[name], printable(name))
	}
	rep.writeServer(tw)
	if err := tw.Flush(); err != nil {
		return err
	}
	return rep.writeLatencies(w)
}

func (rep *Report) writeServer(w io.Writer) {
	if s := rep.Server; s != nil {
		fmt.Fprintf(w, "server\t%.2f s CPU (%.0f %% of a core), %.3g µs per %s\n", s.CPUSeconds, s.CPUPercent, s.CPUPerUnit, s.Unit)
		fmt.Fprintf(w, "memory\t%.1f MB", float64(s.RSS)/1e6)
		if s.BytesPerClient != 0 {
			fmt.Fprintf(w, ", %s B per client", grouped(s.BytesPerClient))
		}
		fmt.Fprintln(w)
	}
}

func (rep *Report) writeLatencies(w io.Writer) error {
	if len(rep.Latency) == 0 {
		return nil
	}
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tw, "\nlatency\tp50\tp99\tp99.9\tmax\t\n")
	for _, name := range latencyOrder {
		if l, ok := rep.Latency[name]; ok {
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t\n", strings.ReplaceAll(name, "_", " "), micros(l.P50), micros(l.P99), micros(l.P999), micros(l.Max))
		}
	}
	return tw.Flush()
}

// micros prints microseconds with three digits and a fitting unit.
func micros(us float64) string {
	switch {
	case us < 1000:
		return strconv.FormatFloat(us, 'g', 3, 64) + " µs"
	case us < 1e6:
		return strconv.FormatFloat(us/1e3, 'g', 3, 64) + " ms"
	}
	return strconv.FormatFloat(us/1e6, 'g', 3, 64) + " s"
}

// grouped prints a whole number with commas.
func grouped(f float64) string {
	s := strconv.FormatFloat(math.Round(f), 'f', 0, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// printable keeps what a server said from reaching the terminal as anything but text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '.'
	}, s)
}
