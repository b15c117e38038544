package instance

import (
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/rule"
	"github.com/sockd/sockd/instance/socketio"
)

// Traffic is one event that came in or went out, or tells that some are not shown.
type Traffic struct {
	Out       bool
	At        time.Time
	Namespace string
	Event     string
	Args      json.RawMessage // a JSON array; binary values are {"$binary":"<base64>"}
	Rooms     []string        // that it is for; none = everyone, or as its rule says
	Except    []string

	// Of what came in.
	From    string // "client", "http" or "server", which raises connect and disconnect itself; an operator's is http
	SID     string // of the client
	Rule    string // that took it; "" = none did, a hub sends such events on
	Dropped string // why it went nowhere; "" = it did not

	// Of what went out.
	ID  string // <epoch>-<seq>; "" if it was sent beside the order
	Seq uint64

	Lost uint64 // events before this one that could not be followed; with Event "" there is nothing else
}

// TapFilter says which traffic is of interest. The zero value is all that comes in.
type TapFilter struct {
	Event     string // a glob; "" = all
	Namespace string // a glob; "" = all
	Room      string // what came from its members or is for it by name; "" = all
	Out       bool   // what goes out, instead
	Both      bool   // both ways
}

func (f *TapFilter) wants(out bool, namespace, event string) bool {
	return (f.Both || f.Out == out) && glob(f.Namespace, namespace) && glob(f.Event, event)
}

func glob(pattern, s string) bool { return pattern == "" || config.Match(pattern, s) }

// taps are those who follow the traffic. Without one, an event costs one load of list.
type taps struct {
	list atomic.Pointer[[]*tap] // nil = none
	mu   sync.Mutex             // held while list changes
}

type tap struct {
	filter TapFilter
	take   func(Traffic)

	mu    sync.Mutex
	ended bool
	stops map[*route]func() // of what goes out
}

// Tap calls take with the traffic of all namespaces, also of those that come later, until stop is called. take runs on pollers and lanes, on several at
// once, and must not block; what it is given is its to keep. It may be called once more after stop has returned.
func (in *Instance) Tap(f TapFilter, take func(Traffic)) (stop func()) {
	t := &tap{filter: f, take: take, stops: map[*route]func(){}}
	in.taps.edit(func(list []*tap) []*tap { return append(list, t) })
	in.spaces.mu.Lock()
	t.follow(in.spaces.live)
	in.spaces.mu.Unlock()
	return func() {
		in.taps.edit(func(list []*tap) []*tap { return slices.DeleteFunc(list, func(o *tap) bool { return o == t }) })
		t.end()
	}
}

// edit replaces the list by a changed copy.
func (ts *taps) edit(change func([]*tap) []*tap) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var list []*tap
	if old := ts.list.Load(); old != nil {
		list = slices.Clone(*old)
	}
	if list = change(list); len(list) == 0 {
		ts.list.Store(nil)
		return
	}
	ts.list.Store(&list)
}

// follow has every tap follow the namespaces that there are. It is called with the lock of the spaces held.
func (ts *taps) follow(live map[string]*space) {
	list := ts.list.Load()
	if list == nil {
		return
	}
	for _, t := range *list {
		t.follow(live)
	}
}

// follow watches what live namespaces send out, and lets those go that have ended.
func (t *tap) follow(live map[string]*space) {
	if !t.filter.Out && !t.filter.Both {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	for r, stop := range t.stops {
		if s := live[r.ns.Path()]; s == nil || s.route != r {
			stop()
			delete(t.stops, r)
		}
	}
	for path, s := range live {
		if t.stops[s.route] == nil && glob(t.filter.Namespace, path) {
			r := s.route
			t.stops[r] = s.b.Watch(nil, func(records []broadcast.Record) { t.sent(r, records) })
		}
	}
}

func (t *tap) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	for _, stop := range t.stops {
		stop()
	}
	t.stops = nil
}

