package instance

import (
	"encoding/json"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// route is the handler of one namespace: it decides what an event causes. Without rules an instance is a hub, in which every event of a
// client goes to the others.
type route struct {
	in *Instance
	b  *broadcast.Broadcaster
}

var _ socketio.Handler = (*route)(nil)

// Connect lets everybody in.
func (*route) Connect(*socketio.Socket, json.RawMessage) error { return nil }

// Connected has nothing to send.
func (*route) Connected(*socketio.Socket) {}

// Event passes e on to the others. It is borrowed; the broadcaster copies what it keeps. A refused event is counted by the broadcaster.
func (r *route) Event(s *socketio.Socket, e *socketio.Event) {
	r.in.eventsIn.Add(1)
	if !r.in.paced(s, e, &r.in.settings.Load().c.Limits) {
		return
	}
	r.b.Publish(broadcast.Event{Relay: e, To: socketio.Selector{Skip: s.ID()}}, nil)
}

// Disconnect has nothing to send.
func (*route) Disconnect(*socketio.Socket, engineio.Reason) {}
