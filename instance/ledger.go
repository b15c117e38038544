package instance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/journal"
)

// The kinds of records in the journal. They are part of the format on disk.
const (
	eventRecord   uint8 = iota + 1 // see entry
	epochRecord                    // of a namespace, with the highest number that is left of it
	sessionRecord                  // broadcast.SessionState as JSON
	clientRecord                   // broadcast.ClientState as JSON
	answerRecord                   // the client that has answered the event Seq
	markRecord                     // nothing: somebody waits for what is before it
)

// ledger keeps the instance's events, and what its clients are owed, on disk: the journal and, of each namespace, what of it has to be written anew
// before old segments go.
type ledger struct {
	log *journal.Journal

	mu    sync.Mutex // held during Append, so that no state lands behind a newer one
	books map[string]*book
}

// book is the journal of one namespace, for one broadcaster. It implements [broadcast.Journal]; ledger.mu guards it.
type book struct {
	of        *ledger
	space     string
	committed func(uint64, error) // does not change once there are events
	scratch   []byte
	closed    bool // its broadcaster has ended, and another may have the namespace

	epoch    string
	last     uint64 // the highest number that was given out
	sessions map[string]broadcast.SessionState
	clients  map[string]broadcast.ClientState

	found *broadcast.Restored // of an earlier run; nil once a broadcaster has it
	bytes int                 // of its events
}

var (
	_ broadcast.Journal = (*book)(nil)
	_ broadcast.Settler = (*book)(nil)
)

// lockPatience is how long the one before this instance may take to drain, if an edit replaces it.
const lockPatience = 30 * time.Second

// openLedger opens the journal and reads it. Another instance that is just being replaced may have it for a while yet.
func openLedger(ctx context.Context, o journal.Options, limit func(space string, nth int) broadcast.History) (*ledger, *journal.Recovered, error) {
	l := &ledger{books: map[string]*book{}}
	o.Snapshot = l.snapshot
	log, found, err := journal.Open(o)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	patience := time.NewTimer(lockPatience)
	defer patience.Stop()
	for errors.Is(err, journal.ErrLocked) {
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-patience.C:
			return nil, nil, err
		case <-again.C:
			log, found, err = journal.Open(o)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	l.log = log
	if err := l.read(found, limit); err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	return l, found, nil
}

// read takes in what an earlier run has left. Of each namespace no more events are kept than its history takes.
func (l *ledger) read(found *journal.Recovered, limit func(space string, nth int) broadcast.History) error {
	bounds := map[string]broadcast.History{}
	err := l.log.Replay(func(r journal.Record) error {
		h, known := bounds[r.Space]
		if !known {
			h = limit(r.Space, len(bounds))
			bounds[r.Space] = h
		}
		return l.book(r.Space).take(&r, h)
	})
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	doubtful := !found.CleanEnd && !found.SameBoot || len(found.Damage) > 0 // others may have seen numbers that are not here
	for _, b := range l.books {
		f := b.found
		f.Seq, f.Epoch = b.last, b.epoch
		if doubtful {
			f.Epoch = ""
		}
		f.Sessions, f.Clients = slices.Collect(maps.Values(b.sessions)), slices.Collect(maps.Values(b.clients))
	}
	return nil
}

// book returns the book of a namespace; l.mu is held, or nobody else is there yet.
func (l *ledger) book(space string) *book {
	b := l.books[space]
	if b == nil {
		b = &book{
			of: l, space: space, sessions: map[string]broadcast.SessionState{}, clients: map[string]broadcast.ClientState{},
			found: &broadcast.Restored{Answered: map[uint64][]string{}},
		}
		l.books[space] = b
	}
	return b
}

// take reads one record.
func (b *book) take(r *journal.Record, h broadcast.History) error {
	if r.Kind == epochRecord {
		b.takeEpoch(r)
		return nil
	}
	b.last = max(b.last, r.Seq)
	switch r.Kind {
	case eventRecord:
		return b.takeEvent(r, h)
	case sessionRecord:
		var s broadcast.SessionState
		if err := json.Unmarshal(r.Data, &s); err != nil {
			return err
		}
		keep(b.sessions, s.PID, s, s.Gone)
	case clientRecord:
		var c broadcast.ClientState
		if err := json.Unmarshal(r.Data, &c); err != nil {
			return err
		}
		keep(b.clients, c.ID, c, c.Gone)
	case answerRecord:
		if r.Seq > b.found.Floor {
			b.found.Answered[r.Seq] = append(b.found.Answered[r.Seq], string(r.Data))
		}
	}
	return nil
}

func keep[V any](m map[string]V, key string, v V, gone bool) {
	if gone {
		delete(m, key)
		return
	}
	m[key] = v
}

// takeEpoch forgets what came before, if the numbers begin anew.
func (b *book) takeEpoch(r *journal.Record) {
	if epoch := string(r.Data); epoch != b.epoch {
		b.epoch = epoch
		if r.Seq == 0 {
			b.last, b.bytes, b.found = 0, 0, &broadcast.Restored{Answered: map[uint64][]string{}}
			clear(b.sessions)
			clear(b.clients)
		}
	}
	b.last = max(b.last, r.Seq)
}

func (b *book) takeEvent(r *journal.Record, h broadcast.History) error {
	e, kept, err := decodeEntry(r.Data)
	if err != nil || !kept {
		return err
	}
	f := b.found
	e.Seq, e.At = r.Seq, r.At
	f.Events = append(f.Events, e)
	b.bytes += e.Event.Size()
	for len(f.Events) > 0 && (len(f.Events) > max(h.Size, 0) || b.bytes > max(h.Bytes, 0)) {
		f.Floor = f.Events[0].Seq
		delete(f.Answered, f.Floor)
		b.bytes -= f.Events[0].Event.Size()
		f.Events[0] = broadcast.Stored{}
		f.Events = f.Events[1:]
	}
	return nil
}

// open hands the book of a namespace to its broadcaster, with what was found.
func (l *ledger) open(space string) (*book, *broadcast.Restored) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.books[space]; b != nil && b.found == nil { // the namespace was removed, and comes anew
		b.closed = true
		delete(l.books, space)
	}
	b := l.book(space)
	found := b.found
	b.found = nil
	return b, found
}

