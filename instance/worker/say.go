package worker

import (
	"io"
	"log/slog"
	"strings"
	"time"
)

const (
	sayBurst = 200 // lines at once
	sayRate  = 50  // a second after that
)

// ration lets sayBurst lines through and then sayRate a second; it counts the others. For one goroutine.
type ration struct {
	left       float64
	at         time.Time
	suppressed int
}

// allow reports whether one more may pass, and how many were held back before it.
func (r *ration) allow() (ok bool, before int) {
	now := time.Now()
	if r.at.IsZero() {
		r.left = sayBurst
	} else {
		r.left = min(sayBurst, r.left+now.Sub(r.at).Seconds()*sayRate)
	}
	r.at = now
	if r.left < 1 {
		r.suppressed++
		return false, 0
	}
	r.left--
	before, r.suppressed = r.suppressed, 0
	return true, before
}

// listen logs the lines of a worker's stderr until its end and returns the last one that says something. It never stops
// reading, so that a worker is not held up by its own log.
func listen(src io.Reader, log *slog.Logger) (last string) {
	r := newLineReader(src, maxSaid)
	var pass ration
	for {
		line, _, err := r.next()
		if err != nil {
			if pass.suppressed > 0 {
				log.Warn("worker lines suppressed", "n", pass.suppressed)
			}
			return last
		}
		text := strings.ToValidUTF8(strings.TrimSpace(string(line)), "\uFFFD")
		if text == "" {
			continue
		}
		last = text
		ok, before := pass.allow()
		if before > 0 {
			log.Warn("worker lines suppressed", "n", before)
		}
		if ok {
			log.Info("worker says", "reason", text)
		}
	}
}

// brief cuts a text for a note or a log.
func brief(text string) string {
	if len(text) > 200 {
		return strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}
