package instance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockd/sockd/instance"
)

const operatedRules = `
namespaces = ["/", "/room-*"]
history = { size = 4 }
retry = { ack_timeout = "50ms", initial = "50ms", max = "50ms", attempts = 2, dead_letter = true }
[instance.x.on.join]
join = "{0}"
to = "none"
ack = true
[instance.x.on.msg]
to = "all"
[instance.x.on.whisper]
to = "sender"
`

func operate(t *testing.T, r *running, p instance.Post) instance.Posted {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := r.Post(ctx, p)
	if err != nil {
		t.Fatalf("post %s: %v", p.Event, err)
	}
	return got
}

func TestPost(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, operatedRules))
	a, b := dial(t, r.addr, ""), dial(t, r.addr, "")
	a.send(`420["join","r"]`)
	a.want(`430[]`)

	got := operate(t, r, instance.Post{Event: "msg", Args: json.RawMessage(`[1,"x"]`)})
	if got.Seq != 1 || !strings.HasSuffix(got.ID, "-1") || got.Recipients != 2 || got.Namespace != "/" {
		t.Errorf("got %+v", got)
	}
	a.want(`42["msg",1,"x"]`)
	b.want(`42["msg",1,"x"]`)
	if got := operate(t, r, instance.Post{Event: "any", Rooms: []string{"r"}}); got.Recipients != 1 {
		t.Errorf("to a room: got %+v", got)
	}
	a.want(`42["any"]`)
	if got := operate(t, r, instance.Post{Event: "msg", Except: []string{"r"}}); got.Recipients != 1 {
		t.Errorf("but a room: got %+v", got)
	}
	b.want(`42["msg"]`)
	if got := operate(t, r, instance.Post{Event: "whisper"}); got.Dropped != "no_sender" || got.ID != "" {
		t.Errorf("to nobody: got %+v", got)
	}
	operate(t, r, instance.Post{Event: "msg", Args: json.RawMessage(`[{"$binary":"AQI="}]`), Binary: true})
	a.want(`451-["msg",{"_placeholder":true,"num":0}]`)

	for _, c := range []struct {
		p    instance.Post
		want string
	}{
		{instance.Post{}, "event: must not be empty"},
		{instance.Post{Event: "disconnect"}, `event "disconnect" is reserved`},
		{instance.Post{Event: "e", Args: json.RawMessage(`{}`)}, "args: must be an array"},
		{instance.Post{Event: "e", Namespace: "/none"}, `no such namespace: "/none"`},
	} {
		if _, err := r.Post(t.Context(), c.p); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %s", c.p, err, c.want)
		}
	}
	_ = r.stop()
	if _, err := r.Post(t.Context(), instance.Post{Event: "e"}); !errors.Is(err, instance.ErrNotServing) {
		t.Errorf("after the end: %v", err)
	}
}

func TestPostWaitsForAcknowledgements(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, operatedRules))
	a, b := dial(t, r.addr, ""), dial(t, r.addr, "")
	answered := make(chan instance.Posted, 1)
	go func() {
		got, err := r.Post(context.WithoutCancel(t.Context()), instance.Post{Event: "msg", Acked: true, Wait: patience})
		if err != nil {
			t.Error(err)
		}
		answered <- got
	}()
	_, id, _ := strings.Cut(strings.TrimSuffix(a.recv(), `["msg"]`), "42")
	a.send("43" + id + "[]")
	b.recv() // and keeps silent until it is given up
	if got := <-answered; got.Acked != 1 || got.Awaited != 2 {
		t.Errorf("got %+v, want 1 of 2", got)
	}

	// What b has not acknowledged is a dead letter; flushed, it comes again under another number, to b alone.
	pending, dead, err := r.Letters("")
	if err != nil || len(pending) != 0 || len(dead) != 1 || dead[0].Event != "msg" || dead[0].Client != b.sid || dead[0].Reason != "attempts" {
		t.Fatalf("got %+v, %+v, %v", pending, dead, err)
	}
	n, err := r.Flush(t.Context(), "/", true)
	if err != nil || n != (instance.Retried{Dead: 1}) {
		t.Errorf("flush: got %+v, %v", n, err)
	}
	eventually(t, "it is given up again", func() bool { _, dead, _ = r.Letters("/"); return len(dead) == 1 && dead[0].Seq == 2 })
	if n, err := r.Discard("", false); err != nil || n != (instance.Retried{Dead: 1}) {
		t.Errorf("discard: got %+v, %v", n, err)
	}
	if _, err := r.Discard("/none", true); !errors.Is(err, instance.ErrNoNamespace) {
		t.Errorf("got %v", err)
	}
}

