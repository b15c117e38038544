package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/sockd/sockd/instance"
)

// maxListed is how many rooms or clients one answer lists.
const maxListed = 100_000

// maxLetters is how many bytes of arguments one list of letters has; those after them are left out, the oldest come first.
const maxLetters = 32 << 20

// Operated is what operators ask of a [Member]. The methods may be called at any time from any goroutine; see [instance.Instance].
type Operated interface {
	Post(ctx context.Context, p instance.Post) (instance.Posted, error)
	Tap(f instance.TapFilter, take func(instance.Traffic)) (stop func())
	Rooms() []instance.Room
	Clients() []instance.Client
	Kick(sid string) bool
	History(q instance.HistoryQuery) (instance.HistoryPage, error)
	Letters(namespace string) (pending, dead []instance.Letter, err error)
	Flush(ctx context.Context, namespace string, dead bool) (instance.Retried, error)
	Discard(namespace string, pending bool) (instance.Retried, error)
}

// operated finds the member of an instance.
func (f *Fleet) operated(name string) (Operated, error) {
	for _, v := range f.snapshot.Load().views {
		if v.name != name {
			continue
		}
		if v.member == nil {
			return nil, fmt.Errorf("%w: %q is %s", control.ErrNotServing, name, v.state)
		}
		return v.member, nil
	}
	return nil, fmt.Errorf("%w: %q", control.ErrUnknown, name)
}

// operatorFault gives an error of an instance the name that operators know.
func operatorFault(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, instance.ErrNotServing):
		return fmt.Errorf("%w: %q is not ready", control.ErrNotServing, name)
	case errors.Is(err, instance.ErrBusy):
		return fmt.Errorf("%w: %w", control.ErrBusy, err)
	}
	return err
}

// Emit implements [control.Traffic].
func (f *Fleet) Emit(ctx context.Context, e control.EmitRequest) (control.Emitted, error) {
	m, err := f.operated(e.Instance)
	if err != nil {
		return control.Emitted{}, err
	}
	p, err := m.Post(ctx, instance.Post{
		Namespace: e.Namespace, Event: e.Event, Args: e.Args, Rooms: e.Rooms, Except: e.Except, Binary: e.Binary, Acked: e.Ack,
		Wait: time.Duration(e.WaitMS) * time.Millisecond,
	})
	return control.Emitted(p), operatorFault(e.Instance, err)
}

// Rooms implements [control.Traffic].
func (f *Fleet) Rooms(_ context.Context, r control.InstanceRequest) (control.RoomList, error) {
	m, err := f.operated(r.Instance)
	if err != nil {
		return control.RoomList{}, err
	}
	all := m.Rooms()
	n := min(len(all), maxListed)
	list := control.RoomList{Rooms: make([]control.Room, n), More: len(all) - n}
	for i, room := range all[:n] {
		list.Rooms[i] = control.Room(room)
	}
	return list, nil
}

// Clients implements [control.Traffic].
func (f *Fleet) Clients(_ context.Context, r control.InstanceRequest) (control.ClientList, error) {
	m, err := f.operated(r.Instance)
	if err != nil {
		return control.ClientList{}, err
	}
	all := m.Clients()
	n := min(len(all), maxListed)
	list := control.ClientList{Clients: make([]control.ClientInfo, n), More: len(all) - n}
	for i, c := range all[:n] {
		list.Clients[i] = control.ClientInfo(c)
		list.Clients[i].Rooms = append([]string{}, c.Rooms...)
	}
	return list, nil
}

// Kick implements [control.Traffic].
func (f *Fleet) Kick(_ context.Context, k control.KickRequest) (struct{}, error) {
	m, err := f.operated(k.Instance)
	if err == nil && !m.Kick(k.SID) {
		err = fmt.Errorf("%w: %q has none with the id %q", control.ErrUnknownClient, k.Instance, k.SID)
	}
	return struct{}{}, err
}

// History implements [control.Traffic].
func (f *Fleet) History(_ context.Context, h control.HistoryRequest) (control.HistoryPage, error) {
	m, err := f.operated(h.Instance)
	if err != nil {
		return control.HistoryPage{}, err
	}
	p, err := m.History(instance.HistoryQuery{
		Namespace: h.Namespace, Since: h.Since, Age: time.Duration(h.AgeMS) * time.Millisecond, Last: h.Last,
	})
	if err != nil {
		return control.HistoryPage{}, operatorFault(h.Instance, err)
	}
	page := control.HistoryPage{Events: make([]control.PastEvent, len(p.Events)), Gap: (*control.Gap)(p.Gap), Epoch: p.Epoch, Next: p.Next}
	for i := range p.Events {
		page.Events[i] = control.PastEvent{
			ID: p.Events[i].ID, Seq: p.Events[i].Seq, Event: p.Events[i].Event, Args: p.Events[i].Args, Namespace: p.Events[i].Namespace,
			Room: p.Events[i].Rooms, At: p.Events[i].At,
		}
	}
	return page, nil
}

// Letters implements [control.Traffic].
func (f *Fleet) Letters(_ context.Context, r control.RetryRequest) (control.LetterList, error) {
	m, err := f.operated(r.Instance)
	if err != nil {
		return control.LetterList{}, err
	}
	pending, dead, err := m.Letters(r.Namespace)
	budget := maxLetters
	return control.LetterList{Pending: letters(pending, &budget), Dead: letters(dead, &budget)}, operatorFault(r.Instance, err)
}

// letters takes as many as the budget, in bytes, allows.
func letters(all []instance.Letter, budget *int) []control.Letter {
	list := []control.Letter{}
	for _, l := range all {
		for _, a := range l.Args {
			*budget -= len(a)
		}
		if *budget < 0 {
			break
		}
		list = append(list, control.Letter(l))
	}
	return list
}

// Flush implements [control.Traffic].
func (f *Fleet) Flush(ctx context.Context, r control.RetryRequest) (control.Retried, error) {
	m, err := f.operated(r.Instance)
	if err != nil {
		return control.Retried{}, err
	}
	n, err := m.Flush(ctx, r.Namespace, r.Dead)
	return control.Retried(n), operatorFault(r.Instance, err)
}

// Drop implements [control.Traffic].
func (f *Fleet) Drop(_ context.Context, r control.RetryRequest) (control.Retried, error) {
	m, err := f.operated(r.Instance)
	if err != nil {
		return control.Retried{}, err
	}
	n, err := m.Discard(r.Namespace, r.Pending)
	return control.Retried(n), operatorFault(r.Instance, err)
}
