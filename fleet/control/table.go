package control

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// none is printed where a figure does not apply.
const none = "–"

// maxTroubles bounds the lines above the table that repeat notes too long for it.
const maxTroubles = 5

// The columns of the table, by index into a row.
const (
	colName = iota
	colState
	colAddress
	colClients
	colRooms
	colIn
	colOut
	colRetry
	colWorker
	colUptime
	colRestarts
	colNote
	columns
)

var header = [columns]string{"NAME", "STATE", "ADDRESS", "CLIENTS", "ROOMS", "IN/s", "OUT/s", "RETRY", "WORKER", "UPTIME", "RESTARTS", "NOTE"}

// rightAligned are the columns of figures.
var rightAligned = [columns]bool{colClients: true, colRooms: true, colIn: true, colOut: true, colRetry: true, colUptime: true, colRestarts: true}

// narrowing is the order in which columns give way when the table is too wide, each down to its floor.
var narrowing = []struct{ col, floor int }{
	{colNote, 24}, {colWorker, 9}, {colName, 16}, {colAddress, 21}, {colNote, 8}, {colName, 6}, {colWorker, 6}, {colAddress, 14}, {colNote, 4},
}

// states in the order in which the headline counts them.
var states = []string{"ready", "degraded", "starting", "bound", "backoff", "failed", "draining", "stopped", "disabled"}

// WriteTable writes s for people: one headline, what is wrong (each line begins with "! "), then a row per instance. No
// line is wider than the options say; what had to be shortened in the table stands in full above it.
func WriteTable(w io.Writer, s Status, o TextOptions) error {
	out := bufio.NewWriter(w)
	width := o.width()
	writeFolded(out, headline(s, o.now()), width)
	rows := make([][columns]string, len(s.Instances))
	for i, in := range s.Instances {
		rows[i] = row(in)
	}
	widths := layout(rows, width)
	for _, line := range troubles(s, widths[colNote], o.now()) {
		for _, part := range fold("! "+line, width) {
			fmt.Fprintln(out, o.paint(red, part))
		}
	}
	if len(rows) > 0 {
		fmt.Fprintln(out, render(header, widths, width, TextOptions{}))
	}
	for _, r := range rows {
		fmt.Fprintln(out, render(r, widths, width, o))
	}
	return out.Flush()
}

func writeFolded(w io.Writer, s string, width int) {
	for _, line := range fold(s, width) {
		fmt.Fprintln(w, line)
	}
}

func headline(s Status, now time.Time) string {
	f := s.Fleet
	parts := []string{strings.TrimSpace("sockd " + f.Version), "fleet " + f.Name, fmt.Sprintf("pid %d", f.PID), "up " + age(seconds(f.UptimeS))}
	rev := fmt.Sprintf("rev %d", f.Revision)
	if !f.AppliedAt.IsZero() {
		rev += " (applied " + age(now.Sub(f.AppliedAt)) + " ago)"
	}
	parts = append(parts, rev)
	if f.State == Stopping {
		parts = append(parts, string(Stopping))
	}
	return plain(strings.Join(append(parts, tally(s.Instances)), "  "))
}

// tally is "5 ready, 1 backoff".
func tally(list []InstanceStatus) string {
	n := make(map[string]int)
	for _, in := range list {
		n[in.State]++
	}
	var parts []string
	for _, state := range states {
		if n[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[state], state))
		}
	}
	if len(parts) == 0 {
		return "no instances"
	}
	return strings.Join(parts, ", ")
}

// troubles are the lines above the table: the file first, then the notes that do not fit into a column of noteWidth.
func troubles(s Status, noteWidth int, now time.Time) []string {
	var lines []string
	f := s.Fleet
	if f.ConfigError != nil {
		since := string(f.ConfigState)
		if !f.JudgedAt.IsZero() {
			since += " " + age(now.Sub(f.JudgedAt)) + " ago"
		}
		lines = append(lines, fmt.Sprintf("%s  (%s; rev %d keeps running)", f.ConfigError, since, f.Revision))
	}
	if len(f.Pending) > 0 {
		lines = append(lines, plain(strings.Join(f.Pending, ", "))+"  (waits for the next start of the daemon)")
	}
	return append(lines, cutNotes(s.Instances, noteWidth)...)
}

func cutNotes(list []InstanceStatus, width int) []string {
	var lines []string
	for _, in := range list {
		if utf8.RuneCountInString(in.Note) > width {
			lines = append(lines, plain(in.Name+": "+in.Note))
		}
	}
	if more := len(lines) - maxTroubles; more > 0 {
		lines = append(lines[:maxTroubles], fmt.Sprintf("and %d more", more))
	}
	return lines
}

func row(in InstanceStatus) [columns]string {
	r := [columns]string{
		colName: in.Name, colState: in.State, colAddress: in.Address,
		colClients: none, colRooms: none, colIn: none, colOut: none, colRetry: none,
		colWorker: none, colUptime: none,
		colRestarts: count(float64(in.Restarts)), colNote: in.Note,
	}
	if slices.Contains([]string{"ready", "degraded", "draining"}, in.State) {
		r[colClients], r[colRooms] = count(float64(in.Clients)), count(float64(in.Rooms))
		r[colIn], r[colOut] = count(in.RateIn), count(in.RateOut)
		r[colRetry] = count(float64(in.RetryQueue))
		r[colUptime] = age(seconds(in.UptimeS))
	}
	if wk := in.Worker; wk != nil {
		r[colWorker] = strings.TrimSpace(wk.State + " " + runtimeName(*wk))
	}
	for i := range r {
		r[i] = plain(r[i])
	}
	return r
}

// runtimeName is py3.12 for /app/.venv/bin/python of version 3.12.4.
func runtimeName(wk WorkerStatus) string {
	name := path.Base(wk.Interpreter)
	if wk.Interpreter == "" {
		name = ""
	}
	if strings.HasPrefix(name, "python") {
		name = "py"
	}
	major, rest, _ := strings.Cut(wk.Version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	return name + strings.TrimSuffix(major+"."+minor, ".")
}

// layout returns how wide each column is, so that a line fits into width as far as the floors of [narrowing] allow it.
func layout(rows [][columns]string, width int) [columns]int {
	var widths [columns]int
	total := 2 * (columns - 1)
	for c := range widths {
		widths[c] = utf8.RuneCountInString(header[c])
		for _, r := range rows {
			widths[c] = max(widths[c], utf8.RuneCountInString(r[c]))
		}
		total += widths[c]
	}
	for _, n := range narrowing {
		if give := min(total-width, widths[n.col]-n.floor); give > 0 {
			widths[n.col] -= give
			total -= give
		}
	}
	return widths
}

// render writes one row. The state is painted last, so that colours do not count as columns.
func render(r [columns]string, widths [columns]int, width int, o TextOptions) string {
	var b strings.Builder
	for c, cell := range r {
		cell = shorten(cell, widths[c])
		pad := strings.Repeat(" ", widths[c]-utf8.RuneCountInString(cell))
		if c > 0 {
			b.WriteString("  ")
		}
		if rightAligned[c] {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	line := []rune(shorten(strings.TrimRight(b.String(), " "), width))
	from := min(widths[colName]+2, len(line))
	to := min(from+utf8.RuneCountInString(r[colState]), len(line))
	if !o.Color || from == to {
		return string(line)
	}
	return string(line[:from]) + o.paint(stateColor(r[colState]), string(line[from:to])) + string(line[to:])
}

func stateColor(state string) string {
	switch state {
	case "ready":
		return green
	case "failed":
		return red
	case "disabled", "stopped":
		return ""
	}
	return yellow
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
