package broadcast_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
	"github.com/sockd/sockd/instance/lane"
	"github.com/sockd/sockd/instance/socketio"
)

type proof time.Time

func (p proof) ProvenAt() time.Time { return time.Time(p) }

// stack is a namespace with its broadcaster on an in-memory host.
type stack struct {
	t    *testing.T
	host *enginetest.Host
	io   *socketio.Server
	ns   *socketio.Namespace
	pool *lane.Pool
	b    *broadcast.Broadcaster
	ids  []string // of the sockets, as they joined
	end  func()   // ends the broadcaster, then the lanes
}

// hub hands events to a broadcaster as an instance without rules does.
type hub struct {
	socketio.Mux
	st *stack
}

func (h *hub) Connected(s *socketio.Socket) { h.st.ids = append(h.st.ids, s.ID()) }

func (h *hub) Event(s *socketio.Socket, e *socketio.Event) {
	h.st.b.Publish(broadcast.Event{Relay: e, To: socketio.Selector{Skip: s.ID()}}, nil)
}

// newStack starts everything inside the bubble of the test. With lanes false, the lanes do not run until start is called.
func newStack(t *testing.T, eo engineio.Options, bo broadcast.Options, lanes bool) (st *stack, start func()) {
	t.Helper()
	st = &stack{t: t, host: enginetest.NewHost(), pool: lane.New(3, 0, nil)}
	io := socketio.NewServer(socketio.Options{Shards: 3})
	st.io, st.ns = io, io.Of("/")
	st.ns.Handle(&hub{st: st})
	st.b = broadcast.New(proof(time.Now()), st.ns, st.pool, bo)
	st.host.Serve(engineio.NewServer(io.Accept, st.host, eo))
	bctx, stopBroadcaster := context.WithCancel(context.Background())
	bdone := make(chan error, 1)
	go func() { bdone <- st.b.Run(bctx) }()
	start = st.pool.Start
	if lanes {
		start()
	}
	st.end = func() {
		stopBroadcaster()
		if err := <-bdone; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
		st.pool.Stop()
	}
	synctest.Wait()
	return st, start
}

// client joins the namespace over a websocket.
func (st *stack) client() *enginetest.Conn {
	st.t.Helper()
	conn, err := st.host.Client().Dial()
	if err != nil {
		st.t.Fatal(err)
	}
	if err := conn.Send("40"); err != nil {
		st.t.Fatal(err)
	}
	for _, prefix := range []string{"0{", "40{"} {
		if f, err := conn.Recv(); err != nil || !strings.HasPrefix(f.Data, prefix) {
			st.t.Fatalf("got %q, %v; want %s", f.Data, err, prefix)
		}
	}
	return conn
}

// received returns what a client has got so far, without waiting.
func received(t *testing.T, c *enginetest.Conn) (all []string) {
	t.Helper()
	synctest.Wait()
	for c.Pending() > 0 {
		f, err := c.Recv()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Data)
	}
	return all
}

func TestEventsHaveOneOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, _ := newStack(t, engineio.Options{}, broadcast.Options{}, true)
		clients := []*enginetest.Conn{st.client(), st.client(), st.client(), st.client(), st.client()}
		const publishers, each = 4, 250
		seqs := make(chan uint64, publishers*each)
		for p := range publishers {
			go func() {
				for i := range each {
					st.b.Publish(broadcast.Event{Name: "e", Args: []any{p, i}}, func(seq uint64, err error) {
						if err != nil {
							t.Error(err)
						}
						seqs <- seq
					})
				}
			}()
		}
		seen := map[uint64]bool{}
		for range publishers * each {
			seen[<-seqs] = true
		}
		if len(seen) != publishers*each || seen[0] || !seen[publishers*each] {
			t.Errorf("%d different numbers", len(seen))
		}
		first := received(t, clients[0])
		if len(first) != publishers*each {
			t.Fatalf("got %d events, want %d", len(first), publishers*each)
		}
		for _, c := range clients[1:] {
			if got := received(t, c); strings.Join(got, "") != strings.Join(first, "") {
				t.Error("two clients saw different orders")
			}
		}
		st.end()
		s := st.b.Stats()
		if s.Accepted != publishers*each || s.Seq != s.Accepted || s.Sent != s.Accepted*5 {
			t.Errorf("stats: %+v", s)
		}
	})
}

