package broadcast_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// guest is a client that recovers as the reference client does: it knows its pid, and as offset the last argument of the last event, if that
// is a string. What comes before the answer to its CONNECT waits for it.
type guest struct {
	t         *testing.T
	host      *enginetest.Host
	path      string // of its namespace, as a prefix: "" or "/chat,"
	conn      *enginetest.Conn
	id, pid   string
	offset    string // "" = has seen none
	recovered bool
	events    []string // the arrays without their offsets; those that it has seen since the last look
}

func (st *stack) guest() *guest {
	g := &guest{t: st.t, host: st.host}
	g.connect()
	return g
}

// connect opens a connection and reads until the answer, which it returns.
func (g *guest) connect() string {
	g.t.Helper()
	auth := ""
	switch {
	case g.pid != "" && g.offset != "":
		auth = fmt.Sprintf(`{"pid":%q,"offset":%q}`, g.pid, g.offset)
	case g.pid != "":
		auth = fmt.Sprintf(`{"pid":%q}`, g.pid)
	}
	return g.connectAs(auth)
}

func (g *guest) connectAs(auth string) string {
	g.t.Helper()
	conn, err := g.host.Client().Dial()
	if err != nil {
		g.t.Fatal(err)
	}
	g.conn = conn
	if _, err := conn.Recv(); err != nil {
		g.t.Fatal(err)
	}
	return g.ask(auth)
}

// ask sends a CONNECT on the connection that is open.
func (g *guest) ask(auth string) string {
	g.t.Helper()
	if err := g.conn.Send("40" + g.path + auth); err != nil {
		g.t.Fatal(err)
	}
	var early []string
	for {
		f, err := g.conn.Recv()
		if err != nil {
			g.t.Fatalf("no answer to CONNECT: %v", err)
		}
		if answer, ok := strings.CutPrefix(f.Data, "40"+g.path); ok {
			g.welcome(answer)
			for _, e := range early {
				g.see(e)
			}
			return f.Data
		}
		if strings.HasPrefix(f.Data, "44") {
			return f.Data
		}
		early = append(early, f.Data)
	}
}

func (g *guest) welcome(answer string) {
	var reply struct{ SID, PID string }
	if err := json.Unmarshal([]byte(answer), &reply); err != nil {
		g.t.Fatal(err)
	}
	g.recovered = reply.PID != "" && reply.PID == g.pid
	if g.recovered && reply.SID != g.id {
		g.t.Errorf("recovered as %s, was %s", reply.SID, g.id)
	}
	g.id, g.pid = reply.SID, reply.PID
}

func (g *guest) see(frame string) {
	g.t.Helper()
	text, ok := strings.CutPrefix(frame, "42"+g.path)
	var args []any
	if !ok || json.Unmarshal([]byte(text), &args) != nil {
		g.t.Fatalf("got %q", frame)
	}
	if last, ok := args[len(args)-1].(string); ok && len(args) > 1 {
		g.offset, args = last, args[:len(args)-1]
	}
	plain, _ := json.Marshal(args)
	g.events = append(g.events, string(plain))
}

// take returns the events since the last look.
func (g *guest) take() string {
	g.t.Helper()
	synctest.Wait()
	for g.conn.Pending() > 0 {
		f, err := g.conn.Recv()
		if err != nil {
			g.t.Fatal(err)
		}
		g.see(f.Data)
	}
	all := strings.Join(g.events, " ")
	g.events = nil
	return all
}

func (g *guest) want(events string) {
	g.t.Helper()
	if got := g.take(); got != events {
		g.t.Errorf("got  %s\nwant %s", got, events)
	}
}

// drop cuts the connection and waits until the server has noticed.
func (g *guest) drop() {
	g.conn.Drop(nil)
	synctest.Wait()
}

func (g *guest) wantRecovered(want bool) {
	g.t.Helper()
	if g.recovered != want {
		g.t.Errorf("recovered: %v, want %v", g.recovered, want)
	}
}

func (st *stack) socket(g *guest) *socketio.Socket { return st.ns.Lookup(g.id) }

func (st *stack) publish(name string, to ...string) {
	st.b.Publish(broadcast.Event{Name: name, To: socketio.Selector{Rooms: to}}, nil)
}

