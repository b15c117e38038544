package socketio

import (
	"errors"
	"hash/maphash"
	"sync/atomic"
)

var (
	// ErrReserved is returned for event names that the protocol keeps for itself.
	ErrReserved = errors.New("socketio: event name is reserved")
	// ErrAttachments is returned for more binary values than Options.MaxAttachments.
	ErrAttachments = errors.New("socketio: too many binary attachments")
	// ErrRooms is returned for more rooms than Options.MaxRooms.
	ErrRooms = errors.New("socketio: too many rooms")
	// ErrNamespace is returned for a packet that was prepared for another namespace.
	ErrNamespace = errors.New("socketio: packet belongs to another namespace")
)

// Namespace is a set of sockets with one handler. It is made by [Server.Of] or after Options.Open.
type Namespace struct {
	srv     *Server
	path    string
	seed    maphash.Seed
	shards  []shard
	handler atomic.Pointer[Handler]
	lastAck atomic.Uint64
	number  atomic.Pointer[func() uint64]

	recoverer atomic.Pointer[Recoverer] // nil = lost sockets do not come back
}

func newNamespace(s *Server, path string) *Namespace {
	ns := &Namespace{srv: s, path: path, seed: maphash.MakeSeed(), shards: make([]shard, s.options.Load().Shards)}
	ns.Handle(new(Mux))
	return ns
}

// Path returns the namespace's name, with its leading "/".
func (ns *Namespace) Path() string { return ns.path }

// Handle sets the handler. Without one everybody is let in and events are ignored. A handler that is replaced gets no further calls,
// also not the Disconnect of the sockets it has let in.
func (ns *Namespace) Handle(h Handler) { ns.handler.Store(&h) }

// Number sets where sockets that join from now on get their position from: the number of the last event that is published. f is called with
// a lock held and must only read.
func (ns *Namespace) Number(f func() uint64) { ns.number.Store(&f) }

func (ns *Namespace) position() uint64 {
	if f := ns.number.Load(); f != nil {
		return (*f)()
	}
	return 0
}

func (ns *Namespace) handle() Handler { return *ns.handler.Load() }

// Len returns the number of sockets.
func (ns *Namespace) Len() (n int) {
	for i := range ns.shards {
		h := &ns.shards[i]
		h.mu.RLock()
		n += len(h.all)
		h.mu.RUnlock()
	}
	return n
}

// Rooms returns the number of rooms with at least one socket, not counting those of the sockets' own ids.
func (ns *Namespace) Rooms() int {
	names := map[string]struct{}{}
	for i := range ns.shards {
		h := &ns.shards[i]
		h.mu.RLock()
		for name := range h.rooms {
			names[name] = struct{}{}
		}
		h.mu.RUnlock()
	}
	return len(names)
}

// Lookup returns the socket with this id, or nil.
func (ns *Namespace) Lookup(id string) *Socket {
	h := &ns.shards[ns.shardOf(id)]
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.byID[id]
}

// Shards returns into how many parts the sockets are divided.
func (ns *Namespace) Shards() int { return len(ns.shards) }

func (ns *Namespace) shardOf(id string) int {
	return int(maphash.String(ns.seed, id) % uint64(len(ns.shards)))
}

func (ns *Namespace) shard(s *Socket) *shard { return &ns.shards[s.shard] }

func (ns *Namespace) add(s *Socket) bool { return ns.shard(s).add(s) }

func (ns *Namespace) remove(s *Socket) { ns.shard(s).remove(s) }

// close keeps new sockets out and returns those that are inside.
func (ns *Namespace) close() []*Socket {
	var all []*Socket
	for i := range ns.shards {
		h := &ns.shards[i]
		h.mu.Lock()
		h.closed = true
		all = append(all, h.all...)
		h.mu.Unlock()
	}
	return all
}

func (ns *Namespace) closed() bool {
	h := &ns.shards[0]
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.closed
}

// Each calls f for each socket of one shard that sel means, once and in no order. The sockets are copied first, so f may take its time and
// do anything; a socket may have left when its turn comes.
func (ns *Namespace) Each(shard int, sel Selector, f func(*Socket)) {
	v := ns.srv.views.Get().(*view)
	ns.shards[shard].collect(sel, v)
	for _, s := range v.sockets {
		f(s)
	}
	v.reset()
	ns.srv.views.Put(v)
}

// Count returns how many sockets sel means at this moment.
func (ns *Namespace) Count(sel Selector) (n int) {
	if len(sel.Rooms) == 0 && len(sel.Except) == 0 {
		n = ns.Len()
		if sel.Skip != "" && ns.Lookup(sel.Skip) != nil {
			n--
		}
		return n
	}
	v := ns.srv.views.Get().(*view)
	for k := range ns.shards {
		ns.shards[k].collect(sel, v)
		n += len(v.sockets)
		v.reset()
	}
	ns.srv.views.Put(v)
	return n
}

// Emit sends an event to all sockets that sel means. Sockets that cannot take it are passed over; the error is about the event.
func (ns *Namespace) Emit(sel Selector, event string, args ...any) error {
	p, err := ns.Prepare(event, nil, args...)
	if err != nil {
		return err
	}
	for k := range ns.shards {
		ns.Each(k, sel, func(s *Socket) { _ = s.Send(p) })
	}
	return nil
}

// Prepare encodes an event once, for any number of sockets. args may be anything that encoding/json takes; [encoding/json.RawMessage] goes
// out as it is, and each []byte, at any depth, as a binary attachment (nil as null).
//
// With ack, each socket that the packet is sent to is asked for an acknowledgement. Call [Packet.Forget] when no more are awaited.
func (ns *Namespace) Prepare(name string, ack AckFunc, args ...any) (*Packet, error) {
	if reserved(name) {
		return nil, ErrReserved
	}
	p := &Packet{ns: ns}
	var id uint64
	if ack != nil {
		id = ns.lastAck.Add(1) - 1
		p.acks = []pendingAck{{id: id, call: &ackCall{f: ack}}}
	}
	var err error
	if p.msg, err = ns.srv.codec.encode(ns.srv, draft{kind: event, hasID: ack != nil, id: id, path: ns.path, name: name, args: args}); err != nil {
		return nil, err
	}
	return p, nil
}

// Relay encodes a received event again, for any number of sockets, under another name unless name is "". Its arguments and attachments are not
// decoded; they are copied. One that came by another [Parser] than this server's is rewritten.
func (ns *Namespace) Relay(e *Event, name string) (*Packet, error) {
	if reserved(name) || name == "" && reserved(e.Name) {
		return nil, ErrReserved
	}
	m, err := ns.srv.codec.encode(ns.srv, draft{kind: event, path: ns.path, name: name, relay: e})
	if err != nil {
		return nil, err
	}
	return &Packet{ns: ns, msg: m}, nil
}
