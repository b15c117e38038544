package fleet

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
	"github.com/sockd/sockd/instance"
)

// The bounds of what waits for one tail. What comes when either is reached is lost and counted.
const (
	tailLines = 1000
	tailBytes = 8 << 20 // of arguments; a single event may exceed it
)

// tailBeat is how long a tail without traffic is silent.
const tailBeat = 5 * time.Second

// tail follows the traffic of the instances that its request means, over all their restarts.
type tail struct {
	names   []string
	filter  instance.TapFilter
	backlog backlog
	taps    map[Member]func() // by the goroutine of Tail alone
}

// Tail implements [control.Traffic]. It returns nil when the fleet ends.
func (f *Fleet) Tail(ctx context.Context, t control.TailRequest, send func(control.TailLine) error) error {
	l := &tail{names: t.Names, backlog: backlog{wake: make(chan struct{}, 1)}, taps: map[Member]func(){}}
	l.filter = instance.TapFilter{Event: t.Event, Namespace: t.Namespace, Room: t.Room, Out: t.Out, Both: t.In == t.Out}
	defer func() {
		for _, stop := range l.taps {
			stop()
		}
	}()
	beat := time.NewTicker(tailBeat)
	defer beat.Stop()
	s := f.snapshot.Load()
	l.follow(s)
	for {
		select {
		case <-s.stale:
			s = f.snapshot.Load()
			l.follow(s)
		case <-l.backlog.wake:
			for _, line := range l.backlog.all() {
				if err := send(line); err != nil {
					return err
				}
			}
		case <-beat.C:
			if err := send(control.TailLine{}); err != nil { // who has gone is found out
				return err
			}
		case <-f.ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// follow taps the members that are new, and lets those go that have ended. One that drains is followed to its end.
func (l *tail) follow(s *snapshot) {
	var there []Member
	for i := range s.views {
		v := &s.views[i]
		if v.member == nil || !l.means(v.name) {
			continue
		}
		there = append(there, v.member)
		if l.taps[v.member] == nil {
			l.taps[v.member] = v.member.Tap(l.filter, func(x instance.Traffic) { l.backlog.put(line(v.name, &x), x.Lost) })
		}
	}
	for m, stop := range l.taps {
		if !slices.Contains(there, m) && m.Status().State == instance.Stopped {
			stop()
			delete(l.taps, m)
		}
	}
}

func (l *tail) means(name string) bool {
	return len(l.names) == 0 || slices.ContainsFunc(l.names, func(p string) bool { return config.Match(p, name) })
}

// backlog is what waits for the reader of one tail.
type backlog struct {
	wake chan struct{} // holds a token when there is something

	mu    sync.Mutex
	lines []control.TailLine
	bytes int    // of their arguments
	lost  uint64 // since the last of them
}

// put adds a line, and what was lost before it. It never waits for the reader: a line that finds the backlog full is counted and dropped.
func (b *backlog) put(l control.TailLine, lost uint64) {
	b.mu.Lock()
	b.lost += lost
	switch size := len(l.Args); {
	case l.Event == "": // there is nothing but the loss
	case len(b.lines) >= tailLines, b.bytes > 0 && b.bytes+size > tailBytes:
		b.lost++
	default:
		l.Lost, b.lost = b.lost, 0
		b.lines, b.bytes = append(b.lines, l), b.bytes+size
	}
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// all takes what is there, in order. What was lost after the last line comes as a line of its own.
func (b *backlog) all() []control.TailLine {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := b.lines
	if b.lost > 0 {
		lines = append(lines, control.TailLine{Time: time.Now().UTC(), Lost: b.lost})
	}
	b.lines, b.bytes, b.lost = nil, 0, 0
	return lines
}

func line(name string, x *instance.Traffic) control.TailLine {
	dir := control.In
	if x.Out {
		dir = control.Out
	}
	return control.TailLine{
		Time: x.At.UTC(), Instance: name, Dir: dir, Namespace: x.Namespace, Event: x.Event, Args: x.Args, Rooms: x.Rooms, Except: x.Except,
		From: x.From, SID: x.SID, Rule: x.Rule, Dropped: x.Dropped, ID: x.ID, Seq: x.Seq,
	}
}
