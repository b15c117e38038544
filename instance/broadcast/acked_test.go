package broadcast_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
	"github.com/sockd/sockd/instance/socketio"
)

// doorman knows clients by the client_id of their CONNECT and puts those that are new to it into the rooms that they ask for.
type doorman struct {
	socketio.Mux
	st *stack
}

func (d *doorman) Connect(s *socketio.Socket, auth json.RawMessage) error {
	var wish struct {
		Rooms    []string
		ClientID string `json:"client_id"`
	}
	if err := json.Unmarshal(auth, &wish); err != nil {
		return err
	}
	if !s.Recovered() {
		if err := s.Join(wish.Rooms...); err != nil {
			return err
		}
	}
	if wish.ClientID != "" {
		d.st.b.Identify(s, wish.ClientID)
	}
	return nil
}

func (d *doorman) Disconnect(s *socketio.Socket, _ engineio.Reason) { d.st.b.Left(s) }

// asked is an event that a client was sent, and the id by which it is asked to acknowledge it.
type asked struct {
	id   string // "" = it is not asked
	args string
}

// member is a client that may acknowledge what it gets.
type member struct {
	t      *testing.T
	st     *stack
	conn   *enginetest.Conn
	auth   map[string]any
	answer string // to the CONNECT
}

// member connects with this object as auth.
func (st *stack) member(auth map[string]any) *member {
	m := &member{t: st.t, st: st, auth: auth}
	m.connect()
	return m
}

func known(id string, rooms ...string) map[string]any {
	return map[string]any{"client_id": id, "rooms": rooms}
}

func (m *member) connect() {
	m.t.Helper()
	conn, err := m.st.host.Client().Dial()
	if err != nil {
		m.t.Fatal(err)
	}
	m.conn = conn
	if _, err := conn.Recv(); err != nil {
		m.t.Fatal(err)
	}
	if m.auth == nil {
		m.auth = map[string]any{}
	}
	auth, _ := json.Marshal(m.auth)
	if err := conn.Send("40" + string(auth)); err != nil {
		m.t.Fatal(err)
	}
	f, err := conn.Recv()
	if err != nil || !strings.HasPrefix(f.Data, "40{") {
		m.t.Fatalf("got %q, %v", f.Data, err)
	}
	m.answer = f.Data
	synctest.Wait()
}

func (m *member) id() string {
	var reply struct{ SID string }
	if err := json.Unmarshal([]byte(m.answer[2:]), &reply); err != nil {
		m.t.Fatal(err)
	}
	return reply.SID
}

func (m *member) drop() {
	m.conn.Drop(nil)
	synctest.Wait()
}

// take returns what has arrived since the last look.
func (m *member) take() (all []asked) {
	m.t.Helper()
	for _, f := range received(m.t, m.conn) {
		text, ok := strings.CutPrefix(f, "42")
		if !ok {
			m.t.Fatalf("got %q", f)
		}
		i := strings.IndexByte(text, '[')
		all = append(all, asked{text[:i], text[i:]})
	}
	return all
}

// want checks what has arrived since the last look, and acknowledges it if it is to.
func (m *member) want(ack bool, events ...string) {
	m.t.Helper()
	var got []string
	for _, a := range m.take() {
		got = append(got, a.args)
		if ack && a.id != "" {
			m.ack(a.id)
		}
	}
	if strings.Join(got, " ") != strings.Join(events, " ") {
		m.t.Errorf("got  %s\nwant %s", strings.Join(got, " "), strings.Join(events, " "))
	}
}

func (m *member) ack(id string) {
	m.t.Helper()
	if err := m.conn.Send("43" + id + "[]"); err != nil {
		m.t.Error(err)
	}
}

// acked publishes an event that has to be acknowledged.
func (st *stack) acked(name string, rooms ...string) {
	st.b.Publish(broadcast.Event{Name: name, Acked: true, To: socketio.Selector{Rooms: rooms}}, func(_ uint64, err error) {
		if err != nil {
			st.t.Error(err)
		}
	})
	synctest.Wait()
}

// letters describes letters by event, client if it has a name, attempts and reason.
func letters(all []broadcast.Letter) string {
	var text []string
	for _, l := range all {
		client := l.Client
		if len(client) == 20 {
			client = "-"
		}
		text = append(text, strings.TrimSpace(fmt.Sprintf("%s %s %d %s", l.Event, client, l.Attempts, l.Reason)))
	}
	return strings.Join(text, ", ")
}

func (st *stack) wantLetters(pending, dead string) {
	st.t.Helper()
	synctest.Wait()
	if got := letters(st.b.Unanswered()); got != pending {
		st.t.Errorf("pending %q, want %q", got, pending)
	}
	if got := letters(st.b.Dead()); got != dead {
		st.t.Errorf("dead %q, want %q", got, dead)
	}
}

