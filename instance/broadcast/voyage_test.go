package broadcast_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
	"github.com/sockd/sockd/instance/socketio"
)

// line is one connection of a voyager.
type line struct {
	conn  *enginetest.Conn
	born  int // how many events had been published
	held  bool
	last  int            // of the events that are not to be acknowledged
	acked map[int]bool   // by it
	asked map[int]string // what it may acknowledge, and by which id
}

func (l *line) release() {
	l.held = false
	l.conn.Release()
}

// voyager is a client with an id of its own, and maybe a pid, that has no, one or two connections, breaks them, stalls, and acknowledges as it likes.
type voyager struct {
	t           *testing.T
	st          *stack
	rng         *rand.Rand
	id          string
	rooms       []string
	pids        bool // it comes back with pid and offset
	pid, offset string
	lines       []*line
	seen        map[int]int  // how often, by event
	acked       map[int]int  // by the client, when so many events had been published
	here        map[int]bool // whether it had a connection when an event was sent
	now         int          // how many events have been published
	must        map[int]bool // to be seen at the next look
	away        bool         // and the server knows
}

func (v *voyager) auth() string {
	fields := map[string]any{"client_id": v.id, "rooms": v.rooms}
	if v.pids && v.pid != "" && len(v.lines) == 0 {
		fields["pid"] = v.pid
		if v.offset != "" {
			fields["offset"] = v.offset
		}
	}
	text, _ := json.Marshal(fields)
	return string(text)
}

// dial opens one more connection and reads what comes first.
func (v *voyager) dial() {
	conn := v.ask()
	v.lines = append(v.lines, &line{conn: conn, born: v.now, last: -1, acked: map[int]bool{}, asked: map[int]string{}})
	synctest.Wait()
	v.look()
}

// rush opens a connection that breaks before anything is read. What a client without offset is sent on it is lost.
func (v *voyager) rush() {
	v.ask().Drop(nil)
	v.away = false
	if !v.pids {
		clear(v.must)
	}
}

// ask asks to connect.
func (v *voyager) ask() *enginetest.Conn {
	conn, err := v.st.host.Client().Dial()
	if err != nil {
		v.t.Fatal(err)
	}
	if _, err := conn.Recv(); err != nil {
		v.t.Fatal(err)
	}
	if err := conn.Send("40" + v.auth()); err != nil {
		v.t.Fatal(err)
	}
	return conn
}

// look reads everything that has arrived.
func (v *voyager) look() {
	for _, l := range v.lines {
		for l.conn.Pending() > 0 {
			f, err := l.conn.Recv()
			if err != nil {
				v.t.Fatal(err)
			}
			v.note(l, f.Data)
		}
	}
	for _, l := range v.lines { // what was under way has arrived
		for i, id := range l.asked {
			if !l.held && v.rng.IntN(3) > 0 {
				v.ack(l, i, id)
			}
		}
		clear(l.asked)
	}
	if len(v.lines) == 0 {
		return
	}
	for i := range v.must {
		if v.seen[i] == 0 {
			v.t.Errorf("%s was not given %d, published while it was away", v.id, i)
		}
	}
	clear(v.must)
}

func (v *voyager) note(l *line, frame string) {
	if answer, ok := strings.CutPrefix(frame, "40"); ok {
		var reply struct{ PID string }
		if err := json.Unmarshal([]byte(answer), &reply); err != nil {
			v.t.Error(err)
		}
		v.pid = reply.PID
		return
	}
	text := strings.TrimPrefix(frame, "42")
	at := strings.IndexByte(text, '[')
	var args []any
	if at < 0 || json.Unmarshal([]byte(text[at:]), &args) != nil || len(args) < 2 {
		v.t.Fatalf("%s got %q", v.id, frame)
	}
	n, ok := args[1].(float64)
	if !ok {
		v.t.Fatalf("%s got %q", v.id, frame)
	}
	i := int(n)
	if offset, ok := args[len(args)-1].(string); ok {
		v.offset = offset
	}
	v.seen[i]++
	if at > 0 {
		if at, ok := v.acked[i]; l.acked[i] || ok && l.born > at {
			v.t.Errorf("%s got %d again after it had acknowledged that", v.id, i)
		}
		l.asked[i] = text[:at]
		return
	}
	if i <= l.last {
		v.t.Errorf("%s got %d behind %d", v.id, i, l.last)
	}
	l.last = i
	if !v.pids && v.here[i] && l.born > i {
		v.t.Errorf("%s got %d, which was handed to it on another connection", v.id, i)
	}
	if v.seen[i] > 1 && len(v.lines) == 1 && v.pids {
		v.t.Errorf("%s got %d %d times", v.id, i, v.seen[i])
	}
}

