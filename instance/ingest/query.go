package ingest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// askWait reads ?wait=acked&timeout=2s.
func (c *call) askWait() *fault {
	if c.raw == "" {
		return nil
	}
	q, err := url.ParseQuery(c.raw)
	if err != nil {
		return newFault(badQuery, "the query is not well-formed")
	}
	c.query = q
	if !q.Has("wait") {
		return nil
	}
	if q.Get("wait") != "acked" {
		return newFault(badQuery, "wait must be acked")
	}
	c.wait = defaultWait
	if q.Has("timeout") {
		d, err := time.ParseDuration(q.Get("timeout"))
		if err != nil || d <= 0 {
			return newFault(badQuery, `timeout must be a duration over zero, such as "2s"`)
		}
		c.wait = min(d, maxWait)
	}
	return nil
}

// view is what a GET asks to see, and may.
type view struct {
	namespace string
	after     string   // an id, or ""
	events    []string // globs; none = all
	rooms     []string // that the request names; none = all
	allowed   []string // that the reader is in
	all       bool     // the reader may see all rooms
	limit     int
}

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// view reads the query of a GET and asks who is reading.
func (s *settings) view(r *http.Request) (*view, *fault) {
	v := &view{all: true, limit: defaultLimit}
	if s.Reader == nil {
		if _, f := s.authorize(r); f != nil {
			return nil, f
		}
	} else {
		var err error
		if v.allowed, v.all, err = s.Reader(r); err != nil {
			return nil, newFault(unauthorized, err.Error())
		}
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, newFault(badQuery, "the query is not well-formed")
	}
	v.events, v.rooms = q["event"], q["room"]
	known := true
	if v.namespace, known = s.known(q.Get("namespace")); !known {
		return nil, newFault(badQuery, "namespace "+strconv.Quote(v.namespace)+" is not of this instance")
	}
	for _, id := range []string{r.Header.Get("Last-Event-ID"), q.Get("lastEventId"), q.Get("since")} {
		if v.after == "" {
			v.after = id
		}
	}
	if !validID(v.after) {
		return nil, newFault(badQuery, "an id is <epoch>-<seq>, or a number")
	}
	return v, v.setLimit(q)
}

func (v *view) setLimit(q url.Values) *fault {
	if !q.Has("limit") {
		return nil
	}
	n, err := strconv.Atoi(q.Get("limit"))
	if err != nil || n < 1 || n > maxLimit {
		return newFault(badQuery, "limit must be 1 to 1000")
	}
	v.limit = n
	return nil
}

// validID checks the form of an id; "" is one too.
func validID(id string) bool {
	epoch, number, found := strings.Cut(id, "-")
	if !found {
		number = id
	}
	if id == "" {
		return true
	}
	if _, err := strconv.ParseUint(number, 10, 64); err != nil || found && epoch == "" || len(epoch) > 64 {
		return false
	}
	for i := range len(epoch) {
		if c := epoch[i]; (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

// shows tells whether a record is to be seen, and which of its rooms.
func (v *view) shows(r *Record) (rooms []string, ok bool) {
	rooms = r.Rooms
	if r.Seq == 0 { // of a gap, which concerns everybody
		return nil, true
	}
	if !v.all && len(rooms) > 0 {
		rooms = both(rooms, v.allowed)
		if len(rooms) == 0 {
			return nil, false
		}
	}
	if len(v.rooms) > 0 && len(both(rooms, v.rooms)) == 0 {
		return nil, false
	}
	if len(v.events) == 0 {
		return rooms, true
	}
	return rooms, slices.ContainsFunc(v.events, func(p string) bool { return match(p, r.Event) })
}

func both(a, b []string) (common []string) {
	for _, s := range a {
		if slices.Contains(b, s) {
			common = append(common, s)
		}
	}
	return common
}