// pass lets fake time pass.
func pass(d time.Duration) { <-time.After(d) }

var window = broadcast.Options{Window: 2 * time.Minute}

// recovering runs f with recovery on.
func recovering(t *testing.T, o broadcast.Options, f func(*testing.T, *stack)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, _ := newStack(t, engineio.Options{}, o, true)
		f(t, st)
		st.end()
		if err := st.host.Err(); err != nil {
			t.Error(err)
		}
	})
}

func TestPidIsGivenOnlyWithRecovery(t *testing.T) {
	recovering(t, window, func(t *testing.T, st *stack) {
		a, b := st.guest(), st.guest()
		if len(a.id) != 20 || len(a.pid) != 20 || a.pid == a.id || a.pid == b.pid {
			t.Errorf("sid %q, pid %q; the other's is %q", a.id, a.pid, b.pid)
		}
		st.b.Configure(broadcast.Options{})
		c := &guest{t: t, host: st.host}
		if answer := c.connect(); answer != `40{"sid":"`+c.id+`"}` {
			t.Errorf("off: %s", answer)
		}
	})
}

func TestOffsets(t *testing.T) {
	recovering(t, window, func(t *testing.T, st *stack) {
		g, other := st.guest(), st.guest()
		epoch := ""
		check := func(got, head, tail string, seq int) {
			t.Helper()
			rest, ok := strings.CutPrefix(got, head)
			offset, ok2 := strings.CutSuffix(rest, tail)
			if epoch == "" {
				epoch, _, _ = strings.Cut(offset, "-")
			}
			if !ok || !ok2 || offset != fmt.Sprintf("%s-%d", epoch, seq) {
				t.Errorf("got %q, want %s%s-%d%s", got, head, epoch, seq, tail)
			}
		}
		for seq := 1; seq <= 101; seq++ { // through two changes of the number's length
			st.b.Publish(broadcast.Event{Name: "e", Args: []any{"-" + strings.Repeat("0", seq%9)}}, nil)
			check(received(t, g.conn)[0], `42["e","-`+strings.Repeat("0", seq%9)+`","`, `"]`, seq)
		}
		st.b.Publish(broadcast.Event{Name: "bare"}, nil)
		check(received(t, g.conn)[0], `42["bare","`, `"]`, 102)
		st.b.Publish(broadcast.Event{Name: "v", Args: []any{1}, Volatile: true}, nil)
		if got := received(t, g.conn); len(got) != 1 || got[0] != `42["v",1]` {
			t.Errorf("volatile: %q", got)
		}
		st.b.Publish(broadcast.Event{Name: "bin", Args: []any{[]byte(epoch + "-000"), []byte{}}}, nil)
		got := received(t, g.conn)
		check(got[0], `452-["bin",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},"`, `"]`, 104)
		if len(got) != 3 || got[1] != epoch+"-000" || got[2] != "" {
			t.Errorf("attachments: %q", got[1:])
		}
		st.b.Emit(st.socket(g), broadcast.Event{Name: "you"}, nil)
		check(received(t, g.conn)[0], `42["you","`, `"]`, 105)
		received(t, other.conn)
		for _, p := range []string{`["relayed"]`, `["relayed",{"a":"]"}] `, "[\"relayed\",1\n]\t\n"} {
			if err := other.conn.Send("42" + p); err != nil {
				t.Fatal(err)
			}
		}
		all := received(t, g.conn)
		check(all[0], `42["relayed","`, `"]`, 106)
		check(all[1], `42["relayed",{"a":"]"},"`, `"]`, 107)
		check(all[2], "42[\"relayed\",1\n,\"", `"]`, 108)
		if got := received(t, other.conn); len(got) != 0 {
			t.Errorf("the other got %q", got)
		}
	})
}