// What waits in an outbox is joined into one write per client, and the senders are still left out of their own events.
func TestJoinedWritesLeaveSendersOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, start := newStack(t, engineio.Options{}, broadcast.Options{}, false)
		a, b, c := st.client(), st.client(), st.client()
		rng := rand.New(rand.NewPCG(1, 2))
		var want [3][]string
		for i := range 300 {
			from := rng.IntN(3)
			if err := []*enginetest.Conn{a, b, c}[from].Send(fmt.Sprintf(`42["m",%d]`, i)); err != nil {
				t.Fatal(err)
			}
			for k := range want {
				if k != from {
					want[k] = append(want[k], fmt.Sprintf(`42["m",%d]`, i))
				}
			}
		}
		start()
		for k, conn := range []*enginetest.Conn{a, b, c} {
			if got := received(t, conn); strings.Join(got, "") != strings.Join(want[k], "") {
				t.Errorf("client %d: got %d events, want %d, or another order", k, len(got), len(want[k]))
			}
		}
		st.end()
		if err := st.host.Err(); err != nil {
			t.Error(err)
		}
	})
}

func TestRoomsAreNotMixed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, start := newStack(t, engineio.Options{}, broadcast.Options{}, false)
		a, b := st.client(), st.client()
		st.ns.Lookup(st.ids[0]).Join("left")
		st.ns.Lookup(st.ids[1]).Join("right")
		for i, room := range []string{"left", "right", "right", "left", ""} {
			to := socketio.Selector{}
			if room != "" {
				to.Rooms = []string{room}
			}
			st.b.Publish(broadcast.Event{Name: "r", Args: []any{i}, To: to}, nil)
		}
		start()
		if got := strings.Join(received(t, a), " "); got != `42["r",0] 42["r",3] 42["r",4]` {
			t.Errorf("left: %s", got)
		}
		if got := strings.Join(received(t, b), " "); got != `42["r",1] 42["r",2] 42["r",4]` {
			t.Errorf("right: %s", got)
		}
		st.end()
	})
}

func TestOutboxIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, start := newStack(t, engineio.Options{}, broadcast.Options{Depth: 10}, false)
		a := st.client()
		var full int
		for i := range 15 {
			st.b.Publish(broadcast.Event{Name: "n", Args: []any{i}}, func(_ uint64, err error) {
				if errors.Is(err, broadcast.ErrFull) {
					full++
				}
			})
		}
		start()
		if got := len(received(t, a)); got != 10 || full != 5 {
			t.Errorf("delivered %d, refused %d; want 10, 5", got, full)
		}
		st.end()
		if s := st.b.Stats(); s.Refused.Full != 5 || s.Accepted != 10 || s.Seq != 10 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestPublishAfterRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, _ := newStack(t, engineio.Options{}, broadcast.Options{}, true)
		st.end()
		called := 0
		st.b.Publish(broadcast.Event{Name: "late"}, func(seq uint64, err error) {
			called++
			if !errors.Is(err, broadcast.ErrNotRunning) || seq != 0 {
				t.Errorf("got %d, %v", seq, err)
			}
		})
		if called != 1 {
			t.Errorf("done was called %d times", called)
		}
	})
}

func TestWithoutAProofThereIsNoBroadcaster(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]broadcast.Proof{"nil": nil, "of no time": proof(time.Time{})} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: New did not panic", name)
				}
			}()
			ns := socketio.NewServer(socketio.Options{}).Of("/")
			broadcast.New(p, ns, lane.New(1, 0, nil), broadcast.Options{})
		}()
	}
}

