package control

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// TextOptions say how text for people is laid out. The zero value is 100 columns without colour.
type TextOptions struct {
	Width int       // in runes; 0 = 100
	Wide  bool      // as wide as it needs to be, nothing is shortened
	Color bool      // ANSI colours
	Now   time.Time // what ages are counted from; zero = now
}

const defaultWidth = 100

func (o TextOptions) width() int {
	switch {
	case o.Wide:
		return math.MaxInt
	case o.Width > 0:
		return o.Width
	}
	return defaultWidth
}

func (o TextOptions) now() time.Time {
	if o.Now.IsZero() {
		return time.Now()
	}
	return o.Now
}

// ANSI colours of a terminal.
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	reset  = "\x1b[0m"
)

func (o TextOptions) paint(color, s string) string {
	if !o.Color || color == "" {
		return s
	}
	return color + s + reset
}

// plain makes foreign text safe for a terminal: the name of a process or a worker's words may hold escape sequences.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || r == utf8.RuneError:
			return '?'
		}
		return r
	}, s)
}

// shorten cuts s to n runes, the last of which is then an ellipsis.
func shorten(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	if n <= 0 {
		return ""
	}
	return string([]rune(s)[:n-1]) + "…"
}

// shortenLeft cuts s to its last n runes, the first of which is then an ellipsis.
func shortenLeft(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	if n <= 0 {
		return ""
	}
	return "…" + string(r[len(r)-n+1:])
}

// shortenMiddle cuts s to n runes around an ellipsis, so that names which differ in their last characters go on to differ.
func shortenMiddle(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	if n <= 0 {
		return ""
	}
	tail := (n - 1) / 2
	return string(r[:n-1-tail]) + "…" + string(r[len(r)-tail:])
}

// fold breaks s at blanks into lines of at most width runes; every line but the first is indented by two blanks.
func fold(s string, width int) []string {
	const indent = "  "
	var lines []string
	for utf8.RuneCountInString(s) > width {
		r := []rune(s)
		cut := width
		for i := width; i > width/2; i-- {
			if r[i] == ' ' {
				cut = i
				break
			}
		}
		lines = append(lines, strings.TrimRight(string(r[:cut]), " "))
		s = indent + strings.TrimLeft(string(r[cut:]), " ")
	}
	return append(lines, s)
}

// age writes a span of time in at most two units and six runes: 12s, 3m5s, 2h10m, 2d3h, 400d.
func age(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	m, h, days := s/60, s/3600, s/86400
	switch {
	case m == 0:
		return fmt.Sprintf("%ds", s)
	case h == 0:
		return twoUnits(m, "m", s%60, "s")
	case days == 0:
		return twoUnits(h, "h", m%60, "m")
	case days < 100:
		return twoUnits(days, "d", h%24, "h")
	}
	return fmt.Sprintf("%dd", days)
}

func twoUnits(a int64, unitA string, b int64, unitB string) string {
	if b == 0 {
		return fmt.Sprintf("%d%s", a, unitA)
	}
	return fmt.Sprintf("%d%s%d%s", a, unitA, b, unitB)
}

// count writes n in at most four runes.
func count(n float64) string {
	const units = "kMGTP"
	n = math.Round(max(n, 0))
	if n < 10000 {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	for _, u := range units {
		n /= 1000
		if n < 9.95 {
			return strconv.FormatFloat(n, 'f', 1, 64) + string(u)
		}
		if n < 999.5 {
			return strconv.FormatFloat(n, 'f', 0, 64) + string(u)
		}
	}
	return "lots"
}

// position is "file:line:col: " with the parts that are known.
func (f Fault) position() string {
	switch {
	case f.File == "":
		return ""
	case f.Line == 0:
		return f.File + ": "
	}
	return fmt.Sprintf("%s:%d:%d: ", f.File, f.Line, f.Col)
}

// String is the fault on one line: sockd.toml:41:1: unknown key "prot" in [instance.api], did you mean "port"?
func (f Fault) String() string {
	s := f.position() + f.Message
	if f.Hint != "" {
		s += ", " + f.Hint
	}
	return plain(s)
}