func TestWithoutRecoveryNothingIsAdded(t *testing.T) {
	recovering(t, broadcast.Options{}, func(t *testing.T, st *stack) {
		a, b := st.guest(), st.guest()
		st.publish("e")
		st.b.Emit(st.socket(a), broadcast.Event{Name: "you"}, func(seq uint64, err error) {
			if seq != 0 || err != nil {
				t.Errorf("Emit: %d, %v", seq, err)
			}
		})
		b.want(`["e"]`)
		if got := strings.Join(received(t, a.conn), ""); got != `42["you"]42["e"]` && got != `42["e"]42["you"]` {
			t.Error(got)
		}
		if s := st.b.Stats(); s.History.Events != 1 || s.Seq != 1 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestClientGetsBackWhatItMissed(t *testing.T) {
	recovering(t, window, func(t *testing.T, st *stack) {
		g := st.guest()
		st.socket(g).Join("red", "blue")
		st.publish("seen", "blue")
		g.want(`["seen"]`)
		g.drop()
		if st.ns.Len() != 0 {
			t.Fatal("it has not left")
		}
		st.publish("all")
		st.publish("green", "green")
		st.publish("red", "green", "red")
		st.b.Publish(broadcast.Event{Name: "not red", To: socketio.Selector{Except: []string{"red"}}}, nil)
		st.b.Publish(broadcast.Event{Name: "not me", To: socketio.Selector{Skip: g.id}}, nil)
		st.b.Publish(broadcast.Event{Name: "volatile", Volatile: true}, nil)
		st.b.Publish(broadcast.Event{Name: "me", To: socketio.Selector{Rooms: []string{g.id}}}, nil)
		g.connect()
		g.wantRecovered(true)
		st.publish("live", "red")
		g.want(`["all"] ["red"] ["me"] ["live"]`)
		s := st.socket(g)
		if got := fmt.Sprint(s.Rooms()); got != fmt.Sprintf("[%s red blue]", g.id) || !s.Recovered() {
			t.Errorf("rooms %s, recovered %v", got, s.Recovered())
		}
		g.drop() // and again, from the new offset
		st.publish("more", "blue")
		g.connect()
		g.wantRecovered(true)
		g.want(`["more"]`)
		if s := st.b.Stats(); s.Recovery.Restored != 2 || s.Replayed != 4 || s.Recovery.Saved != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestManyRoomsAndManyEvents(t *testing.T) {
	o := window
	o.History.Size = 5000
	recovering(t, o, func(t *testing.T, st *stack) {
		g := st.guest()
		var rooms []string
		for i := range 40 {
			rooms = append(rooms, fmt.Sprint("room-", i))
		}
		st.socket(g).Join(rooms...)
		g.drop()
		var want []string
		for i := range 3000 { // more than are looked at in one go
			name := fmt.Sprint("room-", i%80)
			st.b.Publish(broadcast.Event{Name: name, To: socketio.Selector{Rooms: []string{"other", name}}}, nil)
			if i%80 < 40 {
				want = append(want, `["`+name+`"]`)
			}
		}
		g.connect()
		g.wantRecovered(true)
		g.want(strings.Join(want, " "))
	})
}

func TestPollingClientRecovers(t *testing.T) {
	recovering(t, window, func(t *testing.T, st *stack) {
		g := st.guest()
		g.drop()
		st.publish("a")
		st.publish("b")
		c := st.host.Client()
		if _, err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		if r := c.Post(`40{"pid":"` + g.pid + `"}`); r.Body != "ok" {
			t.Fatalf("got %+v", r)
		}
		synctest.Wait()
		r := c.Get()
		parts := strings.Split(r.Body, "\x1e")
		if len(parts) != 3 || !strings.HasPrefix(parts[0], `42["a","`) || !strings.HasPrefix(parts[1], `42["b","`) ||
			parts[2] != fmt.Sprintf(`40{"sid":"%s","pid":"%s"}`, g.id, g.pid) {
			t.Errorf("got %+v", r)
		}
	})
}

func TestMissedEventsComeBeforeTheAnswerInOneWrite(t *testing.T) {
	recovering(t, window, func(t *testing.T, st *stack) {
		g := st.guest()
		g.drop()
		st.b.Publish(broadcast.Event{Name: "bin", Args: []any{[]byte("blob")}}, nil)
		st.publish("e")
		conn, err := st.host.Client().Dial()
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Send(`40{"pid":"` + g.pid + `","token":"x"}`); err != nil {
			t.Fatal(err)
		}
		got := received(t, conn)[1:]
		if len(got) != 4 || !strings.HasPrefix(got[0], `451-["bin",{"_placeholder":true,"num":0},"`) || got[1] != "blob" ||
			!strings.HasPrefix(got[2], `42["e","`) || got[3] != fmt.Sprintf(`40{"sid":"%s","pid":"%s"}`, g.id, g.pid) {
			t.Errorf("got %q", got)
		}
	})
}

func TestClientThatSawNothingResumesFromItsConnect(t *testing.T) {
	recovering(t, window, func(t *testing.T, st *stack) {
		st.publish("before")
		g := st.guest()
		g.drop()
		st.publish("a")
		g.connect()
		g.wantRecovered(true)
		g.events, g.offset = nil, "" // its connection broke before it could look
		g.drop()
		st.publish("b")
		g.connect()
		g.want(`["a"] ["b"]`)
	})
}

// A client keeps the offset of the session before, until it sees an event.
func TestOffsetFromBeforeTheSession(t *testing.T) {
	recovering(t, window, func(t *testing.T, st *stack) {
		g := st.guest()
		st.publish("a")
		g.want(`["a"]`)
		st.publish("b") // is lost with the session
		g.drop()
		pass(3 * time.Minute)
		g.connect()
		g.wantRecovered(false)
		g.drop()
		st.publish("c")
		g.connect()
		g.wantRecovered(true)
		g.want(`["c"]`)
	})
}

func TestNotRecoverable(t *testing.T) {
	for name, c := range map[string]struct {
		o       broadcast.Options
		between func(st *stack, g *guest) // while it is away
		auth    func(g *guest) string
		reason  string
	}{
		"unknown pid":            {window, nil, func(*guest) string { return `{"pid":"nobody","offset":"x"}` }, "bad_offset"},
		"unknown pid, no offset": {window, nil, func(*guest) string { return `{"pid":"nobody"}` }, "unknown_pid"},
		"pid is no string":       {window, nil, func(*guest) string { return `{"pid":1}` }, ""},
		"offset is no offset":    {window, nil, func(g *guest) string { return `{"pid":"` + g.pid + `","offset":"text"}` }, "bad_offset"},
		"offset is empty":        {window, nil, func(g *guest) string { return `{"pid":"` + g.pid + `","offset":""}` }, "bad_offset"},
		"offset is no string":    {window, nil, func(g *guest) string { return `{"pid":"` + g.pid + `","offset":1}` }, "bad_offset"},
		"offset without number":  {window, nil, func(g *guest) string { return `{"pid":"` + g.pid + `","offset":"` + g.epoch() + `-"}` }, "bad_offset"},
		"offset with a sign":     {window, nil, func(g *guest) string { return `{"pid":"` + g.pid + `","offset":"` + g.epoch() + `-+1"}` }, "bad_offset"},
		"offset with zeros":      {window, nil, func(g *guest) string { return `{"pid":"` + g.pid + `","offset":"` + g.epoch() + `-01"}` }, "bad_offset"},
		"offset of the future":   {window, nil, func(g *guest) string { return `{"pid":"` + g.pid + `","offset":"` + g.epoch() + `-9"}` }, "bad_offset"},
		"other epoch":            {window, nil, func(g *guest) string { return `{"pid":"` + g.pid + `","offset":"aaaaaaaa-1"}` }, "other_epoch"},
		"over its time":          {window, func(*stack, *guest) { pass(2 * time.Minute) }, nil, "unknown_pid"},
		"pruned by size": {broadcast.Options{Window: time.Minute, History: broadcast.History{Size: 2}}, func(st *stack, _ *guest) {
			for range 3 {
				st.publish("e")
			}
		}, nil, "pruned"},
		"pruned by bytes": {broadcast.Options{Window: time.Minute, History: broadcast.History{Bytes: 2000}}, func(st *stack, _ *guest) {
			for range 2 {
				st.b.Publish(broadcast.Event{Name: "e", Args: []any{strings.Repeat("x", 1000)}}, nil)
			}
		}, nil, "pruned"},
		"larger than the history": {broadcast.Options{Window: time.Minute, History: broadcast.History{Bytes: 100}}, func(st *stack, _ *guest) {
			st.b.Publish(broadcast.Event{Name: "e", Args: []any{strings.Repeat("x", 100)}}, nil)
		}, nil, "pruned"},
		"pruned by age": {broadcast.Options{Window: time.Minute, History: broadcast.History{TTL: time.Second}}, func(st *stack, _ *guest) {
			st.publish("e")
			pass(time.Second)
		}, nil, "pruned"},
		"no history": {broadcast.Options{Window: time.Minute, History: broadcast.History{Size: -1}}, func(st *stack, _ *guest) {
			st.publish("e")
		}, nil, "pruned"},
		"switched off and on": {window, func(st *stack, _ *guest) {
			st.b.Configure(broadcast.Options{})
			st.b.Configure(window)
		}, nil, "unknown_pid"},
		"too much waits for others": {broadcast.Options{Window: time.Minute, Crowded: func() bool { return true }}, func(st *stack, _ *guest) {
			st.publish("e")
		}, nil, "backlog"},
		"another came after it": {broadcast.Options{Window: time.Minute, Sessions: 1}, func(st *stack, _ *guest) {
			pass(1)
			st.guest().drop()
		}, nil, "unknown_pid"},
	} {
		t.Run(name, func(t *testing.T) {
			recovering(t, c.o, func(t *testing.T, st *stack) {
				g := st.guest()
				st.publish("first")
				g.want(`["first"]`)
				id, pid := g.id, g.pid
				g.drop()
				if c.between != nil {
					c.between(st, g)
				}
				if c.auth != nil {
					g.connectAs(c.auth(g))
				} else {
					g.connect()
				}
				if g.recovered || g.id == id || g.pid == pid || st.socket(g).Recovered() {
					t.Error("it was recovered")
				}
				st.publish("next")
				g.want(`["next"]`)
				for reason, n := range st.b.Stats().Recovery.Refused {
					if n > 0 != (reason == c.reason) {
						t.Errorf("%s: %d", reason, n)
					}
				}
			})
		})
	}
}

func (g *guest) epoch() string {
	epoch, _, _ := strings.Cut(g.offset, "-")
	return epoch
}

func TestIdleClientsOffsetStaysValid(t *testing.T) {
	recovering(t, window, func(t *testing.T, st *stack) {
		g := st.guest()
		st.publish("a")
		g.want(`["a"]`)
		for range 5000 { // none of them can be missed by anybody
			st.b.Publish(broadcast.Event{Name: "v", Args: []any{1}, Volatile: true}, nil)
		}
		g.take()
		pass(100 * time.Hour)
		g.drop()
		st.publish("b")
		g.connect()
		g.wantRecovered(true)
		g.want(`["b"]`)
	})
}

func TestReasonsForWhichASessionIsSaved(t *testing.T) {
	for reason, saved := range map[engineio.Reason]bool{
		engineio.TransportError: true, engineio.TransportClose: true, engineio.ForcedClose: true, engineio.PingTimeout: true,
		engineio.ServerShuttingDown: true, engineio.ForcedServerClose: true,
		engineio.Slow: true, engineio.ParseError: false, engineio.ClientDisconnect: false, engineio.ServerDisconnect: false,
	} {
		t.Run(string(reason), func(t *testing.T) {
			recovering(t, window, func(t *testing.T, st *stack) {
				g := st.guest()
				switch reason {
				case engineio.ClientDisconnect:
					if err := g.conn.Send("41"); err != nil {
						t.Fatal(err)
					}
				case engineio.ServerDisconnect:
					st.socket(g).Disconnect(true)
				default:
					st.socket(g).Conn().Close(reason)
				}
				synctest.Wait()
				g.connect()
				g.wantRecovered(saved)
			})
		})
	}
}

func TestHalfOpenConnectionIsTakenOver(t *testing.T) {
	recovering(t, window, func(t *testing.T, st *stack) {
		g := st.guest()
		st.socket(g).Join("room")
		old := g.conn
		for range 3 {
			g.connect()
			g.wantRecovered(true)
			if _, err := old.Recv(); err == nil {
				t.Error("the old connection is open")
			}
			if st.ns.Len() != 1 || !st.socket(g).In("room") {
				t.Errorf("%d sockets", st.ns.Len())
			}
			st.publish("e", "room")
			g.want(`["e"]`)
			old = g.conn
		}
	})
}

func TestSessionIsConsumed(t *testing.T) {
	recovering(t, window, func(t *testing.T, st *stack) {
		g := st.guest()
		g.drop()
		twin := *g
		g.connect()
		if err := g.conn.Send("41"); err != nil { // and ended, by its client
			t.Fatal(err)
		}
		synctest.Wait()
		twin.connect()
		twin.wantRecovered(false)
	})
}

// picky refuses a number of clients.
type picky struct {
	hub
	refuse int
}

func (p *picky) Connect(*socketio.Socket, json.RawMessage) error {
	if p.refuse > 0 {
		p.refuse--
		return errors.New("not now")
	}
	return nil
}

func TestRefusedClientMayComeAgain(t *testing.T) {
	recovering(t, window, func(t *testing.T, st *stack) {
		g := st.guest()
		st.socket(g).Join("room")
		g.drop()
		st.publish("e", "room")
		st.ns.Handle(&picky{hub: hub{st: st}, refuse: 2})
		auth := `{"pid":"` + g.pid + `"}`
		if got := g.connectAs(auth); got != `44{"message":"not now"}` {
			t.Error(got)
		}
		if got := g.ask(auth); got != `44{"message":"not now"}` {
			t.Error(got)
		}
		pass(time.Minute)
		g.ask(auth)
		g.wantRecovered(true)
		g.want(`["e"]`)
	})
}

func TestNamespacesHavePidsOfTheirOwn(t *testing.T) {
	recovering(t, window, func(t *testing.T, st *stack) {
		other := st.io.Of("/other")
		pool := lane.New(other.Shards(), 0, nil)
		pool.Start()
		b := broadcast.New(proof(time.Now()), other, pool, window)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- b.Run(ctx) }()
		g := st.guest()
		o := &guest{t: t, host: st.host, path: "/other,"}
		o.connect()
		g.drop()
		o.drop()
		x := &guest{t: t, host: st.host, path: "/other,"}
		x.connectAs(`{"pid":"` + g.pid + `"}`)
		if x.id == g.id {
			t.Error("the pid of another namespace was accepted")
		}
		b.Publish(broadcast.Event{Name: "theirs"}, nil)
		st.publish("ours")
		g.connect()
		g.wantRecovered(true)
		g.want(`["ours"]`)
		o.connect()
		o.wantRecovered(true)
		o.want(`["theirs"]`)
		cancel()
		<-ended
		pool.Stop()
	})
}

func TestSavedSessionsKeepTheirWindow(t *testing.T) {
	recovering(t, window, func(t *testing.T, st *stack) {
		long, short := st.guest(), st.guest()
		long.drop()
		st.b.Configure(broadcast.Options{Window: 10 * time.Second})
		short.drop()
		pass(11 * time.Second)
		if r := st.b.Stats().Recovery; r.Saved != 1 || r.Expired != 1 {
			t.Errorf("stats: %+v", r)
		}
		short.connect()
		short.wantRecovered(false)
		pass(100 * time.Second)
		long.connect()
		long.wantRecovered(true)
	})
}

// Nothing stays of clients that do not come back, and of events that are too old, although nobody asks.
func TestClockForgets(t *testing.T) {
	o := window
	o.History.TTL = 30 * time.Second
	recovering(t, o, func(t *testing.T, st *stack) {
		for range 100 {
			st.guest().drop()
			st.publish("e")
		}
		if s := st.b.Stats(); s.Recovery.Saved != 100 || s.History.Events != 100 || s.History.Bytes == 0 {
			t.Errorf("stats: %+v", s)
		}
		pass(31 * time.Second)
		if s := st.b.Stats(); s.History.Events != 0 || s.History.Bytes != 0 || s.Recovery.Saved != 100 {
			t.Errorf("stats: %+v", s)
		}
		pass(90 * time.Second)
		if r := st.b.Stats().Recovery; r.Saved != 0 || r.Expired != 100 {
			t.Errorf("stats: %+v", r)
		}
	})
}

func TestSessionsAreBounded(t *testing.T) {
	o := window
	o.Sessions = 10
	recovering(t, o, func(t *testing.T, st *stack) {
		for range 25 {
			st.guest().drop()
		}
		if r := st.b.Stats().Recovery; r.Saved != 10 || r.Evicted != 15 {
			t.Errorf("stats: %+v", r)
		}
	})
}
