package instance

import (
	"encoding/json"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/rule"
	"github.com/sockd/sockd/instance/socketio"
)

// route is the handler of one namespace: it asks the rules what an event causes and has that done.
type route struct {
	in     *Instance
	ns     *socketio.Namespace
	b      *broadcast.Broadcaster
	posted order // what comes in over HTTP
}

var (
	_ socketio.Handler = (*route)(nil)
	_ rule.Vars        = (*route)(nil)
)

// Connect decides whether a client may join; see guard. The rooms of the rule for connect are joined before the answer, so that nothing which is sent
// after it misses the client.
func (r *route) Connect(s *socketio.Socket, auth json.RawMessage) error {
	if err := r.in.settings.Load().guards.of(r.ns.Path()).admit(r, s, auth); err != nil {
		return err
	}
	return r.seat(s)
}

// seat has a new client join the rooms of the rule for connect, now or, if the rule takes its time, later.
func (r *route) seat(s *socketio.Socket) error {
	st := r.in.settings.Load()
	if s.Recovered() || !st.rules.Moves(r.ns.Path(), "connect") {
		return nil
	}
	v := verdicts.Get().(*verdict)
	defer v.release()
	v.of(r, s, "connect", lifecycle("connect", s.Auth()), 0)
	if !st.rules.Slow(&v.input) {
		r.seatBy(st, v, s)
		return nil
	}
	l := r.in.link(s)
	err := l.order.do(r.in.work, l.key, len(s.Auth()), func() {
		r.seatNow(s)
		r.settle(s, nil)
	})
	if err != nil {
		r.in.counts.refuse(overWork)
		return &socketio.ConnectError{Message: "busy"}
	}
	return socketio.ErrLater
}

// seatNow is seat on a goroutine that may take its time.
func (r *route) seatNow(s *socketio.Socket) {
	st := r.in.settings.Load()
	if s.Recovered() || !st.rules.Moves(r.ns.Path(), "connect") {
		return
	}
	v := verdicts.Get().(*verdict)
	defer v.release()
	v.of(r, s, "connect", lifecycle("connect", s.Auth()), 0)
	r.seatBy(st, v, s)
}

func (r *route) seatBy(st *settings, v *verdict, s *socketio.Socket) {
	v.input.NoAck = true
	st.rules.Eval(&v.input, &v.d)
	if v.d.Drop != rule.Kept {
		return // which is counted when the event is raised
	}
	s.Leave(v.d.Leave...)
	if s.Join(v.d.Join...) != nil {
		r.in.counts.refuse(overRooms)
	}
}

// Connected raises the event connect. Its client has its answer by then.
func (r *route) Connected(s *socketio.Socket) {
	r.in.expiries.watch(s)
	if r.in.settings.Load().rules.Handles(r.ns.Path(), "connect") && !s.Recovered() {
		r.raise(s, "connect", s.Auth())
	}
}

// Disconnect raises the event disconnect.
func (r *route) Disconnect(s *socketio.Socket, reason engineio.Reason) {
	r.in.expiries.forget(s)
	r.b.Left(s)
	if r.in.settings.Load().rules.Handles(r.ns.Path(), "disconnect") {
		r.raise(s, "disconnect", string(reason))
	}
}

// Event has the rules decide about e, here if that takes no time, else on the work pool, behind the events that the connection sent before. e is
// borrowed.
func (r *route) Event(s *socketio.Socket, e *socketio.Event) {
	r.in.eventsIn.Add(1)
	st := r.in.settings.Load()
	if !r.in.paced(s, e, &st.c.Limits) {
		r.turnedAway(s, e, RefusedRate)
		return
	}
	v := verdicts.Get().(*verdict)
	v.of(r, s, e.Name, e, len(e.Attachments))
	v.input.NoAck = !e.WantsAck()
	if l := linkOf(s); l != nil && l.order.busy.Load() || st.rules.Slow(&v.input) {
		v.release()
		r.postpone(s, e.Keep())
		return
	}
	r.decide(st, v, &cause{s: s, e: e})
	v.release()
}

// postpone has the rules decide about e later.
func (r *route) postpone(s *socketio.Socket, e *socketio.Event) {
	r.queue(s, e.Size(), func() {
		v := verdicts.Get().(*verdict)
		v.of(r, s, e.Name, e, len(e.Attachments))
		v.input.NoAck = !e.WantsAck()
		r.decide(r.in.settings.Load(), v, &cause{s: s, e: e})
		v.release()
	}, func() { (&cause{s: s, e: e}).refuse("busy", "too many events wait already") })
}

// queue runs f on the work pool, in the order of the connection, or refused if too much waits there.
func (r *route) queue(s *socketio.Socket, size int, f, refused func()) {
	l := r.in.link(s)
	if l.order.do(r.in.work, l.key, size, f) != nil {
		r.in.counts.refuse(overWork)
		refused()
	}
}

// raise has the rules decide about an event of the server itself.
func (r *route) raise(s *socketio.Socket, event string, arg any) {
	e := &socketio.Event{Name: event, Payload: json.RawMessage(lifecycle(event, arg))}
	decide := func() {
		v := verdicts.Get().(*verdict)
		v.of(r, s, event, e, 0)
		r.decide(r.in.settings.Load(), v, &cause{s: s, e: e, seated: event == "connect"})
		v.release()
	}
	v := verdicts.Get().(*verdict)
	v.of(r, s, event, e, 0)
	slow := r.in.settings.Load().rules.Slow(&v.input)
	v.release()
	if l := linkOf(s); l != nil && l.order.busy.Load() || slow {
		r.queue(s, e.Size(), decide, func() {})
		return
	}
	decide()
}

// decide asks the rules and carries out what they say.
func (r *route) decide(st *settings, v *verdict, c *cause) {
	st.rules.Eval(&v.input, &v.d)
	r.act(v, c)
}

// recovers tells whether events get an offset, so that those for one client need a place in the order too.
func (r *route) recovers() bool {
	c := r.in.settings.Load().c
	return c.Recovery.Window > 0 && c.Protocol != "engine.io"
}
