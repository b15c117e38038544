package instance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/rule"
	"github.com/sockd/sockd/instance/socketio"
	"github.com/sockd/sockd/instance/worker"
)

// hands is the instance's side of its workers: the one that it has now, and how it comes to it.
type hands struct {
	in *Instance

	mu    sync.Mutex
	group *group          // nil until the instance runs
	now   *hand           // nil without a worker
	last  <-chan struct{} // closed when nothing is left of the one before
}

// hand is one worker, from the edit that brings it to the one that takes it away, and what waits for its answers. It implements [worker.Sink]. A later worker
// has a hand of its own, because it counts its events from 1 again.
type hand struct {
	in     *Instance
	w      *worker.Worker
	cancel func()
	ended  chan struct{} // closed when nothing is left of it

	mu      sync.Mutex
	answers map[uint64]func(args ...any) error
	asked   map[uint64]admission // CONNECTs that the worker decides about
}

// admission is a client that waits to be let in.
type admission struct {
	r *route
	s *socketio.Socket
}

var _ worker.Sink = (*hand)(nil)

func (h *hands) current() *hand {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// hand gives an event to the worker, and leaves the acknowledgement to it if the rule says so.
func (r *route) hand(v *verdict, c *cause) {
	e := worker.Event{Type: "event", Namespace: r.ns.Path(), Name: c.e.Name, Keep: v.d.Acked, Ack: v.d.Ack == rule.AckWorker && c.e.WantsAck()}
	if rule.Lifecycle(e.Name) {
		e.Type = e.Name
	}
	if p := v.input.Peer; p != nil {
		e.SID, e.Auth, e.Claims = p.SID, p.Auth, p.Claims
	}
	var err error
	if e.Args, err = textual(c.e.Args(), c.e.Attachments); err == nil {
		err = r.in.hands.current().send(e, c.e.Acker())
	}
	if err != nil {
		r.in.counts.refuse(overWorker)
		c.refuse("worker", err.Error())
	}
}

// send queues an event and notes who waits for its answer.
func (h *hand) send(e worker.Event, answer func(args ...any) error) error {
	if h == nil {
		return worker.ErrDown
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	id, err := h.w.Send(e)
	if err == nil && e.Ack {
		h.answers[id] = answer
	}
	return err
}

// askWorker leaves a CONNECT to the worker.
func (in *Instance) askWorker(r *route, s *socketio.Socket, from json.RawMessage) error {
	if err := in.hands.current().ask(r, s, from); err != nil {
		in.counts.refuse(overWorker)
		return &socketio.ConnectError{Message: "unauthorized", Data: map[string]string{"reason": "unavailable"}}
	}
	return socketio.ErrLater
}

func (h *hand) ask(r *route, s *socketio.Socket, from json.RawMessage) error {
	if h == nil {
		return worker.ErrDown
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	id, err := h.w.Send(worker.Event{Type: "connect", SID: s.ID(), Namespace: r.ns.Path(), Name: "connect", Args: array(from), Auth: from, Ack: true})
	if err == nil {
		h.asked[id] = admission{r, s}
	}
	return err
}

func array(arg json.RawMessage) json.RawMessage {
	return json.RawMessage("[" + string(arg) + "]")
}

func (h *hand) admission(id uint64) (admission, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a, ok := h.asked[id]
	delete(h.asked, id)
	return a, ok
}

// Accept implements [worker.Sink].
func (h *hand) Accept(id uint64) {
	if a, ok := h.admission(id); ok {
		a.r.identify(a.s, a.s.Auth(), "")
		a.r.queue(a.s, 0, func() {
			a.r.seatNow(a.s)
			a.r.settle(a.s, nil)
		}, func() { a.r.settle(a.s, &socketio.ConnectError{Message: "busy"}) })
	}
}

// Refuse implements [worker.Sink].
func (h *hand) Refuse(id uint64, message string, data json.RawMessage) {
	a, ok := h.admission(id)
	if !ok {
		return
	}
	h.in.counts.refuse(unauthorized)
	refused := &socketio.ConnectError{Message: message}
	if len(data) > 0 && string(data) != "null" {
		refused.Data = data
	}
	a.r.settle(a.s, refused)
}

// Ack implements [worker.Sink].
func (h *hand) Ack(id uint64, args json.RawMessage) {
	h.mu.Lock()
	answer := h.answers[id]
	delete(h.answers, id)
	h.mu.Unlock()
	if answer == nil {
		return
	}
	list, err := h.arguments(args)
	if err != nil {
		list = []any{refusal("worker", err.Error())}
	}
	_ = answer(list...) // the client may have left
}

// Lost implements [worker.Sink].
func (h *hand) Lost(id uint64, reason string) {
	h.in.counts.refuse(lostByWorker)
	h.mu.Lock()
	answer := h.answers[id]
	delete(h.answers, id)
	h.mu.Unlock()
	if answer != nil {
		_ = answer(refusal("worker", reason))
		return
	}
	if a, ok := h.admission(id); ok {
		a.r.settle(a.s, &socketio.ConnectError{Message: "unauthorized", Data: map[string]string{"reason": "unavailable", "message": reason}})
	}
}

// arguments decodes what the worker wrote into what can be sent.
func (h *hand) arguments(args json.RawMessage) ([]any, error) {
	args, attachments, err := worker.DecodeBinary(args)
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(args, &list); err != nil {
		return nil, err
	}
	return values(list, attachments)
}

// Emit implements [worker.Sink].
func (h *hand) Emit(e worker.Emit) error {
	r := h.in.spaces.route(e.Namespace)
	if r == nil {
		return fmt.Errorf("namespace %q: this instance has none of that name", e.Namespace)
	}
	args, err := h.arguments(e.Args)
	if err != nil {
		return err
	}
	to := socketio.Selector{Except: names(e.Except)}
	if !slices.Contains(e.To, "all") {
		to.Rooms = names(e.To)
	}
	var full atomic.Bool // any other fault is counted where it is found
	r.b.Publish(broadcast.Event{Name: e.Name, Args: args, To: to}, func(_ uint64, err error) { full.Store(errors.Is(err, broadcast.ErrFull)) })
	if full.Load() {
		return worker.ErrBusy
	}
	return nil
}

// names are the rooms that sid:… and room:… stand for. An id is a room.
func names(targets []string) (rooms []string) {
	for _, t := range targets {
		if _, name, ok := strings.Cut(t, ":"); ok {
			rooms = append(rooms, name)
		}
	}
	return rooms
}

// Join implements [worker.Sink].
func (h *hand) Join(m worker.Membership) {
	h.move(m, func(s *socketio.Socket) {
		if s.Join(m.Rooms...) != nil {
			h.in.counts.refuse(overRooms)
		}
	})
}

// Leave implements [worker.Sink].
func (h *hand) Leave(m worker.Membership) {
	h.move(m, func(s *socketio.Socket) { s.Leave(m.Rooms...) })
}

// Disconnect implements [worker.Sink].
func (h *hand) Disconnect(sid, namespace string) {
	if sp := h.in.spaces.find(namespace); sp != nil {
		if s := sp.ns.Lookup(sid); s != nil {
			s.Disconnect(false)
		}
	}
}

// move changes the rooms of a client, which may have left.
func (h *hand) move(m worker.Membership, how func(*socketio.Socket)) {
	sp := h.in.spaces.find(m.Namespace)
	if sp == nil {
		return
	}
	if s := sp.ns.Lookup(m.SID); s != nil {
		how(s)
		sp.b.Moved(s)
	}
}

// start runs the worker of the configuration, if there is one, as a part of g.
func (h *hands) start(g *group) {
	h.mu.Lock()
	h.group = g
	h.mu.Unlock()
	h.apply(h.in.settings.Load())
}

// apply starts, changes or ends the worker as s says.
func (h *hands) apply(s *settings) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.group == nil:
	case s.c.Worker == nil:
		if h.now != nil {
			h.now.cancel()
			h.last = h.now.ended
		}
		h.now = nil
	case h.now != nil:
		if err := h.now.w.Configure(h.options(s.c)); err != nil { // the configuration was checked
			h.in.env.Log.Error("worker not changed", "err", err)
		}
	default:
		h.begin(s)
	}
}

// begin starts a worker, once the one before it has ended; h.mu is held.
func (h *hands) begin(s *settings) {
	n := &hand{in: h.in, ended: make(chan struct{}), answers: map[uint64]func(...any) error{}, asked: map[uint64]admission{}}
	w, err := worker.New(h.options(s.c), n)
	if err != nil { // the configuration was checked
		h.in.env.Log.Error("worker not started", "err", err)
		return
	}
	n.w, h.now = w, n
	last := h.last
	n.cancel = h.group.startAlone("worker", func(ctx context.Context) error {
		defer close(n.ended)
		if last != nil {
			<-last // it ends within its stop_timeout
		}
		return w.Run(ctx)
	})
}

func (h *hands) options(c *config.Instance) worker.Options {
	w := c.Worker
	return worker.Options{
		Instance: h.in.name, Project: c.Project, Command: w.Command, Interpreter: w.Interpreter, Env: w.Env, EnvFiles: w.EnvFile,
		ReadyTimeout: w.ReadyTimeout.Std(),
		Restart:      worker.Restart{Initial: w.Restart.Initial.Std(), Max: w.Restart.Max.Std(), Attempts: w.Restart.Attempts},
		StopTimeout:  w.StopTimeout.Std(), OnDemand: w.Start == "on_demand", IdleTimeout: w.IdleTimeout.Std(), Watch: w.Watch,
		URL: h.in.url(), Port: h.in.port(), Log: h.in.env.Log,
	}
}

// status of the worker; nil without one.
func (h *hands) status() *worker.Status {
	n := h.current()
	if n == nil {
		return nil
	}
	st := n.w.Status()
	return &st
}

// trouble says what is wrong with the worker.
func (h *hands) trouble() string {
	st := h.status()
	if st == nil {
		return ""
	}
	if st.Broken || st.State == worker.Backoff || st.State == worker.Failed {
		return "worker " + string(st.State) + ": " + st.Note
	}
	return ""
}