// close takes no more of a namespace whose broadcaster has ended. What is known of its clients is kept for the next run, but not without an end: a
// namespace that nobody is known in is forgotten.
func (b *book) close() {
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	b.closed = true
	if b.of.books[b.space] == b && len(b.sessions)+len(b.clients) == 0 {
		delete(b.of.books, b.space)
	}
}

// begun notes the epoch that the broadcaster goes by.
func (b *book) begun(epoch string) {
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	if b.epoch != epoch {
		b.epoch = epoch
		_ = b.of.log.Append(b.epochRecord(), nil) // without it, the next run begins an epoch of its own
	}
}

func (b *book) epochRecord() journal.Record {
	return journal.Record{Kind: epochRecord, Space: b.space, Seq: b.last, At: time.Now(), Data: []byte(b.epoch)}
}

// Start implements [broadcast.Journal].
func (b *book) Start(committed func(uint64, error)) { b.committed = committed }

// Append implements [broadcast.Journal].
func (b *book) Append(e broadcast.Entry) error {
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	if b.closed {
		return broadcast.ErrNotRunning
	}
	var err error
	if b.scratch, err = appendEntry(b.scratch[:0], &e); err != nil {
		return err
	}
	seq, committed := e.Seq, b.committed
	err = b.of.log.Append(journal.Record{Kind: eventRecord, Space: b.space, Seq: seq, At: e.At, Data: b.scratch}, func(err error) { committed(seq, err) })
	switch {
	case errors.Is(err, journal.ErrFull):
		return broadcast.ErrFull
	case err != nil:
		return err
	}
	b.last = max(b.last, seq)
	if cap(b.scratch) > 64<<10 {
		b.scratch = nil
	}
	return nil
}

// Session implements [broadcast.Journal].
func (b *book) Session(s broadcast.SessionState) {
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	if b.closed {
		return
	}
	keep(b.sessions, s.PID, s, s.Gone)
	b.note(sessionRecord, 0, s)
}

// Client implements [broadcast.Journal].
func (b *book) Client(c broadcast.ClientState) {
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	if b.closed {
		return
	}
	keep(b.clients, c.ID, c, c.Gone)
	b.note(clientRecord, 0, c)
}

// Answered implements [broadcast.Journal].
func (b *book) Answered(seq uint64, client string) {
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	if b.closed {
		return
	}
	_ = b.of.log.Append(journal.Record{Kind: answerRecord, Space: b.space, Seq: seq, At: time.Now(), Data: []byte(client)}, nil)
}

// Settled implements [broadcast.Settler].
func (b *book) Settled(f func()) {
	if b.of.log.Append(journal.Record{Kind: markRecord, Space: b.space, At: time.Now()}, func(error) { f() }) != nil {
		f()
	}
}

// note writes a state. While the disk refuses, the next snapshot makes up for it.
func (b *book) note(kind uint8, seq uint64, state any) {
	if data, err := json.Marshal(state); err == nil {
		_ = b.of.log.Append(journal.Record{Kind: kind, Space: b.space, Seq: seq, At: time.Now(), Data: data}, nil)
	}
}

// snapshot writes anew what is not to go with old segments.
func (l *ledger) snapshot(emit func(journal.Record)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.books {
		emit(b.epochRecord())
		for _, s := range b.sessions {
			b.emit(emit, sessionRecord, s)
		}
		for _, c := range b.clients {
			b.emit(emit, clientRecord, c)
		}
	}
}

func (b *book) emit(emit func(journal.Record), kind uint8, state any) {
	if data, err := json.Marshal(state); err == nil {
		emit(journal.Record{Kind: kind, Space: b.space, At: time.Now(), Data: data})
	}
}