func TestRoomsClientsAndKick(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, operatedRules))
	a, b := dial(t, r.addr, ""), dial(t, r.addr, `{"client_id":"me"}`)
	for i, room := range []string{"small", "large"} {
		a.send(fmt.Sprintf(`42%d["join",%q]`, i, room))
		a.want(fmt.Sprintf(`43%d[]`, i))
	}
	b.send(`420["join","large"]`)
	b.want(`430[]`)
	if got, want := r.Rooms(), []instance.Room{{"large", "/", 2}, {"small", "/", 1}}; !slices.Equal(got, want) {
		t.Errorf("rooms: got %v, want %v", got, want)
	}
	all := r.Clients()
	if len(all) != 2 || all[0].SID != a.sid || all[0].Namespace != "/" || all[0].Transport != "websocket" || len(all[0].Rooms) != 2 || all[1].ClientID != "me" {
		t.Fatalf("clients: got %+v", all)
	}
	if got := all[1]; got.Address != b.conn.LocalAddr().String() || time.Since(got.Since) > patience || got.Queued != 0 {
		t.Errorf("client: got %+v", got)
	}
	if r.Kick("nobody") {
		t.Error("nobody is kicked")
	}
	if !r.Kick(a.sid) {
		t.Error("not found")
	}
	a.want("41")
	if p, err := a.read(); err == nil {
		t.Errorf("after the kick: %q", p)
	}
	eventually(t, "it has left", func() bool { return len(r.Clients()) == 1 })
}

func TestHistoryIsReadInParts(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, strings.Replace(operatedRules, "size = 4", "size = 2500", 1)))
	for range 2600 {
		operate(t, r, instance.Post{Event: "msg"})
	}
	read := func(q instance.HistoryQuery) (seqs []uint64, gap *instance.EventGap) {
		t.Helper()
		for first := true; first || q.Since != ""; first = false {
			p, err := r.History(q)
			if err != nil {
				t.Fatal(err)
			}
			if first {
				gap = p.Gap
			} else if p.Gap != nil {
				t.Errorf("a gap in the middle: %+v", p.Gap)
			}
			for _, e := range p.Events {
				seqs = append(seqs, e.Seq)
			}
			q = instance.HistoryQuery{Namespace: q.Namespace, Since: p.Next}
		}
		return seqs, gap
	}
	for _, c := range []struct {
		name       string
		q          instance.HistoryQuery
		n          int
		first, gap uint64 // gap: its end
	}{
		{"from the start", instance.HistoryQuery{Since: "0"}, 2500, 101, 100},
		{"after one", instance.HistoryQuery{Since: "2590"}, 10, 2591, 0},
		{"the last", instance.HistoryQuery{Last: 1500}, 1500, 1101, 0},
		{"by age", instance.HistoryQuery{Age: time.Hour}, 2500, 101, 100},
		{"of an earlier start", instance.HistoryQuery{Since: "abcdefgh-9"}, 2500, 101, 100},
		{"yet to come", instance.HistoryQuery{Since: "9999"}, 0, 0, 0},
	} {
		seqs, gap := read(c.q)
		if len(seqs) != c.n || c.n > 0 && (seqs[0] != c.first || seqs[c.n-1] != 2600) {
			t.Errorf("%s: %d events", c.name, len(seqs))
		}
		if (gap != nil) != (c.gap > 0) || gap != nil && gap.To != c.gap {
			t.Errorf("%s: gap %+v, want one to %d", c.name, gap, c.gap)
		}
	}
	if _, err := r.History(instance.HistoryQuery{Since: "yesterday"}); err == nil {
		t.Error("no id, and no error")
	}
	if _, err := r.History(instance.HistoryQuery{Namespace: "/none"}); !errors.Is(err, instance.ErrNoNamespace) {
		t.Errorf("got %v", err)
	}
}

