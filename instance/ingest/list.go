package ingest

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

const maxScanned = 10_000 // records that one request looks at

// list answers ?since= with what is kept after an id.
func (h *Handler) list(s *settings, w http.ResponseWriter, r *http.Request) {
	v, f := s.view(r)
	if f != nil {
		h.refuse(w, f)
		return
	}
	c := &call{h: h, s: s}
	c.later(func() { c.conclude(h.page(v)) })
	c.settle(w, r)
}

// listing is the answer to ?since=. last is where the next request goes on, also when what was found does not fill this one.
type listing struct {
	Events []item   `json:"events"`
	Gap    *gapBody `json:"gap"`
	Last   string   `json:"last"`
}

type item struct {
	ID        string          `json:"id"`
	Seq       uint64          `json:"seq"`
	Event     string          `json:"event"`
	Args      json.RawMessage `json:"args"`
	Namespace string          `json:"namespace"`
	Room      []string        `json:"room"` // null = everyone
	At        *time.Time      `json:"at,omitempty"`
}

type gapBody struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// page reads on from v.after until it has enough, or has looked at enough.
func (h *Handler) page(v *view) *answer {
	l := listing{Events: []item{}, Last: v.after}
	for scanned := 0; len(l.Events) < v.limit && scanned < maxScanned; {
		records, gap, err := h.feed.Since(v.namespace, l.Last, v.limit)
		if err != nil {
			return feedFault(err).answer(-1)
		}
		if gap != nil && l.Gap == nil {
			l.Gap = &gapBody{gap.From, gap.To}
		}
		l.add(v, records)
		scanned += len(records)
		if len(records) < v.limit {
			break
		}
	}
	body, err := json.Marshal(l)
	if err != nil { // arguments that are not JSON
		return feedFault(err).answer(-1)
	}
	return &answer{what: listed, status: http.StatusOK, header: http.Header{"Content-Type": jsonType, "Cache-Control": {"no-store"}}, body: body}
}

func (l *listing) add(v *view, records []Record) {
	for i := range records {
		r := &records[i]
		if len(l.Events) == v.limit {
			return
		}
		l.Last = r.ID
		rooms, ok := v.shows(r)
		if !ok {
			continue
		}
		e := item{ID: r.ID, Seq: r.Seq, Event: r.Event, Args: r.Args, Namespace: r.Namespace, Room: rooms}
		if !r.At.IsZero() {
			at := r.At.UTC()
			e.At = &at
		}
		l.Events = append(l.Events, e)
	}
}

// feedFault translates an error of [Feed].
func feedFault(err error) *fault {
	var invalid *Invalid
	if errors.As(err, &invalid) {
		return newFault(badQuery, invalid.Message)
	}
	return newFault(internal, "the events were not read") // err is not the reader's to read
}
