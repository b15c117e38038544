package instance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/sockd/sockd/instance/ingest"
	"github.com/sockd/sockd/instance/rule"
	"github.com/sockd/sockd/instance/socketio"
	"github.com/sockd/sockd/instance/worker"
)

var (
	// ErrNotServing is returned by what an operator asks of an instance that is not ready yet, or that drains.
	ErrNotServing = errors.New("the instance does not serve")
	// ErrBusy is returned by [Instance.Post] for an event that may be accepted if it is tried again.
	ErrBusy = errors.New("too many events wait already")
	// ErrNoNamespace is returned for a namespace that the instance has not.
	ErrNoNamespace = errors.New("no such namespace")
)

// Post is an event of an operator. The rules see it as one that came over HTTP.
type Post struct {
	Namespace string // with its slash; "" = /
	Event     string
	Args      json.RawMessage // a JSON array; nil = no arguments
	Rooms     []string
	Except    []string
	Binary    bool          // values {"$binary":"<base64>"} of Args stand for bytes
	Acked     bool          // its delivery is acked, whatever its rule says
	Wait      time.Duration // with Acked: for how long the acknowledgements are waited for; 0 = not at all
}

// Posted is what became of a [Post].
type Posted struct {
	ID         string // <epoch>-<seq>; "" if it was not published
	Seq        uint64
	Namespace  string
	Recipients int
	Dropped    string // why a rule dropped it, "" if none did
	Acked      int    // with Wait: how many clients have acknowledged it,
	Awaited    int    // of how many
}

// Post hands an event to the rules and waits until it has its place in the order, and for what Wait asks. Errors are [ErrNotServing], [ErrNoNamespace],
// [ErrBusy], ctx's, or say what is wrong with the event; after ctx's the event may still have happened.
func (in *Instance) Post(ctx context.Context, p Post) (Posted, error) {
	o, err := in.operation(&p)
	if err != nil {
		return Posted{}, err
	}
	done := make(chan posting, 1)
	o.done = func(r ingest.Result, err error) { done <- posting{r, err} }
	in.eventsIn.Add(1)
	if err := o.start(); err != nil {
		return Posted{}, err
	}
	select {
	case a := <-done:
		return Posted(a.res), operatorFault(a.err)
	case <-ctx.Done():
		return Posted{}, ctx.Err()
	}
}

type posting struct {
	res ingest.Result
	err error
}

// operatorFault names an error of the way in for an operator.
func operatorFault(err error) error {
	switch {
	case errors.Is(err, ingest.ErrBusy):
		return ErrBusy
	case errors.Is(err, ingest.ErrDegraded):
		return fmt.Errorf("%w: events cannot be stored at present", ErrBusy)
	}
	return err
}

// operated is an event of an operator on its way through the rules.
type operated struct {
	posted
	attachments [][]byte
	acked       bool
}

// operation checks p and finds its namespace.
func (in *Instance) operation(p *Post) (*operated, error) {
	if !in.serving() {
		return nil, ErrNotServing
	}
	if p.Namespace == "" {
		p.Namespace = "/"
	}
	switch {
	case p.Event == "":
		return nil, errors.New("event: must not be empty")
	case reservedName(p.Event):
		return nil, fmt.Errorf("event %q is reserved", p.Event)
	}
	o := &operated{acked: p.Acked}
	payload, err := o.payload(p)
	if err != nil {
		return nil, err
	}
	if o.r = in.spaces.route(p.Namespace); o.r == nil {
		return nil, fmt.Errorf("%w: %q", ErrNoNamespace, p.Namespace)
	}
	o.e = &ingest.Event{Payload: payload, Name: p.Event, Namespace: p.Namespace, Rooms: p.Rooms, Except: p.Except, Wait: p.Wait}
	return o, nil
}

// payload is the array of the name and the arguments.
func (o *operated) payload(p *Post) (json.RawMessage, error) {
	args := p.Args
	if p.Binary && len(args) > 0 {
		var err error
		if args, o.attachments, err = worker.DecodeBinary(args); err != nil {
			return nil, fmt.Errorf("args: %w", err)
		}
	}
	list := []json.RawMessage{nil}
	if len(args) > 0 {
		var rest []json.RawMessage
		if err := json.Unmarshal(args, &rest); err != nil {
			return nil, fmt.Errorf("args: must be an array: %w", err)
		}
		list = append(list, rest...)
	}
	name, err := json.Marshal(p.Event)
	if err != nil {
		return nil, err
	}
	list[0] = name
	return json.Marshal(list)
}

// reservedName reports the names that Socket.IO uses itself.
func reservedName(event string) bool {
	switch event {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// start has the rules decide, here if that takes no time, else on the work pool, behind what was posted before.
func (o *operated) start() error {
	in := o.r.in
	v := verdicts.Get().(*verdict)
	o.fill(v)
	slow := o.r.posted.busy.Load() || in.settings.Load().rules.Slow(&v.input)
	v.release()
	if !slow {
		o.decide()
		return nil
	}
	key := int(maphash.String(in.seed, o.e.Namespace) >> 1)
	if o.r.posted.do(in.work, key, len(o.e.Payload), o.decide) != nil {
		in.counts.refuse(overWork)
		return ErrBusy
	}
	return nil
}

func (o *operated) fill(v *verdict) {
	o.input(v)
	v.input.Binary = len(o.attachments)
}

func (o *operated) decide() {
	v := verdicts.Get().(*verdict)
	defer v.release()
	o.fill(v)
	c := &cause{e: &socketio.Event{Name: o.e.Name, Payload: o.e.Payload, Attachments: o.attachments}, done: o.tell, wait: o.e.Wait}
	o.r.in.settings.Load().rules.Eval(&v.input, &v.d)
	if o.acked {
		for i := range v.d.Emits {
			v.d.Emits[i].Delivery = rule.Acked
		}
	}
	o.r.act(v, c)
}

// serving reports whether clients and operators are served.
func (in *Instance) serving() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.state == Ready
}
