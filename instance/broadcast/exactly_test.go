package broadcast_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// roomy puts new clients into the rooms that they ask for. Those that come back must have them already.
type roomy struct{ socketio.Mux }

func (*roomy) Connect(s *socketio.Socket, auth json.RawMessage) error {
	var wish struct{ Rooms []string }
	if err := json.Unmarshal(auth, &wish); err != nil {
		return err
	}
	if !s.Recovered() {
		s.Join(wish.Rooms...)
	}
	return nil
}

// traveller is a guest in a tunnel: its connection breaks at any moment, and what it had not read by then is lost.
type traveller struct {
	guest
	st    *stack
	rng   *rand.Rand
	rooms []string
	asked bool     // the answer to its CONNECT is not read yet
	since uint64   // the position of its session
	seen  []uint64 // the numbers of the events that it saw
}

func (v *traveller) auth() string {
	fields := map[string]any{"rooms": v.rooms}
	if v.pid != "" {
		fields["pid"] = v.pid
	}
	if v.offset != "" {
		fields["offset"] = v.offset
	}
	text, _ := json.Marshal(fields)
	return string(text)
}

// dial asks to connect on a new connection. Whatever the old one holds is lost, and the server may not know that it is over.
func (v *traveller) dial() error {
	conn, err := v.host.Client().Dial()
	if err != nil {
		return err
	}
	v.conn, v.asked = conn, true
	if _, err := conn.Recv(); err != nil {
		return err
	}
	return conn.Send("40" + v.auth())
}

// arrive reads up to the answer.
func (v *traveller) arrive() error {
	var early []string
	for {
		f, err := v.conn.Recv()
		if err != nil {
			return fmt.Errorf("no answer: %w", err)
		}
		answer, ok := strings.CutPrefix(f.Data, "40")
		if !ok {
			early = append(early, f.Data)
			continue
		}
		var reply struct{ SID, PID string }
		if err := json.Unmarshal([]byte(answer), &reply); err != nil {
			return err
		}
		if v.pid != "" && (reply.PID != v.pid || reply.SID != v.id) {
			return fmt.Errorf("not recovered: %s, was %s %s, offset %s", answer, v.id, v.pid, v.offset)
		}
		if v.pid == "" {
			v.since = v.st.ns.Lookup(reply.SID).Since()
		}
		v.id, v.pid, v.asked = reply.SID, reply.PID, false
		for _, e := range early {
			v.note(e)
		}
		return nil
	}
}

// note notes the number of an event, unless it is volatile.
func (v *traveller) note(frame string) {
	var args []any
	if err := json.Unmarshal([]byte(strings.TrimPrefix(frame, "42")), &args); err != nil {
		v.t.Errorf("%q: %v", frame, err)
	}
	if args[0] == "v" {
		return
	}
	v.offset, _ = args[len(args)-1].(string)
	_, number, _ := strings.Cut(v.offset, "-")
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		v.t.Errorf("%q: no offset", frame)
	}
	v.seen = append(v.seen, seq)
}

// read reads at most n of what has arrived.
func (v *traveller) read(n int) {
	for ; n > 0 && !v.asked && v.conn.Pending() > 0; n-- {
		f, err := v.conn.Recv()
		if err != nil {
			return
		}
		v.note(f.Data)
	}
}

// travel does n things at random, and is connected at the end.
func (v *traveller) travel(n int) error {
	if err := v.dial(); err != nil {
		return err
	}
	if err := v.arrive(); err != nil {
		return err
	}
	for range n {
		switch v.rng.IntN(8) {
		case 0, 1:
			v.read(1 + v.rng.IntN(5))
		case 2:
			pass(time.Duration(v.rng.IntN(3)))
		case 3:
			v.conn.Hold() // what comes from now on gets lost in a cut
		case 4:
			v.conn.Drop(nil)
		case 5: // half open, unless it was cut before
		case 6:
			v.conn.Drop(nil)
			if err := v.dial(); err != nil { // and again before it knows the answer
				return err
			}
			if v.rng.IntN(2) == 0 {
				v.conn.Drop(nil)
			}
		case 7:
			pass(time.Duration(v.rng.IntN(3)))
			continue
		}
		if v.rng.IntN(3) == 0 {
			continue
		}
		if err := v.dial(); err != nil {
			return err
		}
		if err := v.arrive(); err != nil {
			return err
		}
	}
	v.conn.Drop(nil)
	if err := v.dial(); err != nil {
		return err
	}
	return v.arrive()
}

