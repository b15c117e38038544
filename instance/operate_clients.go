package instance

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/sockd/sockd/instance/socketio"
)

// Room is a room with at least one client.
type Room struct {
	Room      string
	Namespace string
	Clients   int
}

// Client is one client in one namespace.
type Client struct {
	SID       string
	Namespace string
	Transport string    // "polling" or "websocket"
	Address   string    // host:port of the other end of its first request
	Since     time.Time // when its connection was made
	Rooms     []string  // without that of its own id
	Queued    int       // bytes that wait for it
	ClientID  string    // by which it says it is known; "" = none
	Subject   string    // of its token; "" = none
}

// Rooms returns the rooms of all namespaces, the largest first. It looks at every client, and holds none of them up for that.
func (in *Instance) Rooms() []Room {
	type key struct{ namespace, room string }
	sizes := map[key]int{}
	in.each(func(s *socketio.Socket) {
		for _, room := range roomsOf(s) {
			sizes[key{s.Namespace().Path(), room}]++
		}
	})
	all := make([]Room, 0, len(sizes))
	for k, n := range sizes {
		all = append(all, Room{Room: k.room, Namespace: k.namespace, Clients: n})
	}
	slices.SortFunc(all, func(a, b Room) int {
		return cmp.Or(cmp.Compare(b.Clients, a.Clients), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Room, b.Room))
	})
	return all
}

// Clients returns the clients of all namespaces, those that have been there longest first.
func (in *Instance) Clients() []Client {
	var all []Client
	in.each(func(s *socketio.Socket) { all = append(all, clientOf(s)) })
	slices.SortFunc(all, func(a, b Client) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.SID, b.SID))
	})
	return all
}

// Kick puts a client out of all its namespaces, which it is told, and closes its connection. It reports whether there was one of that id.
func (in *Instance) Kick(sid string) bool {
	for _, sp := range in.operable("") {
		if s := sp.ns.Lookup(sid); s != nil {
			s.Disconnect(true)
			return true
		}
	}
	return false
}

// each calls f for every client in every namespace.
func (in *Instance) each(f func(*socketio.Socket)) {
	for _, sp := range in.operable("") {
		for k := range sp.ns.Shards() {
			sp.ns.Each(k, socketio.Selector{}, f)
		}
	}
}

// operable are the namespaces that an operator means by path, ordered; "" = all.
func (in *Instance) operable(path string) (all []*space) {
	in.spaces.mu.Lock()
	defer in.spaces.mu.Unlock()
	for _, p := range slices.Sorted(maps.Keys(in.spaces.live)) {
		if path == "" || p == path {
			all = append(all, in.spaces.live[p])
		}
	}
	return all
}

func roomsOf(s *socketio.Socket) []string {
	return slices.DeleteFunc(s.Rooms(), func(room string) bool { return room == s.ID() })
}

func clientOf(s *socketio.Socket) Client {
	conn := s.Conn()
	h := conn.Handshake()
	c := Client{
		SID: s.ID(), Namespace: s.Namespace().Path(), Transport: conn.Transport(), Address: h.RemoteAddr, Since: h.Time, Rooms: roomsOf(s), Queued: conn.Buffered(),
	}
	c.ClientID = field(s.Auth(), "client_id")
	if m := memberOf(s); m != nil {
		c.Subject = field(m.claims, "sub")
	}
	return c
}

// field is a string of an object, or "".
func field(object json.RawMessage, name string) (text string) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(object, &fields) == nil {
		_ = json.Unmarshal(fields[name], &text) // of another type it is none
	}
	return text
}
