package broadcast_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
	"github.com/sockd/sockd/instance/socketio"
)

func TestKnownClientGetsWhatItMissed(t *testing.T) {
	delivering(t, broadcast.Options{}, func(t *testing.T, st *stack) {
		a := st.member(known("a", "red"))
		sender := a.id()
		st.publish("seen")
		a.want(false, `["seen"]`)
		a.drop()
		st.publish("all")
		st.publish("red", "green", "red")
		st.publish("blue", "blue")
		st.publish("me", sender)
		st.b.Publish(broadcast.Event{Name: "own", To: socketio.Selector{Skip: sender}}, nil)
		st.b.Publish(broadcast.Event{Name: "volatile", Volatile: true}, nil)
		st.b.Publish(broadcast.Event{Name: "unkept", Unkept: true}, nil)
		a.connect()
		if a.id() == sender {
			t.Error("it has its old id")
		}
		a.want(false, `["all"]`, `["red"]`, `["me"]`)
		st.publish("live", "red")
		a.want(false, `["live"]`)
		a.drop()
		a.connect()
		a.want(false)
		pass(time.Minute)
		a.drop()
		pass(31 * time.Second)
		st.publish("late")
		if s := st.b.Stats(); s.Clients.Known != 0 || s.Clients.Expired != 1 || s.Clients.Returned != 2 || !st.b.Idle() {
			t.Errorf("stats: %+v", s)
		}
		a.connect()
		a.want(false)
	})
}

// busy keeps all lanes busy until it is called.
func (st *stack) busy() (release func()) {
	synctest.Wait()
	wait := make(chan struct{})
	for k := range st.pool.Lanes() {
		if err := st.pool.Do(k, func() { <-wait }); err != nil {
			st.t.Fatal(err)
		}
	}
	return func() {
		close(wait)
		synctest.Wait()
	}
}