// balanced checks the identity of the accounts.
func (st *stack) balanced() {
	st.t.Helper()
	s := st.b.Stats()
	total := s.Sent + s.Pending
	for _, n := range s.Dropped {
		total += n
	}
	if s.Targeted != total || s.Pending != uint64(len(st.b.Unanswered())) {
		st.t.Errorf("accounts: %+v", s)
	}
}

// policy is a retry without jitter: sends after 0, 6 and 13 seconds, given up after 18.
var policy = broadcast.Retry{Dead: true}

// delivering runs f with a doorman, and checks the accounts at its end.
func delivering(t *testing.T, o broadcast.Options, f func(*testing.T, *stack)) {
	t.Helper()
	recovering(t, o, func(t *testing.T, st *stack) {
		st.ns.Handle(&doorman{st: st})
		f(t, st)
		synctest.Wait()
		st.balanced()
	})
}

func TestAcknowledgedOnce(t *testing.T) {
	delivering(t, broadcast.Options{Retry: policy}, func(t *testing.T, st *stack) {
		a, b := st.member(nil), st.member(nil)
		st.acked("e")
		st.wantLetters("e - 1, e - 1", "")
		a.want(true, `["e"]`)
		st.wantLetters("e - 1", "")
		b.want(true, `["e"]`)
		st.wantLetters("", "")
		pass(time.Minute)
		a.want(false)
		b.want(false)
		if s := st.b.Stats(); s.Sent != 2 || s.Acks.Retried != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestUnansweredIsSentAgain(t *testing.T) {
	delivering(t, broadcast.Options{Retry: policy}, func(t *testing.T, st *stack) {
		a := st.member(nil)
		st.acked("e")
		a.want(false, `["e"]`)
		pass(5900 * time.Millisecond)
		a.want(false)
		pass(200 * time.Millisecond) // 5 s for the answer, and 1 s
		st.wantLetters("e - 2", "")
		first := a.take()
		pass(6800 * time.Millisecond)
		a.want(false)
		pass(300 * time.Millisecond) // 5 s and 2 s
		st.wantLetters("e - 3", "")
		if got := a.take(); len(got) != 1 || got[0] != first[0] {
			t.Errorf("got %v, first %v", got, first)
		}
		pass(6 * time.Second)
		st.wantLetters("", "e - 3 attempts")
		a.want(false)
		l := st.b.Dead()[0]
		if l.Seq != 1 || l.Namespace != "/" || l.Args == nil || len(l.Args) != 0 {
			t.Errorf("letter: %+v", l)
		}
		a.ack(first[0].id) // too late
		st.wantLetters("", "e - 3 attempts")
	})
}

func TestAnswerToAnEarlierSendCounts(t *testing.T) {
	delivering(t, broadcast.Options{Retry: policy}, func(t *testing.T, st *stack) {
		a := st.member(nil)
		st.acked("e")
		first := a.take()
		pass(6100 * time.Millisecond)
		a.ack(first[0].id)
		st.wantLetters("", "")
		pass(time.Minute)
		a.want(false, `["e"]`) // the one that was under way
	})
}

func TestGivenUpForItsAge(t *testing.T) {
	o := broadcast.Options{Retry: broadcast.Retry{MaxAge: 8 * time.Second, Dead: true}}
	delivering(t, o, func(t *testing.T, st *stack) {
		a := st.member(known("a"))
		st.acked("e")
		pass(8100 * time.Millisecond)
		st.wantLetters("", "e a 2 max_age")
		a.want(false, `["e"]`, `["e"]`)
		a.drop()
		st.acked("absent")
		pass(5 * time.Second)
		st.wantLetters("absent a 0", "e a 2 max_age")
		pass(4 * time.Second)
		st.wantLetters("", "e a 2 max_age, absent a 0 max_age")
	})
}

func TestCapacityGivesUpTheOldest(t *testing.T) {
	o := broadcast.Options{Retry: broadcast.Retry{Capacity: 3, Dead: true}}
	delivering(t, o, func(t *testing.T, st *stack) {
		a := st.member(known("a"))
		for i := range 5 {
			st.acked(fmt.Sprint(i))
		}
		st.wantLetters("2 a 1, 3 a 1, 4 a 1", "0 a 1 capacity, 1 a 1 capacity")
		a.want(true, `["0"]`, `["1"]`, `["2"]`, `["3"]`, `["4"]`)
		st.wantLetters("", "0 a 1 capacity, 1 a 1 capacity")
	})
}

func TestClientThatLeavesForGood(t *testing.T) {
	delivering(t, broadcast.Options{Retry: policy}, func(t *testing.T, st *stack) {
		a := st.member(nil)
		st.acked("e")
		a.drop()
		st.wantLetters("", "e - 1 left")
		st.acked("nobody")
		if s := st.b.Stats(); s.Targeted != 1 || s.Dropped["left"] != 1 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestReturningClientGetsItAtOnce(t *testing.T) {
	delivering(t, broadcast.Options{Retry: policy}, func(t *testing.T, st *stack) {
		a := st.member(known("a", "red"))
		st.acked("before", "red")
		a.want(false, `["before"]`)
		a.drop()
		st.acked("absent", "red")
		st.acked("other", "blue")
		st.publish("once", "red")
		st.acked("mine", a.id())
		st.wantLetters("before a 1, absent a 0, mine a 0", "")
		pass(time.Second)
		a.auth = known("a") // it need not ask for its rooms again
		a.connect()
		a.want(true, `["before"]`, `["absent"]`, `["once"]`, `["mine"]`)
		st.wantLetters("", "")
		st.acked("live", "red")
		a.want(true, `["live"]`)
		pass(time.Minute)
		a.want(false)
		if s := st.b.Stats(); s.Clients.Returned != 1 || s.Clients.Known != 1 || s.Acks.Retried != 1 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestRecoveredClientGetsItAtOnce(t *testing.T) {
	o := window
	o.Retry = policy
	delivering(t, o, func(t *testing.T, st *stack) {
		g := st.guest()
		epoch := st.b.Epoch()
		st.acked("before")
		if got := received(t, g.conn); len(got) != 1 || got[0] != `420["before"]` {
			t.Fatalf("got %q", got)
		}
		g.offset = epoch + "-1" // of that, which it saw; its answer was lost
		g.drop()
		st.publish("once")
		st.acked("absent")
		st.wantLetters("before - 1, absent - 0", "")
		conn, err := st.host.Client().Dial()
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Send(`40{"pid":"` + g.pid + `","offset":"` + g.offset + `"}`); err != nil {
			t.Fatal(err)
		}
		got := received(t, conn)[1:]
		if len(got) != 4 || !strings.HasPrefix(got[0], `420["before"`) || !strings.HasPrefix(got[1], `42["once"`) ||
			!strings.HasPrefix(got[2], `421["absent"`) || !strings.HasPrefix(got[3], "40{") {
			t.Errorf("got %q", got)
		}
		for _, id := range []string{"0", "1"} {
			if err := conn.Send("43" + id + "[]"); err != nil {
				t.Fatal(err)
			}
		}
		st.wantLetters("", "")
		conn.Drop(nil)
		st.acked("never")
		pass(time.Minute)
		st.wantLetters("", "never - 0 max_age")
		pass(2 * time.Minute)
		if s := st.b.Stats(); s.Recovery.Saved != 0 || s.Dropped["max_age"] != 1 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestSessionThatExpiresIsOwedNothing(t *testing.T) {
	o := broadcast.Options{Window: 10 * time.Second, Retry: policy}
	delivering(t, o, func(t *testing.T, st *stack) {
		g := st.guest()
		st.acked("e")
		g.drop()
		st.wantLetters("e - 1", "")
		pass(11 * time.Second)
		st.wantLetters("", "e - 1 left")
		if !st.b.Idle() {
			t.Error("not idle")
		}
	})
}

func TestTwoSocketsOfOneClient(t *testing.T) {
	delivering(t, broadcast.Options{Retry: policy}, func(t *testing.T, st *stack) {
		a, b := st.member(known("x")), st.member(known("x"))
		st.acked("e")
		st.wantLetters("e x 1", "")
		a.want(true, `["e"]`)
		st.wantLetters("", "")
		b.want(true, `["e"]`)
		st.acked("f")
		a.drop()
		pass(6100 * time.Millisecond)
		b.want(true, `["f"]`, `["f"]`)
		st.wantLetters("", "")
		c := st.member(known("x"))
		st.acked("g")
		b.want(false, `["g"]`)
		c.want(false, `["g"]`)
		d := st.member(known("x")) // what is unanswered goes to a new one at once
		d.want(true, `["g"]`)
		st.wantLetters("", "")
	})
}

// While a client cannot take anything, only its time runs out.
func TestFullQueueIsNoAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, _ := newStack(t, engineio.Options{Queue: 500, OnFull: engineio.Drop}, broadcast.Options{Retry: policy}, true)
		st.ns.Handle(&doorman{st: st})
		a := st.member(known("a"))
		a.conn.Hold()
		st.b.Publish(broadcast.Event{Name: "large", Args: []any{strings.Repeat("x", 400)}}, nil)
		st.b.Publish(broadcast.Event{Name: "e", Args: []any{strings.Repeat("y", 200)}, Acked: true}, nil)
		pass(10 * time.Second)
		st.wantLetters("e a 0", "")
		a.conn.Release()
		pass(8 * time.Second)
		if got := a.take(); len(got) != 2 || !strings.HasPrefix(got[1].args, `["e"`) {
			t.Errorf("got %v", got)
		} else {
			a.ack(got[1].id)
		}
		st.wantLetters("", "")
		st.balanced()
		st.end()
	})
}

func TestWaitForTheAnswers(t *testing.T) {
	delivering(t, broadcast.Options{Retry: policy}, func(t *testing.T, st *stack) {
		var mu sync.Mutex
		var got []string
		ask := func(timeout time.Duration) {
			n := 0
			st.b.Publish(broadcast.Event{Name: "e", Acked: true, Timeout: timeout, Recipients: &n, Wait: func(acked, awaited int) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, fmt.Sprint(n, acked, awaited))
			}}, nil)
			synctest.Wait()
		}
		check := func(want ...string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got %q, want %q", got, want)
			}
			got = nil
		}
		ask(0)
		check("0 0 0")
		a, b := st.member(nil), st.member(nil)
		ask(2 * time.Second)
		a.want(true, `["e"]`)
		check()
		b.want(true, `["e"]`)
		check("2 2 2")
		ask(2 * time.Second)
		a.want(true, `["e"]`)
		pass(1900 * time.Millisecond)
		check()
		pass(200 * time.Millisecond)
		check("2 1 2")
		b.want(true, `["e"]`)
		pass(time.Minute)
		check()
		ask(0)
		a.want(true, `["e"]`)
		b.want(false, `["e"]`)
		pass(time.Minute)
		check("2 1 2") // one was given up
	})
}

func TestFlushAndDiscard(t *testing.T) {
	delivering(t, broadcast.Options{Retry: policy}, func(t *testing.T, st *stack) {
		a, b := st.member(known("a")), st.member(known("b"))
		st.acked("e")
		a.want(false, `["e"]`)
		b.drop()
		if n := st.b.Flush(); n != 1 {
			t.Errorf("%d were sent again", n)
		}
		st.wantLetters("e a 2, e b 1", "")
		a.want(false, `["e"]`)
		if pending, dead := st.b.Discard(); pending != 2 || dead != 0 {
			t.Errorf("discarded %d, %d", pending, dead)
		}
		st.wantLetters("", "")
		if s := st.b.Stats(); s.Dropped["discarded"] != 2 {
			t.Errorf("stats: %+v", s)
		}
		pass(time.Minute)
		a.want(false)
		b.connect()
		b.want(false)
	})
}

func TestDeadLettersAreBounded(t *testing.T) {
	delivering(t, broadcast.Options{Retry: broadcast.Retry{Capacity: 1, Dead: true}}, func(t *testing.T, st *stack) {
		st.member(known("a"))
		for i := range 2500 {
			st.b.Publish(broadcast.Event{Name: "e", Args: []any{i}, Acked: true}, nil)
		}
		synctest.Wait()
		dead, s := st.b.Dead(), st.b.Stats()
		if len(dead) != 1000 || dead[999].Seq != 2499 || string(dead[999].Args[0]) != "2498" || s.Acks.Lost != 1499 || s.Acks.Dead != 1000 {
			t.Errorf("%d letters, stats %+v", len(dead), s)
		}
		st.b.Configure(broadcast.Options{})
		st.b.Discard()
		pass(time.Minute)
		st.wantLetters("", "")
	})
}

func TestBinaryAndRelayedAreAcknowledged(t *testing.T) {
	delivering(t, broadcast.Options{Retry: policy}, func(t *testing.T, st *stack) {
		a := st.member(nil)
		st.b.Publish(broadcast.Event{Relay: &socketio.Event{Name: "x", Payload: json.RawMessage(`["x",1]`)}, Name: "y", Acked: true}, nil)
		a.want(true, `["y",1]`)
		st.b.Publish(broadcast.Event{Name: "b", Args: []any{[]byte("blob")}, Acked: true}, nil)
		if got := received(t, a.conn); len(got) != 2 || got[0] != `451-1["b",{"_placeholder":true,"num":0}]` || got[1] != "blob" {
			t.Errorf("got %q", got)
		}
		a.ack("1")
		st.wantLetters("", "")
		st.b.Emit(st.ns.Lookup(a.id()), broadcast.Event{Name: "you", Acked: true}, nil)
		a.want(true, `["you"]`)
		st.wantLetters("", "")
	})
}