// tapped collects traffic as text.
type tapped struct {
	mu    sync.Mutex
	lines []string
}

func (x *tapped) take(l instance.Traffic) {
	x.mu.Lock()
	defer x.mu.Unlock()
	dir := "in"
	if l.Out {
		dir = "out"
	}
	x.lines = append(x.lines, fmt.Sprintf("%s %s %s %s %v %s %s %s", dir, l.Namespace, l.Event, l.Args, l.Rooms, l.From, l.Rule, l.Dropped))
}

// has waits for a line and takes all up to it away.
func (x *tapped) has(t *testing.T, want string) {
	t.Helper()
	var seen []string
	defer func() {
		if t.Failed() {
			t.Logf("seen %q", seen)
		}
	}()
	eventually(t, want, func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		seen = slices.Clone(x.lines)
		i := slices.Index(x.lines, want)
		if i >= 0 {
			x.lines = slices.Delete(x.lines, i, i+1)
		}
		return i >= 0
	})
}

func TestTap(t *testing.T) {
	t.Parallel()
	c := written(t, operatedRules+"[instance.x.on.connect]\nemit = \"hello\"\nto = \"sender\"\nargs = \"[1]\"\n")
	c.Limits.EventsPerSecond, c.Limits.Burst = 1, 5
	r := run(t, loops(t), c)
	var all, some, room tapped
	stop := r.Tap(instance.TapFilter{Both: true}, all.take)
	defer r.Tap(instance.TapFilter{Out: true, Event: "m*", Namespace: "/room-*"}, some.take)()
	defer r.Tap(instance.TapFilter{Room: "r"}, room.take)()

	a := dial(t, r.addr, "")
	all.has(t, "in / connect [{}] [] server connect ")
	a.want(`42["hello",1]`)
	a.send(`420["join","r"]`)
	a.want(`430[]`)
	all.has(t, `in / join ["r"] [] client join `)
	a.send(`42["nothing"]`)
	all.has(t, "in / nothing [] [] client  no_rule")
	a.send(`42["whisper",1]`)
	all.has(t, "in / whisper [1] [] client whisper ")
	all.has(t, fmt.Sprintf("out / whisper [1] [%s]   ", a.sid))
	a.send(`451-["msg",{"_placeholder":true,"num":0}]`)
	a.sendBinary("\x01\x02")
	all.has(t, `in / msg [{"$binary":"AQI="}] [] client msg `)
	all.has(t, `out / msg [{"$binary":"AQI="}] []   `)
	for range 3 {
		a.send(`42["msg"]`)
	}
	all.has(t, "in / msg [] [] client  events_per_second")

	operate(t, r, instance.Post{Namespace: "/room-1", Event: "my", Rooms: []string{"x"}}) // a namespace that is new
	all.has(t, "in /room-1 my [] [x] http  ")
	some.has(t, "out /room-1 my [] [x]   ")
	operate(t, r, instance.Post{Event: "any", Rooms: []string{"r"}})
	room.has(t, "in / any [] [r] http  ")
	room.has(t, "in / nothing [] [] client  no_rule")
	if len(some.lines) > 0 {
		t.Errorf("not asked for: %q", some.lines)
	}
	stop()
	all.mu.Lock()
	all.lines = nil
	all.mu.Unlock()
	operate(t, r, instance.Post{Event: "any", Rooms: []string{"r"}})
	room.has(t, "in / any [] [r] http  ")
	if len(all.lines) > 0 {
		t.Errorf("after stop: %q", all.lines)
	}
}
