package instance

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/rule"
	"github.com/sockd/sockd/instance/socketio"
)

// outcome is what became of an event that the rules let pass.
type outcome struct {
	seq        uint64 // of its first emit; 0 = nothing was published
	recipients int
	dropped    string
	err        error

	acked, awaited int // for who waits
}

// cause is an event that the rules are asked about. Its event is borrowed for the call, unless it was kept.
type cause struct {
	s      *socketio.Socket // who sent it; nil = nobody
	e      *socketio.Event
	done   func(outcome) // nil = nobody asks
	seated bool          // the rooms were joined before
	wait   time.Duration // for how long the acknowledgements are waited for; 0 = not at all
}

// act carries out what the rules have decided.
func (r *route) act(v *verdict, c *cause) {
	r.noticed(v, c)
	d := &v.d
	if d.Drop != rule.Kept {
		r.drop(d, c)
		return
	}
	if c.s != nil && !c.seated && !r.move(d, c) {
		return
	}
	if d.Worker {
		r.hand(v, c)
	}
	r.publish(v, c)
}

// drop counts an event that goes nowhere. Who waits for an acknowledgement is told why.
func (r *route) drop(d *rule.Decision, c *cause) {
	r.in.counts.drop(d.Drop)
	code, message := d.Refusal()
	if r.in.env.Log.Enabled(context.Background(), slog.LevelDebug) && d.Err != nil {
		r.in.env.Log.Debug("event dropped", "ns", r.ns.Path(), "event", c.e.Name, "rule", d.Rule, "reason", code, "err", d.Err)
	}
	c.refuse(code, message)
	if c.done != nil {
		c.done(outcome{dropped: code})
	}
}

// refuse acknowledges with an error.
func (c *cause) refuse(code, message string) {
	if c.e.WantsAck() {
		_ = c.e.Ack(refusal(code, message)) // a client that has left needs none
	}
}

// move has the sender join and leave rooms. It is false if there were too many: then nothing else is done.
func (r *route) move(d *rule.Decision, c *cause) bool {
	if len(d.Leave)+len(d.Join) == 0 {
		return true
	}
	c.s.Leave(d.Leave...)
	err := c.s.Join(d.Join...)
	r.b.Moved(c.s)
	if err != nil {
		r.in.counts.refuse(overRooms)
		c.refuse("rooms", "too many rooms")
		if c.done != nil {
			c.done(outcome{dropped: RefusedRooms})
		}
		return false
	}
	return true
}

// publish sends what the event causes, and acknowledges it when all of that has its place in the order.
func (r *route) publish(v *verdict, c *cause) {
	answer := r.answer(v, c)
	if len(v.d.Emits) == 0 && c.done == nil {
		if answer != nil {
			answer(nil)
		}
		return
	}
	if answer == nil && c.done == nil {
		for i := range v.d.Emits {
			r.emit(v, &v.d.Emits[i], c, nil)
		}
		return
	}
	t := &tally{left: len(v.d.Emits) + 1, then: func(o outcome) {
		if answer != nil {
			answer(o.err)
		}
		if c.done != nil {
			c.done(o)
		}
	}}
	for i := range v.d.Emits {
		r.emit(v, &v.d.Emits[i], c, t.one)
	}
	t.one(outcome{})
}

// emit publishes one event of a decision, or sends it to the sender alone.
func (r *route) emit(v *verdict, e *rule.Emit, c *cause, done func(outcome)) {
	to, direct, any := r.selector(&e.To, c.s, v.except)
	if !any {
		if done != nil {
			done(outcome{})
		}
		return
	}
	ev, err := r.event(e, c, to)
	switch {
	case err != nil:
		r.in.counts.refuse(badArgs)
		if done != nil {
			done(outcome{err: err})
		}
	case direct:
		r.answered(e, c)
		r.b.Emit(c.s, ev, func(seq uint64, err error) {
			if done != nil {
				done(outcome{seq: seq, recipients: 1, err: err})
			}
		})
	default:
		r.send(&ev, c, done)
	}
}

// event makes what the broadcaster takes.
func (r *route) event(e *rule.Emit, c *cause, to socketio.Selector) (broadcast.Event, error) {
	ev := broadcast.Event{To: to, Volatile: e.Delivery == rule.Volatile, Acked: e.Delivery == rule.Acked, Unkept: !e.History}
	if e.Same {
		ev.Relay, ev.Name = c.e, e.Event
		return ev, nil
	}
	ev.Name = e.Event
	if ev.Name == "" {
		ev.Name = c.e.Name
	}
	var err error
	ev.Args, err = values(e.Args, c.e.Attachments)
	return ev, err
}

