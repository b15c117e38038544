package instance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"sync"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/rule"
	"github.com/sockd/sockd/instance/socketio"
)

// verdict is what the rules say of one event, with the space to find out. It is reused.
type verdict struct {
	input  rule.Input
	peer   rule.Peer
	d      rule.Decision
	except []string // of an HTTP body: rooms that are left out of every emit
}

var verdicts = sync.Pool{New: func() any { return new(verdict) }}

// release gives v back. Nothing of it may be in use.
func (v *verdict) release() {
	v.input, v.peer, v.except = rule.Input{}, rule.Peer{}, nil
	verdicts.Put(v)
}

// visit is the session of a client. Its handshake is kept in a compact form, so that only a rule that asks for it pays for it.
type visit engineio.Socket

// Handshake implements [rule.Visit].
func (x *visit) Handshake() (url.Values, http.Header) {
	h := (*engineio.Socket)(x).Handshake()
	return h.Query, h.Header
}

// of prepares v for an event of a client.
func (v *verdict) of(r *route, s *socketio.Socket, event string, payload rule.Payload, binary int) {
	v.peer = rule.Peer{SID: s.ID(), Auth: s.Auth(), Visit: (*visit)(s.Conn())}
	if m := memberOf(s); m != nil {
		v.peer.Claims = m.claims
	}
	v.input = rule.Input{
		Source: rule.Client, Event: event, Namespace: r.ns.Path(), Payload: payload, Binary: binary, Peer: &v.peer, Vars: r,
	}
}

// lifecycle is the payload of the events connect and disconnect. Their names are reserved, so another one stands in it, which nobody sees: such an event is
// only ever sent on under a name of its rule.
func lifecycle(event string, arg any) rule.JSON {
	p, err := json.Marshal([]any{"sockd:" + event, arg})
	if err != nil {
		p, _ = json.Marshal([]any{"sockd:" + event})
	}
	return p
}