// ledger is what was published, by number.
type ledger struct {
	mu  sync.Mutex
	all map[uint64]socketio.Selector
}

// spout publishes n events to any rooms.
func (l *ledger) spout(st *stack, rng *rand.Rand, n int, ids func() []string) {
	for i := range n {
		e := broadcast.Event{Name: "e", Args: []any{i}}
		switch rng.IntN(6) {
		case 0:
			e.To.Rooms = []string{"a", "b"}
		case 1:
			e.To.Rooms = []string{"b"}
		case 2:
			e.To.Except = []string{"a"}
		case 3:
			if all := ids(); len(all) > 0 {
				e.To.Skip = all[rng.IntN(len(all))]
			}
		case 4:
			e.Name, e.Volatile = "v", true
		}
		st.b.Publish(e, func(seq uint64, err error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if err != nil {
				st.t.Error(err)
			} else if !e.Volatile {
				l.all[seq] = e.To
			}
		})
		if rng.IntN(4) == 0 {
			pass(time.Duration(rng.IntN(3)))
		}
	}
}

// want returns the numbers of the events that a traveller was to see.
func (l *ledger) want(v *traveller) (want []uint64) {
	in := func(names []string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return n == v.id || slices.Contains(v.rooms, n) })
	}
	for seq, to := range l.all {
		if seq > v.since && to.Skip != v.id && (len(to.Rooms) == 0 || in(to.Rooms)) && !in(to.Except) {
			want = append(want, seq)
		}
	}
	slices.Sort(want)
	return want
}

// Whatever happens to their connections, and whenever, clients see each event of their rooms once, in order.
func TestEachEventIsSeenOnce(t *testing.T) {
	t.Parallel()
	schedules := uint64(2000)
	if raceEnabled {
		schedules = 300
	}
	for seed := range schedules {
		synctest.Test(t, func(t *testing.T) { journey(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func journey(t *testing.T, seed uint64) {
	st, _ := newStack(t, engineio.Options{}, broadcast.Options{Window: time.Hour}, true)
	st.ns.Handle(&roomy{})
	rng := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }
	l := &ledger{all: map[uint64]socketio.Selector{}}
	var mu sync.Mutex
	var known []string
	ids := func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(known)
	}
	var travellers []*traveller
	var all sync.WaitGroup
	for i, rooms := range [][]string{{}, {"a"}, {"b", "c"}, {"a", "b"}} {
		v := &traveller{guest: guest{t: t, host: st.host}, st: st, rng: rng(uint64(i)), rooms: rooms}
		travellers = append(travellers, v)
		all.Go(func() {
			if err := v.travel(3 + v.rng.IntN(10)); err != nil {
				t.Errorf("client %d: %v", i, err)
				return
			}
			mu.Lock()
			known = append(known, v.id)
			mu.Unlock()
		})
	}
	for i := range uint64(2) {
		all.Go(func() { l.spout(st, rng(10+i), 30, ids) })
	}
	all.Wait()
	synctest.Wait()
	for i, v := range travellers {
		v.read(1 << 20)
		if want := l.want(v); !slices.Equal(v.seen, want) {
			t.Errorf("client %d, since %d:\nsaw  %d\nwant %d", i, v.since, v.seen, want)
		}
	}
	if n := st.ns.Len(); n != len(travellers) {
		t.Errorf("%d sockets", n)
	}
	st.end()
	if err := st.host.Err(); err != nil {
		t.Error(err)
	}
}