func (v *voyager) ack(l *line, i int, id string) {
	if l.conn.Send("43"+id+"[]") == nil {
		l.acked[i] = true
		if _, ok := v.acked[i]; !ok {
			v.acked[i] = v.now
		}
	}
}

// cut breaks a connection; what it has not read is lost.
func (v *voyager) cut(k int) {
	v.lines[k].conn.Drop(nil)
	v.lines = slices.Delete(v.lines, k, k+1)
	synctest.Wait()
	v.away = len(v.lines) == 0
}

func (v *voyager) step() {
	switch n := v.rng.IntN(10); {
	case n < 2 && len(v.lines) < 2 && (len(v.lines) == 0 || !v.pids), len(v.lines) == 0 && n < 6:
		v.dial()
	case n < 4 && len(v.lines) > 0:
		v.cut(v.rng.IntN(len(v.lines)))
	case n == 4 && len(v.lines) > 0:
		l := v.lines[v.rng.IntN(len(v.lines))]
		l.held = true
		l.conn.Hold()
	case n == 5:
		for _, l := range v.lines {
			l.release()
		}
	case n == 6 && v.pids && len(v.lines) == 1: // half open, while it comes back
		old := v.lines[0]
		v.lines = nil
		v.dial()
		old.conn.Drop(nil)
	case n == 7 && v.pid != "" && len(v.lines) == 0:
		v.rush()
	case n < 9:
		synctest.Wait()
		v.look()
	}
}

// voyage is one schedule.
type voyage struct {
	t    *testing.T
	st   *stack
	rng  *rand.Rand
	all  []*voyager
	to   []socketio.Selector // by event
	kind []byte              // 'a' = acked, 'o' = once, 'v' = volatile, 'u' = unkept
	due  [][]string          // by event: the clients that must see it or be in a dead letter

	tape *tape // nil = there is no journal
	dead map[string]bool
}

func (y *voyage) publish() {
	i := len(y.kind)
	e := broadcast.Event{Name: "e", Args: []any{i}}
	kind := "aaaooouv"[y.rng.IntN(8)]
	switch y.rng.IntN(5) {
	case 0:
		e.To.Rooms = []string{"a"}
	case 1:
		e.To.Rooms = []string{"b", "c"}
	case 2:
		e.To.Except = []string{"a"}
	}
	e.Acked, e.Unkept, e.Volatile = kind == 'a', kind == 'u', kind == 'v'
	y.to, y.kind = append(y.to, e.To), append(y.kind, kind)
	var due []string
	for _, v := range y.all {
		v.now = i + 1
		in := func(names []string) bool {
			return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(v.rooms, n) })
		}
		if len(e.To.Rooms) > 0 && !in(e.To.Rooms) || in(e.To.Except) || v.pid == "" {
			continue // or it was never here
		}
		switch {
		case kind == 'a':
			due = append(due, v.id)
		case kind == 'o' && v.away && len(v.lines) == 0:
			v.must[i] = true
		}
	}
	y.due = append(y.due, due)
	y.st.b.Publish(e, func(_ uint64, err error) {
		if err != nil {
			y.t.Error(err)
		}
	})
	switch {
	case y.tape != nil:
		pass(time.Millisecond) // for it to be written
	case y.rng.IntN(2) == 0:
		return // the lanes may be at it still when the next thing happens
	}
	synctest.Wait()
	for _, v := range y.all {
		v.here[i] = len(v.lines) > 0
	}
}

// restart kills the process and goes on with what the journal has kept.
func (y *voyage) restart(o broadcast.Options) {
	synctest.Wait()
	was := y.pending()
	y.bury()
	r := y.tape.kill(y.st.b.Epoch())
	for _, v := range y.all {
		for _, l := range v.lines {
			l.conn.Drop(nil)
		}
		v.lines = nil
	}
	y.st.end()
	y.tape = newTape(0)
	y.tape.kept.Events, y.tape.kept.Seq, y.tape.kept.Answered = r.Events, r.Seq, r.Answered
	for _, s := range r.Sessions {
		y.tape.sessions[s.PID] = s
	}
	for _, c := range r.Clients {
		y.tape.clients[c.ID] = c
	}
	o.Journal, o.Restored = y.tape, r
	y.st, _ = newStack(y.t, engineio.Options{PingInterval: 100 * time.Hour}, o, true)
	y.st.ns.Handle(&doorman{st: y.st})
	for _, v := range y.all {
		v.st, v.away = y.st, true
	}
	if got := y.pending(); got != was {
		y.t.Errorf("pending after the restart:\n%s\nbefore:\n%s", got, was)
	}
}

