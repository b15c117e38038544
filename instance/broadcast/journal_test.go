package broadcast_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// tape is a journal in memory. What it is given is on it when a delay is over.
type tape struct {
	delay time.Duration

	mu        sync.Mutex
	committed func(uint64, error)
	full      bool
	broken    error // of what is appended from now on
	cut       bool  // the process was killed: nothing gets on it any more
	waiting   []broadcast.Entry
	kept      broadcast.Restored
	sessions  map[string]broadcast.SessionState
	clients   map[string]broadcast.ClientState
}

func newTape(delay time.Duration) *tape {
	return &tape{
		delay: delay, kept: broadcast.Restored{Answered: map[uint64][]string{}},
		sessions: map[string]broadcast.SessionState{}, clients: map[string]broadcast.ClientState{},
	}
}

func (j *tape) Start(committed func(uint64, error)) { j.committed = committed }

func (j *tape) Append(e broadcast.Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.full {
		return broadcast.ErrFull
	}
	j.waiting = append(j.waiting, e)
	if len(j.waiting) == 1 {
		time.AfterFunc(j.delay, j.sync)
	}
	return nil
}

// sync writes what waits, as one batch.
func (j *tape) sync() {
	j.mu.Lock()
	batch, err := j.waiting, j.broken
	j.waiting = nil
	if j.cut {
		err = errors.New("killed")
	}
	if err == nil {
		for _, e := range batch {
			j.write(e)
		}
	}
	j.mu.Unlock()
	if len(batch) > 0 {
		j.committed(batch[len(batch)-1].Seq, err)
	}
}

func (j *tape) write(e broadcast.Entry) {
	j.kept.Seq = e.Seq
	if !e.Kept {
		return
	}
	s := broadcast.Stored{Seq: e.Seq, At: e.At, To: e.To, Acked: e.Acked}
	name, payload, attachments, err := e.Packet.Event()
	if err != nil {
		panic(err)
	}
	s.Event = socketio.Event{Name: name, Payload: slices.Clone(payload), Attachments: attachments}
	j.kept.Events = append(j.kept.Events, s)
}

func (j *tape) Session(s broadcast.SessionState) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.cut {
		j.sessions[s.PID] = s
	}
}

func (j *tape) Client(c broadcast.ClientState) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.cut {
		j.clients[c.ID] = c
	}
}

func (j *tape) Answered(seq uint64, client string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.cut {
		j.kept.Answered[seq] = append(j.kept.Answered[seq], client)
	}
}

// kill ends the process that writes, and returns what it has left.
func (j *tape) kill(epoch string) *broadcast.Restored {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cut = true
	r := j.kept
	r.Epoch = epoch
	for _, s := range j.sessions {
		if !s.Gone {
			r.Sessions = append(r.Sessions, s)
		}
	}
	for _, c := range j.clients {
		if !c.Gone {
			r.Clients = append(r.Clients, c)
		}
	}
	return &r
}

func TestNothingIsSeenBeforeItIsOnDisk(t *testing.T) {
	j := newTape(time.Second)
	delivering(t, broadcast.Options{Journal: j, Window: time.Minute}, func(t *testing.T, st *stack) {
		a := st.member(nil)
		var answers []string
		publish := func(name string) {
			st.b.Publish(broadcast.Event{Name: name, Acked: name == "c"}, func(seq uint64, err error) {
				answers = append(answers, fmt.Sprint(name, seq, err))
			})
		}
		publish("a")
		pass(500 * time.Millisecond)
		publish("b")
		b := st.member(nil) // both are for it: nobody has seen them yet
		a.want(false)
		if all, _ := st.b.Records(0, 0); len(all) != 0 || len(answers) != 0 || st.b.Stats().Seq != 0 {
			t.Errorf("records %v, answers %v", text(all), answers)
		}
		pass(600 * time.Millisecond)
		synctest.Wait()
		publish("c")
		pass(2 * time.Second)
		epoch := st.b.Epoch()
		want := []string{`["a","` + epoch + `-1"]`, `["b","` + epoch + `-2"]`, `["c"]`}
		a.want(true, want...)
		b.want(true, want...)
		if fmt.Sprint(answers) != "[a1 <nil> b2 <nil> c3 <nil>]" {
			t.Error(answers)
		}
		publish("last") // Run waits for it
	})
}