// Of two sockets that a client returns with at once, one gets what it missed, and both what comes then.
func TestClientReturnsTwiceAtOnce(t *testing.T) {
	delivering(t, broadcast.Options{}, func(t *testing.T, st *stack) {
		st.member(known("a")).drop()
		st.publish("missed")
		release := st.busy()
		var conns []*enginetest.Conn
		for range 5 {
			conn, err := st.host.Client().Dial()
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.Send(`40{"client_id":"a"}`); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		st.publish("live")
		release()
		var missed, live int
		for _, c := range conns {
			got := strings.Join(received(t, c), " ")
			missed += strings.Count(got, "missed")
			live += strings.Count(got, "live")
			if strings.Contains(got, "live") && strings.Contains(got[strings.Index(got, "live"):], "missed") {
				t.Errorf("got %q", got)
			}
		}
		if missed != 1 || live != 5 {
			t.Errorf("%d got what it missed, %d what came then", missed, live)
		}
	})
}

// What waits for its lane when a client leaves is missed.
func TestClientLeavesBeforeItsLaneHasHadItsTurn(t *testing.T) {
	delivering(t, broadcast.Options{Retry: policy}, func(t *testing.T, st *stack) {
		a := st.member(known("a"))
		st.publish("seen")
		a.want(false, `["seen"]`)
		release := st.busy()
		st.publish("once")
		st.acked("acked")
		a.drop()
		release()
		st.wantLetters("acked a 0", "")
		a.connect()
		a.want(true, `["once"]`, `["acked"]`)
		a.want(false)
		st.wantLetters("", "")
	})
}

func TestClientsAreBounded(t *testing.T) {
	delivering(t, broadcast.Options{Clients: 2, Away: time.Hour}, func(t *testing.T, st *stack) {
		var all []*member
		for i := range 4 {
			m := st.member(known(fmt.Sprint(i)))
			m.drop()
			all = append(all, m)
		}
		st.publish("e")
		if s := st.b.Stats(); s.Clients.Away != 2 || s.Clients.Evicted != 2 || s.Clients.Known != 2 {
			t.Errorf("stats: %+v", s)
		}
		for i, m := range all {
			m.connect()
			if got := len(m.take()); got != i/2 {
				t.Errorf("client %d got %d", i, got)
			}
		}
	})
}

func TestGapIsTold(t *testing.T) {
	o := broadcast.Options{History: broadcast.History{Size: 2}}
	delivering(t, o, func(t *testing.T, st *stack) {
		a := st.member(known("a"))
		st.publish("seen")
		a.want(false, `["seen"]`)
		a.drop()
		for i := range 5 {
			st.publish(fmt.Sprint(i))
		}
		a.connect()
		a.want(false, `["sockd:gap",{"from":2,"to":4}]`, `["3"]`, `["4"]`)
		if s := st.b.Stats(); s.Clients.Gaps != 1 {
			t.Errorf("stats: %+v", s)
		}
	})
}

// What is pruned while a client is there, and is not for it, is no gap.
func TestNoGapForWhatIsForOthers(t *testing.T) {
	for name, h := range map[string]broadcast.History{"by size": {Size: 10}, "by age": {TTL: time.Second}, "none": {Size: -1}} {
		t.Run(name, func(t *testing.T) {
			delivering(t, broadcast.Options{History: h}, func(t *testing.T, st *stack) {
				a := st.member(known("a"))
				for range 500 {
					st.publish("e", "nobody")
					synctest.Wait()
				}
				pass(2 * time.Second)
				a.drop()
				a.connect()
				a.want(false)
			})
		})
	}
}

func TestGapWhenTooMuchWaits(t *testing.T) {
	crowded := false
	delivering(t, broadcast.Options{Crowded: func() bool { return crowded }}, func(t *testing.T, st *stack) {
		a := st.member(known("a"))
		a.drop()
		st.publish("e")
		st.publish("f")
		crowded = true
		a.connect()
		a.want(false, `["sockd:gap",{"from":1,"to":2}]`)
	})
}

func TestReplayToNewClients(t *testing.T) {
	for name, c := range map[string]struct {
		replay broadcast.Replay
		want   []string
	}{
		"none":   {broadcast.None, nil},
		"missed": {broadcast.Missed, nil},
		"last 2": {broadcast.Last(2), []string{`["4"]`, `["6"]`}},
		"all":    {broadcast.All, []string{`["0"]`, `["2"]`, `["4"]`, `["6"]`}},
	} {
		t.Run(name, func(t *testing.T) {
			delivering(t, broadcast.Options{Replay: c.replay}, func(t *testing.T, st *stack) {
				for i := range 8 {
					st.publish(fmt.Sprint(i), []string{"even", "odd"}[i%2])
				}
				anonymous, named := st.member(map[string]any{"rooms": []string{"even"}}), st.member(known("n", "even"))
				second := st.member(known("n", "even"))
				st.publish("live")
				anonymous.want(false, append(c.want, `["live"]`)...)
				named.want(false, append(c.want, `["live"]`)...)
				second.want(false, `["live"]`)
				second.drop()
				named.drop()
				st.publish("absent")
				named.connect()
				if c.replay == broadcast.None {
					named.want(false)
				} else {
					named.want(false, `["absent"]`)
				}
			})
		})
	}
}

// More than one look at the history takes, and of all kinds.
func TestReplayOfALongHistory(t *testing.T) {
	o := broadcast.Options{Replay: broadcast.Last(700), History: broadcast.History{Size: 5000}}
	delivering(t, o, func(t *testing.T, st *stack) {
		for i := range 2000 {
			st.b.Publish(broadcast.Event{Name: "e", Args: []any{i}, To: socketio.Selector{Rooms: []string{fmt.Sprint("r", i%2)}}, Acked: i%100 == 0}, nil)
		}
		a := st.member(known("a", "r0"))
		got := a.take()
		if len(got) != 700 || got[0].args != `["e",600]` || got[699].args != `["e",1998]` {
			t.Errorf("got %d: %v … %v", len(got), got[0], got[len(got)-1])
		}
		a.drop()
		for i := range 2000 {
			st.b.Publish(broadcast.Event{Name: "f", Args: []any{i}}, nil)
		}
		a.connect()
		if got := a.take(); len(got) != 2000 {
			t.Errorf("got %d", len(got))
		}
	})
}

func TestRefusedClientLeavesNothing(t *testing.T) {
	delivering(t, broadcast.Options{}, func(t *testing.T, st *stack) {
		d := &doorman{st: st}
		st.ns.Handle(&strict{doorman: d})
		conn, err := st.host.Client().Dial()
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Send(`40{"client_id":"x"}`); err != nil {
			t.Fatal(err)
		}
		if got := received(t, conn); len(got) != 2 || !strings.HasPrefix(got[1], "44") {
			t.Errorf("got %q", got)
		}
		if s := st.b.Stats(); s.Clients.Known != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

type strict struct{ *doorman }

func (s *strict) Connect(sock *socketio.Socket, auth json.RawMessage) error {
	_ = s.doorman.Connect(sock, auth)
	return errNo
}

var errNo = &socketio.ConnectError{Message: "no"}

// The pid and the offset beat the client_id: nothing comes twice.
func TestRecoveredClientIsNotReplayedTo(t *testing.T) {
	delivering(t, window, func(t *testing.T, st *stack) {
		g := &guest{t: t, host: st.host}
		g.connectAs(`{"client_id":"a"}`)
		st.publish("seen")
		g.want(`["seen"]`)
		offset := g.offset
		st.publish("lost in the connection")
		g.drop()
		st.publish("missed")
		g.connectAs(fmt.Sprintf(`{"client_id":"a","pid":%q,"offset":%q}`, g.pid, offset))
		g.wantRecovered(true)
		g.want(`["lost in the connection"] ["missed"]`)
		g.drop()
		st.publish("again")
		g.connectAs(`{"client_id":"a"}`)
		g.want(`["again"]`)
	})
}

func TestSlowClientComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, _ := newStack(t, engineio.Options{Queue: 4096}, window, true)
		g := st.guest()
		st.publish("seen")
		g.want(`["seen"]`)
		g.conn.Hold()
		for i := range 100 {
			st.b.Publish(broadcast.Event{Name: "e", Args: []any{i, strings.Repeat("x", 100)}}, nil)
			synctest.Wait()
		}
		if st.ns.Len() != 0 {
			t.Fatal("it was not cut")
		}
		g.connect()
		g.wantRecovered(true)
		if got := strings.Count(g.take(), `["e"`); got != 100 {
			t.Errorf("got %d", got)
		}
		st.balanced()
		st.end()
	})
}

// What was published with an offset is replayed without, once recovery is off.
func TestHistorySurvivesTheEndOfRecovery(t *testing.T) {
	delivering(t, window, func(t *testing.T, st *stack) {
		a := st.member(known("a"))
		a.drop()
		st.publish("with")
		st.b.Publish(broadcast.Event{Name: "blob", Args: []any{[]byte("x")}}, nil)
		st.b.Configure(broadcast.Options{})
		st.publish("without")
		a.connect()
		if got := strings.Join(received(t, a.conn), " "); got != `42["with"] 451-["blob",{"_placeholder":true,"num":0}] x 42["without"]` {
			t.Error(got)
		}
	})
}

func TestReplayIsRefusedByAFullLane(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, start := newStack(t, engineio.Options{}, broadcast.Options{Replay: broadcast.All}, false)
		for k := range 3 {
			for st.pool.Do(k, func() {}) == nil {
			}
		}
		conn, err := st.host.Client().Dial()
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Send("40")
		synctest.Wait()
		if n := st.b.Stats().Recovery.Refused["busy"]; n != 1 {
			t.Errorf("%d refused", n)
		}
		start()
		st.end()
	})
}