// pending lists what is not acknowledged.
func (y *voyage) pending() string {
	var all []string
	for _, l := range y.st.b.Unanswered() {
		all = append(all, fmt.Sprint(l.Seq, " ", l.Client))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// bury takes down what was given up.
func (y *voyage) bury() {
	for _, l := range y.st.b.Dead() {
		y.dead[fmt.Sprint(l.Client, " ", string(l.Args[0]))] = true
		if l.Reason == "left" {
			y.t.Errorf("dead letter: %+v", l)
		}
	}
}

func (y *voyage) reconfigure(o broadcast.Options) {
	o.Replay = []broadcast.Replay{broadcast.Missed, broadcast.Last(3), broadcast.All}[y.rng.IntN(3)]
	o.Retry.Jitter = float64(y.rng.IntN(2)) / 2
	o.Retry.Factor = float64(1 + y.rng.IntN(3))
	y.st.b.Configure(o)
}

// finish has everybody come, read and acknowledge everything.
func (y *voyage) finish() {
	for range 100 {
		for _, v := range y.all {
			for _, l := range v.lines {
				l.release()
			}
			if len(v.lines) == 0 {
				v.dial()
			}
			synctest.Wait()
			v.look()
		}
		pass(10 * time.Second)
		if y.st.b.Stats().Pending == 0 {
			break
		}
	}
	synctest.Wait()
	for _, v := range y.all {
		v.look()
	}
}

// Whatever happens to connections, and however the policy changes: nothing is lost that was promised, nothing comes after its acknowledgement, and
// the accounts balance.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	schedules := uint64(1500)
	if raceEnabled {
		schedules = 200
	}
	for seed := range schedules {
		synctest.Test(t, func(t *testing.T) { sail(t, seed) })
	}
}

func sail(t *testing.T, seed uint64) {
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	rng := rand.New(rand.NewPCG(seed, 77))
	o := broadcast.Options{Window: time.Hour, Away: time.Hour, Retry: broadcast.Retry{Attempts: 1000, MaxAge: time.Hour, Capacity: 10000, Dead: true}}
	if seed%3 == 0 {
		o.Retry.Attempts, o.Retry.MaxAge, o.Retry.AckTimeout = 2, 20*time.Second, time.Second
	}
	if seed%4 == 1 {
		o.Retry.Capacity = 5
	}
	y := &voyage{t: t, rng: rng, dead: map[string]bool{}}
	first := o
	if seed%5 > 2 {
		y.tape = newTape(0)
		first.Journal = y.tape
	}
	st, _ := newStack(t, engineio.Options{PingInterval: 100 * time.Hour}, first, true)
	st.ns.Handle(&doorman{st: st})
	y.st = st
	for i, rooms := range [][]string{{}, {"a"}, {"b", "c"}, {"a", "b"}} {
		y.all = append(y.all, &voyager{
			t: t, st: st, rng: rng, id: fmt.Sprint("client ", i), rooms: rooms, pids: i%2 == 1,
			seen: map[int]int{}, acked: map[int]int{}, here: map[int]bool{}, must: map[int]bool{},
		})
	}
	for range 60 + rng.IntN(60) {
		switch n := rng.IntN(16); {
		case n < 6:
			y.publish()
		case n < 7:
			pass(time.Duration(rng.IntN(4)) * time.Second)
		case n < 8:
			y.reconfigure(o)
		case n < 9 && rng.IntN(4) == 0:
			y.st.b.Flush()
		case n < 10 && rng.IntN(4) == 0 && y.tape != nil:
			y.restart(o)
		default:
			y.all[rng.IntN(len(y.all))].step()
		}
	}
	y.finish()
	y.check()
	y.st.balanced()
	y.st.end()
	if err := y.st.host.Err(); err != nil {
		t.Error(err)
	}
}

func (y *voyage) check() {
	if s := y.st.b.Stats(); s.Pending != 0 || s.Clients.Gaps != 0 {
		y.t.Errorf("stats: %+v", s)
	}
	y.bury()
	dead := y.dead
	for i, due := range y.due {
		for _, v := range y.all {
			key := fmt.Sprint(v.id, " ", i)
			if slices.Contains(due, v.id) && v.seen[i] == 0 && !dead[key] {
				y.t.Errorf("%s never saw %d", v.id, i)
			}
			if _, acked := v.acked[i]; slices.Contains(due, v.id) && !acked && !dead[key] {
				y.t.Errorf("%s did not acknowledge %d, and nobody gave up", v.id, i)
			}
		}
	}
}
