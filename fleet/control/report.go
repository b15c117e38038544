package control

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// WriteReport writes r for people: what became of the edit, then the steps, the faults, and what is not ready.
func WriteReport(w io.Writer, r Report, o TextOptions) error {
	out := bufio.NewWriter(w)
	color := green
	if r.Outcome == Rejected || r.Outcome == RolledBack || r.Outcome == Held {
		color = red
	}
	fmt.Fprintln(out, o.paint(color, verdict(r)))
	writeSteps(out, r.Steps, o.width())
	for _, p := range r.Pending {
		writeFolded(out, plain("  "+p+" waits for the next start of the daemon"), o.width())
	}
	for _, f := range r.Errors {
		writeFault(out, f, o)
	}
	for _, u := range r.Unready {
		writeFolded(out, plain(fmt.Sprintf("! %s is %s: %s", u.Instance, u.State, u.Note)), o.width())
	}
	return out.Flush()
}

func verdict(r Report) string {
	took := "in " + millis(r.TookMS)
	switch r.Outcome {
	case Unchanged:
		return fmt.Sprintf("unchanged: rev %d keeps running", r.Revision)
	case Planned:
		return fmt.Sprintf("plan for rev %d, nothing was changed", r.Revision+1)
	case Applied:
		return fmt.Sprintf("applied: rev %d %s", r.Revision, took)
	case Held:
		return fmt.Sprintf("held: rev %d keeps running", r.Revision)
	case RolledBack:
		return fmt.Sprintf("rolled back: rev %d keeps running", r.Revision)
	}
	return fmt.Sprintf("rejected: rev %d keeps running", r.Revision)
}

// millis writes a measured time with three figures at most.
func millis(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	switch {
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < 10*time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// writeSteps aligns action and instance; a detail that is too long is shortened.
func writeSteps(w io.Writer, steps []Step, width int) {
	action, name := 0, 0
	for _, s := range steps {
		action, name = max(action, utf8.RuneCountInString(s.Action)), max(name, utf8.RuneCountInString(subject(s)))
	}
	name = min(name, 24)
	for _, s := range steps {
		line := fmt.Sprintf("  %-*s  %-*s  %s", action, s.Action, name, shorten(subject(s), name), s.Detail)
		fmt.Fprintln(w, strings.TrimRight(shorten(plain(line), width), " "))
	}
}

func subject(s Step) string {
	if s.Instance == "" {
		return "(fleet)"
	}
	return s.Instance
}

func writeFault(w io.Writer, f Fault, o TextOptions) {
	for _, line := range fold("! "+f.String(), o.width()) {
		fmt.Fprintln(w, o.paint(red, line))
	}
	if f.Snippet == "" {
		return
	}
	for line := range strings.SplitSeq(strings.TrimRight(f.Snippet, "\n"), "\n") {
		fmt.Fprintln(w, "    "+shorten(plain(line), o.width()-4))
	}
}
