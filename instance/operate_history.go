package instance

import (
	"errors"
	"fmt"
	"time"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/ingest"
)

// The bounds of one [Instance.History].
const (
	maxPage      = 1000    // events
	maxPageBytes = 8 << 20 // of their arguments; one event may exceed it
)

// PastEvent is an event that was published.
type PastEvent = ingest.Record

// EventGap is a range of events, both ends included, that cannot be given any more.
type EventGap = ingest.Gap

// HistoryQuery says where the history of a namespace is read from: after Since, else what is not older than Age, else the last events.
type HistoryQuery struct {
	Namespace string        // "" = /
	Since     string        // an id or a seq
	Age       time.Duration // 0 = any
	Last      int           // events; 0 = 1000
}

// HistoryPage is the next part of the history, oldest first, 1000 events or 8 MiB at most.
type HistoryPage struct {
	Events []PastEvent
	Gap    *EventGap // what is gone before the first of them; nil = nothing is
	Epoch  string    // of the numbers
	Next   string    // the Since of the next part; "" = there is none
}

// History reads what is kept of the events of a namespace.
func (in *Instance) History(q HistoryQuery) (HistoryPage, error) {
	if q.Namespace == "" {
		q.Namespace = "/"
	}
	found := in.operable(q.Namespace)
	if len(found) == 0 {
		return HistoryPage{}, fmt.Errorf("%w: %q", ErrNoNamespace, q.Namespace)
	}
	r := found[0].route
	after, gap, err := r.start(&q)
	if err != nil {
		return HistoryPage{}, err
	}
	records, missing := r.b.Records(after, maxPage+1)
	page := HistoryPage{Gap: gap, Epoch: r.b.Epoch()}
	if q.Since != "" {
		page.Gap = gapOf(missing)
	}
	return page, page.fill(r, records)
}

// start finds the number after which is read, and what is gone before it.
func (r *route) start(q *HistoryQuery) (after uint64, gap *EventGap, err error) {
	switch {
	case q.Since != "":
		epoch, seq, err := broadcast.ParseID(q.Since)
		if err != nil {
			return 0, nil, fmt.Errorf("%q: must be the id or the seq of an event", q.Since)
		}
		if epoch != "" && epoch != r.b.Epoch() {
			seq = 0 // of an earlier start: before everything that is kept
		}
		return seq, nil, nil
	case q.Age > 0:
		return r.notOlder(time.Now().Add(-q.Age))
	case q.Last < 0:
		return 0, nil, errors.New("last: must not be below zero")
	}
	n := q.Last
	if n == 0 {
		n = maxPage
	}
	if recent := r.b.Recent(n); len(recent) > 0 {
		after = recent[0].Seq - 1
	}
	return after, nil, nil
}

// notOlder finds the number before the first event that is not older than a moment. If even the oldest that is kept is younger, those that were
// dropped before it are a gap.
func (r *route) notOlder(than time.Time) (after uint64, gap *EventGap, err error) {
	records, missing := r.b.Records(0, 0)
	for i := range records {
		if !records[i].At.Before(than) {
			if i == 0 {
				gap = gapOf(missing)
			}
			return records[i].Seq - 1, gap, nil
		}
		after = records[i].Seq
	}
	return after, nil, nil
}

// fill takes in as many records as a page may have.
func (p *HistoryPage) fill(r *route, records []broadcast.Record) error {
	size := 0
	for i := range records {
		rec, err := r.record(&records[i])
		if err != nil {
			return err
		}
		size += len(rec.Args)
		if i == maxPage || i > 0 && size > maxPageBytes {
			p.Next = p.Events[i-1].ID
			return nil
		}
		p.Events = append(p.Events, rec)
	}
	return nil
}
