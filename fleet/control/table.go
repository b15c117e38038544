package control

import (
	"bufio"
	"fmt"
	"io"
	"math"
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
	colPath
	colReady
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

var header = [columns]string{"NAME", "STATE", "ADDRESS", "PATH", "READY", "CLIENTS", "ROOMS", "IN/s", "OUT/s", "RETRY", "WORKER", "UPTIME", "RESTARTS", "NOTE"}

// rightAligned are the columns of figures.
var rightAligned = [columns]bool{colReady: true, colClients: true, colRooms: true, colIn: true, colOut: true, colRetry: true, colUptime: true, colRestarts: true}

// wideOnly are the columns that only a table of any width has room for.
var wideOnly = []int{colPath, colReady}

// droppable are the columns that a table which is too wide does without, in this order, when none of its rows has anything there.
var droppable = []int{colWorker, colRetry, colRooms, colRestarts, colOut, colIn, colUptime, colNote}

// narrowing is the order in which columns then give way, each down to its floor. NAME comes after all of them, see [nameFloor].
var narrowing = []struct{ col, floor int }{{colNote, 8}, {colWorker, 6}, {colNote, 4}, {colAddress, 7}}

// minName is what NAME keeps in any case, if it is that long: then the line loses its end instead.
const minName = 12

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
	parts = append(parts, tally(s.Instances))
	if f.Admin != "" {
		parts = append(parts, "admin "+f.Admin)
	}
	return plain(strings.Join(parts, "  "))
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
		colName: in.Name, colState: in.State, colAddress: in.Address, colPath: in.Path, colReady: none,
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
	if in.ReadyMS > 0 {
		r[colReady] = millis(in.ReadyMS)
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

// layout returns how wide each column is, 0 for one that is left out, so that a line fits into width as far as that is possible.
func layout(rows [][columns]string, width int) [columns]int {
	var widths [columns]int
	total := -gap
	for c := range widths {
		if width != math.MaxInt && slices.Contains(wideOnly, c) {
			continue
		}
		widths[c] = utf8.RuneCountInString(header[c])
		for _, r := range rows {
			widths[c] = max(widths[c], utf8.RuneCountInString(r[c]))
		}
		total += widths[c] + gap
	}
	for _, c := range droppable {
		if total > width && !slices.ContainsFunc(rows, func(r [columns]string) bool { return says(r[c]) }) {
			total -= widths[c] + gap
			widths[c] = 0
		}
	}
	for _, n := range narrowing {
		if give := min(total-width, widths[n.col]-n.floor); give > 0 {
			widths[n.col] -= give
			total -= give
		}
	}
	if total > width {
		widths[colName] = min(widths[colName], max(widths[colName]-(total-width), nameFloor(rows)))
	}
	return widths
}

// gap is what stands between two columns.
const gap = 2

// says reports whether a cell tells anything.
func says(cell string) bool { return cell != "" && cell != none && cell != "0" }

// nameFloor is the least width at which names that differ still differ when they are shortened.
func nameFloor(rows [][columns]string) int {
	names, longest := make(map[string]bool), 0
	for _, r := range rows {
		names[r[colName]] = true
		longest = max(longest, utf8.RuneCountInString(r[colName]))
	}
	for n := minName; n < longest; n++ {
		cut := make(map[string]bool)
		for name := range names {
			cut[shortenMiddle(name, n)] = true
		}
		if len(cut) == len(names) {
			return n
		}
	}
	return longest
}

// cells shortens each cell where that does the least harm: an address keeps its port, a name its beginning and its end.
func cells(r [columns]string, widths [columns]int) [columns]string {
	for c := range r {
		switch c {
		case colName:
			r[c] = shortenMiddle(r[c], widths[c])
		case colAddress:
			r[c] = shortenLeft(r[c], widths[c])
		default:
			r[c] = shorten(r[c], widths[c])
		}
	}
	return r
}

// render writes one row. The state is painted last, so that colours do not count as columns.
func render(r [columns]string, widths [columns]int, width int, o TextOptions) string {
	var b strings.Builder
	for c, cell := range cells(r, widths) {
		if widths[c] == 0 {
			continue
		}
		pad := strings.Repeat(" ", widths[c]-utf8.RuneCountInString(cell))
		if c > 0 {
			b.WriteString(strings.Repeat(" ", gap))
		}
		if rightAligned[c] {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	line := []rune(shorten(strings.TrimRight(b.String(), " "), width))
	from := min(widths[colName]+gap, len(line))
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
