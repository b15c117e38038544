package instance

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/auth"
	"github.com/sockd/sockd/instance/rule"
	"github.com/sockd/sockd/instance/socketio"
)

// member is what is kept of a socket whose client has shown who it is.
type member struct {
	claims  json.RawMessage
	expires time.Time // zero = never
	slot    int       // in expiries; -1 = not there
}

func memberOf(s *socketio.Socket) *member {
	m, _ := s.Data().(*member)
	return m
}

// guard decides who may join a namespace, and which rooms the client is in from the start.
type guard struct {
	c    *config.Auth
	auth *auth.Auth // nil with mode worker
	join []*rule.Template
	slow bool // checking takes so long that it is done on the work pool
}

// guards are those of one instance. A nil guard lets everybody in.
type guards struct {
	all    *guard
	spaces map[string]*guard // by namespace
}

func (g *guards) of(ns string) *guard {
	if own, ok := g.spaces[ns]; ok {
		return own
	}
	return g.all
}

// admit implements the Connect of a namespace's handler.
func (g *guard) admit(r *route, s *socketio.Socket, from json.RawMessage) error {
	switch {
	case g == nil:
		r.identify(s, from, "")
		return nil
	case g.auth == nil:
		return r.in.askWorker(r, s, from)
	case !g.slow:
		return g.check(r, s, from)
	}
	l := r.in.link(s)
	err := l.order.do(r.in.work, l.key, len(from), func() {
		err := g.check(r, s, from)
		if err == nil {
			r.seatNow(s)
		}
		r.settle(s, err)
	})
	if err != nil {
		r.in.counts.refuse(overWork)
		return &socketio.ConnectError{Message: "busy"}
	}
	return socketio.ErrLater
}

// settle ends a postponed CONNECT where no event is being delivered to the socket's shard.
func (r *route) settle(s *socketio.Socket, err error) {
	if r.in.pool.Do(s.Shard(), func() { s.Admit(err) }) != nil {
		s.Admit(&socketio.ConnectError{Message: "busy"})
	}
}

// check looks at the client's token. Its answer is the client's, too.
func (g *guard) check(r *route, s *socketio.Socket, from json.RawMessage) error {
	h := s.Conn().Handshake()
	id, err := g.auth.Check(auth.Token(from, h.Header, h.Query, false))
	if err != nil {
		r.in.counts.refuse(unauthorized)
		return refusedToken(err)
	}
	m := &member{claims: id.Claims, expires: id.Expires, slot: -1}
	rooms, err := g.rooms(r, s, from, m.claims)
	if err == nil {
		err = s.Join(rooms...)
	}
	if err != nil {
		r.in.counts.refuse(unauthorized)
		return &socketio.ConnectError{Message: "unauthorized", Data: map[string]string{"reason": "rooms", "message": err.Error()}}
	}
	s.SetData(m)
	r.identify(s, from, id.Subject)
	return nil
}

func (g *guard) rooms(r *route, s *socketio.Socket, from, claims json.RawMessage) ([]string, error) {
	if len(g.join) == 0 {
		return nil, nil
	}
	h := s.Conn().Handshake()
	return g.expand(&rule.Input{Namespace: r.ns.Path(), Peer: &rule.Peer{SID: s.ID(), Auth: from, Claims: claims, Query: h.Query, Header: h.Header}})
}

func (g *guard) expand(in *rule.Input) (rooms []string, err error) {
	for _, t := range g.join {
		some, err := t.Expand(in)
		if err != nil {
			return nil, err
		}
		rooms = append(rooms, some...)
	}
	return rooms, nil
}

// refusedToken is the CONNECT_ERROR of a client without a valid token.
func refusedToken(err error) error {
	reason := "invalid"
	var no auth.Refusal
	if errors.As(err, &no) {
		reason = no.Reason
	}
	return &socketio.ConnectError{Message: "unauthorized", Data: map[string]string{"reason": reason}}
}

// identify tells the broadcaster of a client that says who it is, so that its position is kept over reconnects. With a token, the name is its
// owner's alone.
func (r *route) identify(s *socketio.Socket, from json.RawMessage, subject string) {
	if !bytes.Contains(from, []byte(`"client_id"`)) {
		return
	}
	var fields map[string]json.RawMessage
	var id string
	if json.Unmarshal(from, &fields) != nil || json.Unmarshal(fields["client_id"], &id) != nil || id == "" || len(id) > maxClientID {
		return
	}
	r.b.Identify(s, subject+"\x00"+id)
}

const maxClientID = 256 // bytes

// compileGuard makes the guard of one table [auth]; nil stays nil. Keys that have not changed are taken from old with all that is left of those before
// them.
func compileGuard(x *config.Instance, a *config.Auth, old *guard) (*guard, error) {
	if a == nil {
		return nil, nil
	}
	g := &guard{c: a}
	var errs []error
	for _, j := range a.Join {
		t, err := rule.CompileTemplate(j)
		if err != nil {
			errs = append(errs, err)
		}
		g.join = append(g.join, t)
	}
	if a.Mode != "worker" {
		var err error
		g.auth, err = compileAuth(x, a, old)
		errs = append(errs, err)
	}
	g.slow = a.JWT != nil && a.JWT.Secret == ""
	return g, errors.Join(errs...)
}

func compileAuth(x *config.Instance, a *config.Auth, old *guard) (*auth.Auth, error) {
	o := authOptions(x, a)
	if old == nil || old.auth == nil {
		return auth.New(o, nil)
	}
	return auth.New(o, old.auth)
}

func authOptions(x *config.Instance, a *config.Auth) auth.Options {
	o := auth.Options{Mode: auth.ModeToken, Overlap: a.Overlap.Std()}
	for _, t := range a.Tokens {
		if t != "" && t[0] != '#' {
			o.Tokens = append(o.Tokens, string(t))
		}
	}
	if j := a.JWT; a.Mode == "jwt" && j != nil {
		o.Mode, o.Algorithms, o.Audience, o.Issuer, o.Leeway = auth.ModeJWT, j.Algorithms, j.Audience, j.Issuer, j.Leeway.Std()
		switch { // exactly one is there
		case j.Secret != "":
			o.Secret = []byte(j.Secret)
		case j.PublicKeyFile != "":
			o.PublicKeyPEM = []byte(x.Contents[j.PublicKeyFile])
		default:
			o.JWKS = []byte(x.Contents[j.JWKSFile])
		}
	}
	return o
}
