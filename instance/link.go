package instance

import (
	"hash/maphash"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// link is what the instance keeps for one connection, over all its namespaces. It is made when it is first needed: most connections of a hub
// have none.
type link struct {
	pace  pace
	order order
	key   int // of the work pool
}

// linkOf returns the link of the connection, or nil.
func linkOf(s *socketio.Socket) *link {
	l, _ := s.Conn().Data().(*link)
	return l
}

// link returns the link of the connection. A socket that comes back is taken in elsewhere than where its connection is read, so two may ask at once.
func (in *Instance) link(s *socketio.Socket) *link {
	if l := linkOf(s); l != nil {
		return l
	}
	in.linking.Lock()
	defer in.linking.Unlock()
	if l := linkOf(s); l != nil {
		return l
	}
	conn := s.Conn()
	l := &link{key: int(maphash.String(in.seed, conn.ID()) >> 1)}
	l.order.hold = func(on bool) { hold(conn, on) }
	conn.SetData(l)
	return l
}

func hold(conn *engineio.Socket, on bool) {
	if on {
		conn.Pause()
	} else {
		conn.Resume()
	}
}
