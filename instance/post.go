package instance

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"net/url"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/auth"
	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/ingest"
	"github.com/sockd/sockd/instance/rule"
	"github.com/sockd/sockd/instance/socketio"
)

// post is the way in for events that no client has sent. It implements [ingest.Publish].
func (in *Instance) post(e *ingest.Event, done func(ingest.Result, error)) {
	r := in.spaces.route(e.Namespace)
	if r == nil {
		done(ingest.Result{}, &ingest.Invalid{Message: fmt.Sprintf("namespace %q: this instance has none of that name", e.Namespace)})
		return
	}
	in.eventsIn.Add(1)
	p := &posted{r: r, e: e, done: done}
	v := verdicts.Get().(*verdict)
	p.input(v)
	slow := r.posted.busy.Load() || in.settings.Load().rules.Slow(&v.input)
	v.release()
	if !slow {
		p.decide()
		return
	}
	key := int(maphash.String(in.seed, e.Namespace) >> 1)
	if r.posted.do(in.work, key, len(e.Payload), p.decide) != nil {
		in.counts.refuse(overWork)
		done(ingest.Result{}, ingest.ErrBusy)
	}
}

// posted is an event on its way through the rules of its namespace.
type posted struct {
	r    *route
	e    *ingest.Event
	done func(ingest.Result, error)
}

func (p *posted) input(v *verdict) {
	v.input = rule.Input{
		Source: rule.HTTP, Event: p.e.Name, Namespace: p.e.Namespace, Payload: rule.JSON(p.e.Payload), Rooms: p.e.Rooms, Vars: p.r, NoAck: true,
	}
	v.except = p.e.Except
}

func (p *posted) decide() {
	v := verdicts.Get().(*verdict)
	defer v.release()
	p.input(v)
	c := &cause{e: &socketio.Event{Name: p.e.Name, Payload: p.e.Payload}, done: p.tell, wait: p.e.Wait}
	p.r.decide(p.r.in.settings.Load(), v, c)
}

// tell is called with what became of the event.
func (p *posted) tell(o outcome) {
	res := ingest.Result{Namespace: p.e.Namespace, Seq: o.seq, Recipients: o.recipients, Dropped: o.dropped, Acked: o.acked, Awaited: o.awaited}
	if o.seq > 0 {
		res.ID = p.r.b.ID(o.seq)
	}
	p.done(res, postFault(o.err))
}

func postFault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, broadcast.ErrFull), errors.Is(err, broadcast.ErrNotRunning):
		return ingest.ErrBusy
	case errors.Is(err, broadcast.ErrDegraded):
		return ingest.ErrDegraded
	}
	return &ingest.Invalid{Message: err.Error()}
}

// feed is where past and present events come from, for those who watch over HTTP. It implements [ingest.Feed].
type feed Instance

// Since implements [ingest.Feed].
func (f *feed) Since(namespace, id string, limit int) ([]ingest.Record, *ingest.Gap, error) {
	r, after, err := f.at(namespace, id)
	if err != nil {
		return nil, nil, err
	}
	records, missing := r.b.Records(after, limit)
	all := make([]ingest.Record, 0, len(records))
	for i := range records {
		rec, err := r.record(&records[i])
		if err != nil {
			return nil, nil, err
		}
		all = append(all, rec)
	}
	return all, gapOf(missing), nil
}

// Watch implements [ingest.Feed]. What is missing, at first or because the reader lags, comes as an event of its own in its place.
func (f *feed) Watch(namespace, id string, take func(*ingest.Record)) (stop func(), gap *ingest.Gap, err error) {
	r, after, err := f.at(namespace, id)
	if err != nil {
		return nil, nil, err
	}
	from := &after
	if id == "" {
		from = nil
	}
	stop = r.b.Watch(from, func(records []broadcast.Record) {
		for i := range records {
			if g := records[i].Gap; g.To > 0 {
				take(&ingest.Record{Namespace: namespace, Event: "sockd:gap", Args: gapArgs(g), At: records[i].At})
			}
			if records[i].Packet == nil {
				continue
			}
			if rec, err := r.record(&records[i]); err == nil {
				take(&rec)
			}
		}
	})
	return stop, nil, nil
}

