package instance

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/journal"
	"github.com/sockd/sockd/instance/socketio"
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
	l, found, err := openLedger(ctx, o, func(space string, nth int) broadcast.History {
		narrow := nth >= wideSpaces && !slices.Contains(s.named, space)
		return in.spaces.options(space, narrow, s).History
	})
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

// journaled makes the broadcaster of a namespace, with its journal if there is one. run is its Run.
func (in *Instance) journaled(ns *socketio.Namespace, proof broadcast.Proof, o broadcast.Options) (b *broadcast.Broadcaster, run func(context.Context) error) {
	l := in.ledger.Load()
	if l == nil {
		b = broadcast.New(proof, ns, in.pool, o)
		return b, b.Run
	}
	k, found := l.open(ns.Path())
	o.Journal, o.Restored = k, found
	b = broadcast.New(proof, ns, in.pool, o)
	k.begun(b.Epoch())
	return b, func(ctx context.Context) error {
		defer k.close()
		return b.Run(ctx)
	}
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