// sent is called on a lane with what was published.
func (t *tap) sent(r *route, records []broadcast.Record) {
	for i := range records {
		if g := records[i].Gap; g.To > 0 {
			t.take(Traffic{Out: true, At: time.Now(), Namespace: r.ns.Path(), Lost: g.To - g.From + 1})
		}
		if records[i].Packet == nil || t.filter.Room != "" && !slices.Contains(records[i].To.Rooms, t.filter.Room) {
			continue
		}
		rec, err := r.record(&records[i])
		if err != nil || !t.filter.wants(true, rec.Namespace, rec.Event) {
			continue
		}
		t.take(Traffic{
			Out: true, At: rec.At, Namespace: rec.Namespace, Event: rec.Event, Args: rec.Args, Rooms: rec.Rooms, Except: records[i].To.Except, ID: rec.ID, Seq: rec.Seq,
		})
	}
}

// noticed tells the taps of an event that came in, and what the rules have decided. It is called before that is carried out.
func (r *route) noticed(v *verdict, c *cause) {
	list := r.in.taps.list.Load()
	if list == nil {
		return
	}
	x := Traffic{
		Namespace: r.ns.Path(), Event: c.e.Name, Rooms: v.input.Rooms, Except: v.except, From: v.input.Source.String(), Rule: v.d.Rule, Dropped: v.d.Drop.String(),
	}
	if p := v.input.Peer; p != nil {
		x.SID = p.SID
		if rule.Lifecycle(c.e.Name) {
			x.From, x.Args = "server", raised(c.e.Payload)
		}
	}
	r.show(*list, x, c, func(room string) bool { return concerns(v, c.s, room) })
}

// raised is the arguments of an event that has a name by which none can be received.
func raised(payload json.RawMessage) json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(payload, &list) != nil || len(list) == 0 {
		return nil
	}
	args, _ := textual(list[1:], nil)
	return args
}

// turnedAway tells the taps of an event of a client that never got to the rules.
func (r *route) turnedAway(s *socketio.Socket, e *socketio.Event, why string) {
	if list := r.in.taps.list.Load(); list != nil {
		x := Traffic{Namespace: r.ns.Path(), Event: e.Name, From: rule.Client.String(), SID: s.ID(), Dropped: why}
		r.show(*list, x, &cause{s: s, e: e}, s.In)
	}
}

// answered tells the taps of an event that goes to its sender beside the order.
func (r *route) answered(e *rule.Emit, c *cause) {
	list := r.in.taps.list.Load()
	if list == nil {
		return
	}
	x := Traffic{Out: true, Namespace: r.ns.Path(), Event: e.Event, Rooms: []string{c.s.ID()}}
	if x.Event == "" {
		x.Event = c.e.Name
	}
	if !e.Same {
		c = &cause{e: &socketio.Event{Attachments: c.e.Attachments}}
		x.Args, _ = textual(e.Args, c.e.Attachments) // shown without, if they cannot be read
	}
	r.show(*list, x, c, func(room string) bool { return slices.Contains(x.Rooms, room) })
}

// show gives x to those who want it, with the arguments of c's event unless it has its own. What it points to is copied, once.
func (r *route) show(list []*tap, x Traffic, c *cause, in func(room string) bool) {
	ready := false
	for _, t := range list {
		if !t.filter.wants(x.Out, x.Namespace, x.Event) || t.filter.Room != "" && !in(t.filter.Room) {
			continue
		}
		if !ready {
			ready, x.At = true, time.Now()
			x.Rooms, x.Except = slices.Clone(x.Rooms), slices.Clone(x.Except)
			if x.Args == nil {
				x.Args, _ = textual(c.e.Args(), c.e.Attachments)
			}
		}
		t.take(x)
	}
}

// concerns reports whether an event came from a member of a room or is for the room by name.
func concerns(v *verdict, s *socketio.Socket, room string) bool {
	if s != nil && s.In(room) || slices.Contains(v.input.Rooms, room) {
		return true
	}
	return slices.ContainsFunc(v.d.Emits, func(e rule.Emit) bool {
		return slices.Contains(e.To.Rooms, room) || slices.Contains(e.To.OthersIn, room)
	})
}