// values are arguments as [socketio.Namespace.Prepare] takes them, with the bytes in the place of their placeholders.
func values(args []json.RawMessage, attachments [][]byte) ([]any, error) {
	if len(attachments) > 0 {
		return socketio.Values(args, attachments)
	}
	all := make([]any, len(args))
	for i, a := range args {
		all[i] = a
	}
	return all, nil
}

// send publishes ev, and tells done when it has its place, or, for somebody who waits, when all have answered.
func (r *route) send(ev *broadcast.Event, c *cause, done func(outcome)) {
	if done == nil {
		r.b.Publish(*ev, nil)
		return
	}
	o := &outcome{}
	if c.s == nil {
		ev.Recipients = &o.recipients
	}
	if c.wait > 0 && ev.Acked {
		r.sendAndWait(ev, c.wait, o, done)
		return
	}
	r.b.Publish(*ev, func(seq uint64, err error) {
		o.seq, o.err = seq, err
		done(*o)
	})
}

// sendAndWait tells done after both the event's place in the order and its acknowledgements are known.
func (r *route) sendAndWait(ev *broadcast.Event, limit time.Duration, o *outcome, done func(outcome)) {
	var mu sync.Mutex
	left := 2
	part := func(set func()) {
		mu.Lock()
		set()
		left--
		last := left == 0
		mu.Unlock()
		if last {
			done(*o)
		}
	}
	ev.Timeout = limit
	ev.Wait = func(acked, awaited int) { part(func() { o.acked, o.awaited = acked, awaited }) }
	r.b.Publish(*ev, func(seq uint64, err error) {
		if err != nil {
			left-- // nobody will call Wait
		}
		part(func() { o.seq, o.err = seq, err })
	})
}

// selector says which sockets a target means. direct: only the sender, who needs no place in the order. any is false if it means nobody.
func (r *route) selector(t *rule.Target, s *socketio.Socket, except []string) (to socketio.Selector, direct, any bool) {
	to.Except = except
	if s == nil {
		to.Rooms = slices.Concat(t.Rooms, t.OthersIn)
		return to, false, t.Everyone || t.Others || len(to.Rooms) > 0
	}
	switch {
	case t.Everyone, t.Others && t.Sender:
		return to, false, true
	case t.Others:
		if !inAny(s, t.Rooms) {
			to.Skip = s.ID()
		}
		return to, false, true
	case t.Sender && len(t.Rooms)+len(t.OthersIn) == 0:
		to.Rooms = []string{s.ID()}
		return to, !r.recovers(), true
	}
	to.Rooms = slices.Concat(t.Rooms, t.OthersIn)
	switch {
	case t.Sender:
		to.Rooms = append(to.Rooms, s.ID())
	case len(t.OthersIn) > 0 && !inAny(s, t.Rooms):
		to.Skip = s.ID()
	}
	return to, false, len(to.Rooms) > 0
}

func inAny(s *socketio.Socket, rooms []string) bool { return slices.ContainsFunc(rooms, s.In) }

// answer returns what acknowledges the event once it is accepted; nil if nobody is to be told now.
func (r *route) answer(v *verdict, c *cause) func(error) {
	if !c.e.WantsAck() {
		return nil
	}
	var args []json.RawMessage
	switch v.d.Ack {
	case rule.AckEmpty:
	case rule.AckSame:
		args = c.e.Args()
	case rule.AckArgs:
		args = v.d.AckArgs
	default:
		return func(err error) {
			if err != nil {
				c.refuse(refusalOf(err))
			}
		}
	}
	all, err := values(args, c.e.Attachments)
	acker := c.e.Acker()
	return func(failed error) {
		if failed = errors.Join(failed, err); failed != nil {
			_ = acker(refusal(refusalOf(failed)))
			return
		}
		_ = acker(all...) // a client that has left needs none
	}
}

// refusalOf names the fault for which an accepted event could not be published.
func refusalOf(err error) (code, message string) {
	switch {
	case errors.Is(err, broadcast.ErrFull):
		return "busy", "too many events wait already"
	case errors.Is(err, broadcast.ErrDegraded):
		return "degraded", "events cannot be stored at present"
	case errors.Is(err, broadcast.ErrNotRunning):
		return "stopping", "the server is stopping"
	}
	return "invalid", err.Error()
}
