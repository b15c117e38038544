package instance

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/journal"
)

var errNoPlace = errors.New("journal: journal.dir is not written, and there is no state folder that could hold it")

// openLedger opens the journal, if there is to be one, and has its writer run as a part of g.
func (in *Instance) openLedger(ctx context.Context, g *group) error {
	s := in.settings.Load()
	c := s.c.Journal
	if !c.Enabled {
		return nil
	}
	dir := c.Dir
	if dir == "" {
		if in.env.StateDir == "" {
			return errNoPlace
		}
		dir = filepath.Join(in.env.StateDir, "journal", in.name)
	}
	o := journal.Options{Dir: dir, MaxBytes: int64(c.MaxBytes), MaxAge: c.MaxAge.Std(), Log: in.env.Log}
	switch c.Fsync {
	case "always":
		o.Fsync = journal.Always
	case "off":
		o.Fsync = journal.Off
	}
	limits := map[string]broadcast.History{}
	for path := range s.c.Namespace {
		limits[path] = s.broadcast(path, nil).History
	}
	l, found, err := openLedger(ctx, o, limits, s.broadcast("", nil).History)
	if err != nil {
		return err
	}
	if found.Torn > 0 || len(found.Damage) > 0 {
		in.env.Log.Warn("journal ended unfinished", "n", found.Torn, "reason", dir)
	}
	in.ledger.Store(l)
	g.start("journal", l.log.Run)
	return nil
}

// closeLedger writes what waits. The broadcasters have ended.
func (in *Instance) closeLedger() {
	l := in.ledger.Load()
	if l == nil {
		return
	}
	if err := l.log.Close(); err != nil {
		in.env.Log.Warn("journal not closed", "err", err)
	}
}

// journaled adds the journal of a namespace to the options of its broadcaster. begun is to be called with the epoch that it goes by.
func (in *Instance) journaled(path string, o broadcast.Options) (with broadcast.Options, begun func(epoch string)) {
	l := in.ledger.Load()
	if l == nil {
		return o, func(string) {}
	}
	b, found := l.open(path)
	o.Journal, o.Restored = b, found
	return o, b.begun
}

// journalTrouble says what the disk refuses.
func (in *Instance) journalTrouble() string {
	if l := in.ledger.Load(); l != nil {
		if d := l.log.Stats().Degraded; d != "" {
			return "journal: " + d
		}
	}
	return ""
}