// TestClientThatHasSeenLess returns with an offset before what its last connection was handed, and with a pid that nobody knows.
func TestClientThatHasSeenLess(t *testing.T) {
	delivering(t, broadcast.Options{Window: time.Minute}, func(t *testing.T, st *stack) {
		st.member(known("a")).drop()
		for _, name := range []string{"one", "two", "three"} {
			st.publish(name)
		}
		for offset, want := range map[string]int{st.b.ID(1): 2, st.b.ID(3): 0, "elsewhere-1": 0} {
			conn, err := st.host.Client().Dial()
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.Send(`40{"client_id":"a"}`); err != nil { // takes all that there is
				t.Fatal(err)
			}
			received(t, conn)
			conn.Drop(nil)
			synctest.Wait()
			if conn, err = st.host.Client().Dial(); err != nil {
				t.Fatal(err)
			}
			if err := conn.Send(`40{"client_id":"a","pid":"nobody","offset":"` + offset + `"}`); err != nil {
				t.Fatal(err)
			}
			got := strings.Join(received(t, conn), " ")
			if n := strings.Count(got, "two") + strings.Count(got, "three") + strings.Count(got, "one"); n != want {
				t.Errorf("%s: got %q", offset, got)
			}
			conn.Drop(nil)
			synctest.Wait()
		}
	})
}