func gapArgs(g broadcast.Gap) json.RawMessage {
	return fmt.Appendf(nil, `[{"from":%d,"to":%d}]`, g.From, g.To)
}

// at finds a namespace and a position in its order. An id of an earlier start is before everything that is kept.
func (f *feed) at(namespace, id string) (*route, uint64, error) {
	r := f.spaces.route(namespace)
	if r == nil {
		return nil, 0, &ingest.Invalid{Message: fmt.Sprintf("namespace %q: this instance has none of that name", namespace)}
	}
	if id == "" {
		return r, 0, nil
	}
	epoch, seq, err := broadcast.ParseID(id)
	if err != nil {
		return nil, 0, &ingest.Invalid{Message: fmt.Sprintf("%q: must be the id or the seq of an event", id)}
	}
	if epoch != "" && epoch != r.b.Epoch() {
		seq = 0
	}
	return r, seq, nil
}

func gapOf(g broadcast.Gap) *ingest.Gap {
	if g.To == 0 {
		return nil
	}
	return &ingest.Gap{From: g.From, To: g.To}
}

// record makes what the outside sees of an event that was published.
func (r *route) record(rec *broadcast.Record) (ingest.Record, error) {
	name, payload, attachments, err := rec.Packet.Event()
	if err != nil {
		return ingest.Record{}, err
	}
	e := socketio.Event{Name: name, Payload: payload, Attachments: attachments}
	args, err := textual(e.Args(), attachments)
	if err != nil {
		return ingest.Record{}, err
	}
	return ingest.Record{
		ID: r.b.ID(rec.Seq), Seq: rec.Seq, Namespace: r.ns.Path(), Event: name, Args: args, Rooms: rec.To.Rooms, At: rec.At,
	}, nil
}

// ingest makes the options of the package that takes events over HTTP.
func (s *settings) ingest(in *Instance) ingest.Options {
	c := s.c.Ingest
	if c == nil {
		c = &config.Ingest{} // nobody asks it
	}
	o := ingest.Options{
		Path: c.Path, MaxBody: int64(c.MaxBody), Empty: c.Response == "empty", Namespace: s.allows,
		Work:   func(key uint64, job func()) error { return in.work.Do(int(key>>1), job) },
		Reader: s.reader(c),
	}
	if c.Token != "" {
		o.Tokens = []string{string(c.Token)}
	}
	if s.programs.transform != nil {
		o.Transform = func(body []byte, h http.Header, q url.Values) ([]json.RawMessage, error) {
			return s.programs.run(body, h, q, in.vars())
		}
	}
	return o
}

// reader says what a request may watch. Who has the token of the ingest, or anybody if the instance and the ingest are open, sees everything; with auth on, a
// client's token shows what its client would get.
func (s *settings) reader(c *config.Ingest) func(*http.Request) (rooms []string, all bool, err error) {
	return func(r *http.Request) (rooms []string, all bool, err error) {
		query := r.URL.Query()
		token := auth.Token(nil, r.Header, query, true)
		if c.Token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(c.Token)) == 1 {
			return nil, true, nil
		}
		ns := query.Get("namespace")
		if ns == "" {
			ns = "/"
		}
		g := s.programs.guards.of(ns)
		switch {
		case g == nil:
			return nil, c.Token == "", nil
		case g.auth == nil:
			return nil, false, errors.New("watching needs the token of the ingest")
		}
		id, err := g.auth.Check(token)
		if err != nil {
			return nil, false, err
		}
		rooms, err = g.expand(&rule.Input{Namespace: ns, Peer: &rule.Peer{Claims: id.Claims, Query: query, Header: r.Header}})
		return rooms, false, err
	}
}
