package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/sockd/sockd/instance"
)

// taps are what follows the traffic of members, one of each: func(instance.Traffic) by *member.
var taps sync.Map

func (m *member) Post(_ context.Context, p instance.Post) (instance.Posted, error) {
	switch p.Event {
	case "busy":
		return instance.Posted{}, instance.ErrBusy
	case "early":
		return instance.Posted{}, instance.ErrNotServing
	}
	return instance.Posted{ID: "abcdefgh-1", Seq: 1, Namespace: p.Namespace, Recipients: int(p.Wait / time.Millisecond)}, nil
}

func (m *member) Tap(f instance.TapFilter, take func(instance.Traffic)) (stop func()) {
	if _, twice := taps.LoadOrStore(m, take); twice {
		m.w.t.Errorf("%s is tapped twice", m.name)
	}
	if f.Event != "e*" || f.Both {
		m.w.t.Errorf("filter %+v", f)
	}
	return func() { taps.Delete(m) }
}

// traffic is an event that m sends to whoever follows it.
func (m *member) traffic(x instance.Traffic) (followed bool) {
	take, followed := taps.Load(m)
	if followed {
		take.(func(instance.Traffic))(x)
	}
	return followed
}

func (m *member) Rooms() []instance.Room {
	return []instance.Room{{Room: m.name, Namespace: "/", Clients: 2}}
}

func (m *member) Clients() []instance.Client { return []instance.Client{{SID: "s", ClientID: m.name}} }

func (m *member) Kick(sid string) bool { return sid == "s" }

func (m *member) History(q instance.HistoryQuery) (instance.HistoryPage, error) {
	p := instance.HistoryPage{Events: []instance.PastEvent{{Seq: 7, Event: m.name}}, Gap: &instance.EventGap{From: 1, To: 6}, Epoch: "abcdefgh", Next: q.Since}
	return p, nil
}

func (m *member) Letters(ns string) (pending, dead []instance.Letter, err error) {
	large := instance.Letter{Seq: 2, Args: []json.RawMessage{make(json.RawMessage, 20<<20)}}
	return []instance.Letter{{Seq: 1, Namespace: ns}}, []instance.Letter{large, large}, nil
}

func (m *member) Flush(_ context.Context, _ string, dead bool) (instance.Retried, error) {
	if dead {
		return instance.Retried{Dead: 1}, nil
	}
	return instance.Retried{Pending: 1}, nil
}

func (m *member) Discard(_ string, pending bool) (instance.Retried, error) {
	if pending {
		return instance.Retried{Pending: 1, Dead: 1}, nil
	}
	return instance.Retried{Dead: 1}, nil
}

func TestOperatorsReachTheMember(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001), on("b", 3002)))
		f, ctx := w.fleet, t.Context()
		if r, err := f.Emit(ctx, control.EmitRequest{Instance: "a", Event: "e", Namespace: "/n", WaitMS: 7}); err != nil || r.Namespace != "/n" || r.Recipients != 7 {
			t.Errorf("emit: got %+v, %v", r, err)
		}
		if r, err := f.Rooms(ctx, control.InstanceRequest{Instance: "b"}); err != nil || len(r.Rooms) != 1 || r.Rooms[0].Room != "b" {
			t.Errorf("rooms: got %+v, %v", r, err)
		}
		if r, err := f.Clients(ctx, control.InstanceRequest{Instance: "b"}); err != nil || len(r.Clients) != 1 || r.Clients[0].ClientID != "b" || r.Clients[0].Rooms == nil {
			t.Errorf("clients: got %+v, %v", r, err)
		}
		if _, err := f.Kick(ctx, control.KickRequest{Instance: "a", SID: "s"}); err != nil {
			t.Errorf("kick: %v", err)
		}
		p, err := f.History(ctx, control.HistoryRequest{Instance: "a", Since: "6"})
		if err != nil || len(p.Events) != 1 || p.Events[0].Seq != 7 || p.Gap.To != 6 || p.Epoch != "abcdefgh" || p.Next != "6" {
			t.Errorf("history: got %+v, %v", p, err)
		}
		l, err := f.Letters(ctx, control.RetryRequest{Instance: "a", Namespace: "/n"})
		if err != nil || len(l.Pending) != 1 || l.Pending[0].Namespace != "/n" || len(l.Dead) != 1 {
			t.Errorf("letters: got %d and %d, %v; want 1 and 1, as more do not fit", len(l.Pending), len(l.Dead), err)
		}
		flushed, err := f.Flush(ctx, control.RetryRequest{Instance: "a", Dead: true})
		if err != nil || flushed != (control.Retried{Dead: 1}) {
			t.Errorf("flush: got %+v, %v", flushed, err)
		}
		dropped, err := f.Drop(ctx, control.RetryRequest{Instance: "a", Pending: true})
		if err != nil || dropped != (control.Retried{Pending: 1, Dead: 1}) {
			t.Errorf("drop: got %+v, %v", dropped, err)
		}
	})
}

func TestOperatorsAreToldWhyNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		ctx := t.Context()
		emit := func(name, event string, want error) {
			t.Helper()
			if _, err := w.fleet.Emit(ctx, control.EmitRequest{Instance: name, Event: event}); !errors.Is(err, want) {
				t.Errorf("emit %s %s: got %v, want %v", name, event, err, want)
			}
		}
		emit("x", "e", control.ErrUnknown)
		emit("a", "busy", control.ErrBusy)
		emit("a", "early", control.ErrNotServing)
		if _, err := w.fleet.Kick(ctx, control.KickRequest{Instance: "a", SID: "x"}); !errors.Is(err, control.ErrUnknownClient) {
			t.Errorf("kick: got %v", err)
		}
		w.order(w.fleet.Stop, "a")
		emit("a", "e", control.ErrNotServing)
	})
}

// follow collects what a tail is sent, as instance:event+lost, until stop is called.
func (w *world) follow(t control.TailRequest, send func(control.TailLine) error) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.fleet.Tail(ctx, t, send) }()
	synctest.Wait()
	return func() error {
		cancel()
		return <-ended
	}
}

func TestTailFollowsMembersAsTheyComeAndGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.act("a1", script{drains: 2 * time.Second})
		w.run(file(on("a1", 3001), on("b", 3002)))
		var got string
		stop := w.follow(control.TailRequest{Names: []string{"a*"}, Event: "e*", In: true}, func(l control.TailLine) error {
			if !l.Time.IsZero() {
				got += fmt.Sprintf("%s:%s+%d ", l.Instance, l.Event, l.Lost)
			}
			return nil
		})
		event := func(name string) instance.Traffic { return instance.Traffic{At: time.Now(), Event: name} }
		old := w.last("a1")
		old.traffic(event("e1"))
		if w.last("b").traffic(event("e2")) {
			t.Error("b is followed")
		}
		w.want(w.reload(file(on("a1", 3001), on("b", 3002), on("a2", 3003)), noOptions), control.Applied)
		synctest.Wait()
		w.last("a2").traffic(event("e3"))
		w.order(w.fleet.Restart, "a1")
		old.traffic(event("e4")) // while it drains
		w.last("a1").traffic(event("e5"))
		synctest.Wait()
		<-time.After(10 * time.Second)
		if old.traffic(event("e6")) {
			t.Error("one that has ended is followed")
		}
		if want := "a1:e1+0 a2:e3+0 a1:e4+0 a1:e5+0 "; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if w.last("a1").traffic(event("e7")) {
			t.Error("followed after the end")
		}
	})
}

func TestTailLosesLinesAndSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		reads := make(chan struct{})
		var lines, lost int
		var last control.TailLine
		stop := w.follow(control.TailRequest{Event: "e*", Out: true}, func(l control.TailLine) error {
			<-reads
			lines, lost, last = lines+1, lost+int(l.Lost), l
			return nil
		})
		m := w.last("a")
		x := instance.Traffic{Out: true, At: time.Now(), Event: "e"}
		m.traffic(x)
		synctest.Wait() // the reader has it and does not go on
		for range 1100 {
			m.traffic(x)
		}
		m.traffic(instance.Traffic{Out: true, Lost: 7})
		close(reads)
		synctest.Wait()
		if lines != 1002 || lost != 107 || last.Event != "" || last.Lost != 107 {
			t.Errorf("%d lines and %d lost, last %+v; want 1002, 107, and a line of its own for these", lines, lost, last)
		}
		x.Args = make(json.RawMessage, 6<<20)
		m.traffic(x)
		synctest.Wait()
		if lines != 1003 || last.Dir != control.Out {
			t.Errorf("%d lines, last %s", lines, last.Event)
		}
		_ = stop()
	})
}

func TestTailIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		reads := make(chan struct{})
		var lost []uint64
		stop := w.follow(control.TailRequest{Event: "e*", Out: true}, func(l control.TailLine) error {
			<-reads
			lost = append(lost, l.Lost)
			return nil
		})
		m := w.last("a")
		m.traffic(instance.Traffic{Out: true, At: time.Now(), Event: "e"})
		synctest.Wait()
		for _, size := range []int{9 << 20, 1, 0, 1} { // the first is taken alone, whatever its size
			m.traffic(instance.Traffic{Out: true, At: time.Now(), Event: "e", Args: make(json.RawMessage, size)})
		}
		close(reads)
		synctest.Wait()
		_ = stop()
		if fmt.Sprint(lost) != "[0 0 3]" {
			t.Errorf("lost %v, want nothing, nothing and 3", lost)
		}
	})
}

func TestTailEndsWithTheFleet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(file(on("a", 3001)))
		beats := 0
		ended := make(chan error, 1)
		go func() {
			ended <- w.fleet.Tail(context.Background(), control.TailRequest{Event: "e*", In: true}, func(l control.TailLine) error {
				if l.Time.IsZero() {
					beats++
				}
				return nil
			})
		}()
		<-time.After(11 * time.Second)
		synctest.Wait()
		if beats != 2 {
			t.Errorf("%d signs of life in 11s, want 2", beats)
		}
		w.stop()
		if err := <-ended; err != nil {
			t.Errorf("got %v", err)
		}
	})
}