func TestJournalThatFails(t *testing.T) {
	j := newTape(time.Second)
	delivering(t, broadcast.Options{Journal: j}, func(t *testing.T, st *stack) {
		a := st.member(nil)
		var answers []string
		publish := func(name string) {
			st.b.Publish(broadcast.Event{Name: name}, func(seq uint64, err error) {
				answers = append(answers, fmt.Sprint(name, seq, errors.Is(err, broadcast.ErrDegraded), errors.Is(err, broadcast.ErrFull)))
			})
		}
		j.broken = errors.New("no space")
		publish("a")
		publish("b")
		pass(1100 * time.Millisecond)
		synctest.Wait()
		j.broken, j.full = nil, true
		publish("c")
		j.full = false
		publish("d")
		pass(1100 * time.Millisecond)
		a.want(false, `["d"]`)
		if got := fmt.Sprint(answers); got != "[a0 true false b0 true false c0 false true d3 false false]" {
			t.Error(got)
		}
		if s := st.b.Stats(); s.Refused.Degraded != 2 || s.Refused.Full != 1 || s.Accepted != 1 || s.Seq != 3 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestJournalBoundsWhatItHolds(t *testing.T) {
	j := newTape(time.Second)
	delivering(t, broadcast.Options{Journal: j, Depth: 10}, func(t *testing.T, st *stack) {
		full := 0
		for range 15 {
			st.b.Publish(broadcast.Event{Name: "e"}, func(_ uint64, err error) {
				if errors.Is(err, broadcast.ErrFull) {
					full++
				}
			})
		}
		if full != 5 {
			t.Errorf("%d refused", full)
		}
	})
}

// After a restart numbers go on, clients are who they were, and nothing comes twice.
func TestRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newTape(time.Millisecond)
		o := broadcast.Options{Window: time.Hour, Away: time.Hour, Retry: broadcast.Retry{MaxAge: time.Hour}, Journal: j}
		st, _ := newStack(t, engineio.Options{}, o, true)
		st.ns.Handle(&doorman{st: st})
		g := st.guest()
		if err := st.socket(g).Join("red"); err != nil {
			t.Fatal(err)
		}
		st.b.Moved(st.socket(g))
		here, away := st.member(known("here", "red")), st.member(known("away", "red"))
		settle := func() { pass(10 * time.Millisecond); synctest.Wait() }
		st.publish("seen", "red")
		st.acked("unanswered", "red")
		settle()
		received(t, g.conn)
		g.offset = st.b.ID(1)
		away.take()
		away.drop()
		st.publish("missed", "red")
		st.acked("answered", here.id())
		st.b.Publish(broadcast.Event{Name: "v", Volatile: true}, nil)
		settle()
		for _, x := range here.take() {
			if x.args == `["answered"]` {
				here.ack(x.id)
			}
		}
		epoch := st.b.Epoch()
		r := j.kill(epoch)
		st.publish("never written")
		st.end()

		o.Journal, o.Restored = newTape(time.Millisecond), r
		st, _ = newStack(t, engineio.Options{}, o, true)
		st.ns.Handle(&doorman{st: st})
		if all, gap := st.b.Records(0, 0); text(all) != "1:seen 2:unanswered 3:missed 4:answered " || gap.To != 0 {
			t.Errorf("records %q, %v", text(all), gap)
		}
		got := letters(st.b.Unanswered())
		if strings.Count(got, ",") != 2 || !strings.Contains(got, "away 0") || !strings.Contains(got, "here 0") || !strings.Contains(got, "- 0") {
			t.Errorf("pending %q", got)
		}
		st.publish("new", "red")
		settle()
		if s := st.b.Stats(); s.Seq != 6 || st.b.Epoch() != epoch {
			t.Errorf("stats: %+v", s)
		}
		conn, err := st.host.Client().Dial()
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Send(fmt.Sprintf(`40{"pid":%q,"offset":%q}`, g.pid, g.offset)); err != nil {
			t.Fatal(err)
		}
		got = strings.Join(received(t, conn)[1:], " ")
		want := fmt.Sprintf(`420["unanswered"] 42["missed","%s-3"] 42["new","%s-6"] 40{"sid":"%s","pid":"%s"}`, epoch, epoch, g.id, g.pid)
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		here.st, away.st = st, st
		here.connect()
		here.want(true, `["unanswered"]`, `["new","`+epoch+`-6"]`)
		away.connect()
		away.want(true, `["unanswered"]`, `["missed","`+epoch+`-3"]`, `["new","`+epoch+`-6"]`)
		if err := conn.Send("430[]"); err != nil {
			t.Fatal(err)
		}
		st.wantLetters("", "")
		st.end()
	})
}

// Wherever the process is killed: what was answered is in the history, and no number is seen twice.
func TestKilledAtAnyPoint(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) { killed(t, seed) })
	}
}

func killed(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 5))
	var r *broadcast.Restored
	seen := map[uint64]string{} // by number
	answered := map[uint64]string{}
	var mu sync.Mutex
	n := 0
	for range 3 {
		j := newTape(time.Duration(rng.IntN(3)) * time.Millisecond)
		o := broadcast.Options{Journal: j, Restored: r}
		st, _ := newStack(t, engineio.Options{}, o, true)
		if r != nil {
			j.kept.Events, j.kept.Seq = r.Events, r.Seq
		}
		all, _ := st.b.Records(0, 0)
		for seq, name := range answered {
			if !slices.ContainsFunc(all, func(x broadcast.Record) bool {
				return x.Seq == seq && strings.Contains(text([]broadcast.Record{x}), ":"+name+" ")
			}) {
				t.Errorf("seed %d: %d %s was answered and is gone", seed, seq, name)
			}
		}
		watch := func(all []broadcast.Record) {
			mu.Lock()
			defer mu.Unlock()
			for _, x := range all {
				name, _, _, _ := x.Packet.Event()
				if was, ok := seen[x.Seq]; ok {
					t.Errorf("seed %d: %d is %s, was %s", seed, x.Seq, name, was)
				}
				seen[x.Seq] = name
			}
		}
		stop := st.b.Watch(nil, watch)
		for range rng.IntN(30) {
			n++
			name, volatile := fmt.Sprint("e", n), n%3 == 0
			st.b.Publish(broadcast.Event{Name: name, Volatile: volatile}, func(seq uint64, err error) {
				mu.Lock()
				defer mu.Unlock()
				if err == nil && !volatile {
					answered[seq] = name
				}
			})
			if rng.IntN(3) == 0 {
				pass(time.Duration(rng.IntN(2)) * time.Millisecond)
			}
		}
		r = j.kill(st.b.Epoch())
		st.end()
		stop()
	}
}