// A client that does not read loses its connection, and nobody else notices. Every send is accounted for.
func TestSlowClientLosesOnlyItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, _ := newStack(t, engineio.Options{Queue: 4096}, broadcast.Options{}, true)
		slow, healthy := st.client(), st.client()
		slow.Hold()
		const n = 500
		for i := range n {
			st.b.Publish(broadcast.Event{Name: "e", Args: []any{i, strings.Repeat("x", 100)}}, nil)
			synctest.Wait()
		}
		if got := len(received(t, healthy)); got != n {
			t.Errorf("the healthy client got %d of %d", got, n)
		}
		if st.ns.Len() != 1 {
			t.Errorf("%d sockets remain, want 1", st.ns.Len())
		}
		st.end()
		s := st.b.Stats()
		if s.Dropped["slow"] == 0 || s.Sent < n {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestVolatileIsDroppedForWhoCannotTakeIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, _ := newStack(t, engineio.Options{}, broadcast.Options{}, true)
		busy, free := st.client(), st.client()
		busy.Hold()
		for i := range 4 {
			st.b.Publish(broadcast.Event{Name: "v", Args: []any{i}, Volatile: i > 0}, nil)
			synctest.Wait()
		}
		if got := len(received(t, free)); got != 4 {
			t.Errorf("the free client got %d of 4", got)
		}
		busy.Release()
		if got := received(t, busy); len(got) != 1 || got[0] != `42["v",0]` {
			t.Errorf("the busy client got %q", got)
		}
		st.end()
		if s := st.b.Stats(); s.Dropped["volatile"] != 3 || s.Sent != 5 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestInvalidEventIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, _ := newStack(t, engineio.Options{}, broadcast.Options{}, true)
		for _, e := range []broadcast.Event{{Name: "connect"}, {Name: "x", Args: []any{make(chan int)}}, {Name: "x", Args: []any{json.RawMessage("{")}}} {
			st.b.Publish(e, func(_ uint64, err error) {
				if err == nil {
					t.Errorf("%q was accepted", e.Name)
				}
			})
		}
		st.end()
		if s := st.b.Stats(); s.Refused.Invalid != 3 || s.Seq != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

// leaver panics when its socket leaves.
type leaver struct{ hub }

func (*leaver) Disconnect(*socketio.Socket, engineio.Reason) { panic("handler") }

// A handler that panics during a fan-out neither stops its lane nor keeps Run from ending.
func TestPanicDuringAFanOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, _ := newStack(t, engineio.Options{Queue: 2048}, broadcast.Options{}, true)
		st.ns.Handle(&leaver{hub{st: st}})
		slow, healthy := st.client(), st.client()
		slow.Hold()
		for i := range 100 {
			st.b.Publish(broadcast.Event{Name: "e", Args: []any{i, strings.Repeat("x", 100)}}, nil)
			synctest.Wait()
		}
		if st.pool.Panics() != 1 {
			t.Errorf("%d panics, want that of the slow client", st.pool.Panics())
		}
		st.b.Publish(broadcast.Event{Name: "last"}, nil)
		if got := received(t, healthy); len(got) == 0 || got[len(got)-1] != `42["last"]` {
			t.Errorf("the healthy client got %d events, not the last", len(got))
		}
		st.end()
	})
}

// An event is for those who were there when it was published, however long it waits for its lane.
func TestNewcomersGetNoOldEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, start := newStack(t, engineio.Options{}, broadcast.Options{}, false)
		early := st.client()
		var want [3]string
		clients := []*enginetest.Conn{early}
		for i := range 9 {
			st.b.Publish(broadcast.Event{Name: "n", Args: []any{i}}, nil)
			for k := range clients {
				want[k] += fmt.Sprintf(`42["n",%d]`, i)
			}
			if i%3 == 2 && len(clients) < 3 {
				clients = append(clients, st.client())
			}
		}
		start()
		for k, c := range clients {
			if got := strings.Join(received(t, c), ""); got != want[k] {
				t.Errorf("client %d got %s, want %s", k, got, want[k])
			}
		}
		st.end()
	})
}

// From the answer to its CONNECT on, a client misses nothing: what it gets of a steady stream has no gap and ends with the last.
func TestNoEventIsMissedAfterTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, _ := newStack(t, engineio.Options{}, broadcast.Options{}, true)
		const n = 2000
		published := make(chan struct{})
		go func() {
			defer close(published)
			for i := range n {
				st.b.Publish(broadcast.Event{Name: "n", Args: []any{i}}, nil)
			}
		}()
		var clients []*enginetest.Conn
		for range 50 {
			clients = append(clients, st.client())
		}
		<-published
		for k, c := range clients {
			got := received(t, c)
			if len(got) == 0 {
				continue // it came after the last one
			}
			var first int
			if _, err := fmt.Sscanf(got[0], `42["n",%d]`, &first); err != nil {
				t.Fatal(err)
			}
			for i, p := range got {
				if p != fmt.Sprintf(`42["n",%d]`, first+i) {
					t.Fatalf("client %d: %s at place %d behind %s", k, p, i, got[0])
				}
			}
			if first+len(got) != n {
				t.Errorf("client %d: the last is %s", k, got[len(got)-1])
			}
		}
		st.end()
	})
}
