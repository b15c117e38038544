package broadcast_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// text describes records by gap, number and event.
func text(all []broadcast.Record) string {
	s := ""
	for _, r := range all {
		if r.Gap != (broadcast.Gap{}) {
			s += fmt.Sprintf("(%d-%d)", r.Gap.From, r.Gap.To)
		}
		if r.Packet == nil {
			continue
		}
		name, payload, _, err := r.Packet.Event()
		if err != nil {
			return err.Error()
		}
		s += fmt.Sprintf("%d:%s", r.Seq, name)
		if !json.Valid(payload) {
			s += "!"
		}
		if !r.Kept {
			s += "?"
		}
		s += " "
	}
	return s
}

func TestRecords(t *testing.T) {
	for name, window := range map[string]time.Duration{"with recovery": time.Minute, "without": 0} {
		t.Run(name, func(t *testing.T) {
			delivering(t, broadcast.Options{Window: window, History: broadcast.History{Size: 4, TTL: time.Minute}}, func(t *testing.T, st *stack) {
				begun := time.Now()
				check := func(after uint64, limit int, want string, gap broadcast.Gap) {
					t.Helper()
					all, g := st.b.Records(after, limit)
					if got := text(all); got != want || g != gap {
						t.Errorf("after %d: got %q, %v; want %q, %v", after, got, g, want, gap)
					}
				}
				check(0, 0, "", broadcast.Gap{})
				for i, name := range []string{"a", "b", "v", "c", "u", "d"} {
					st.b.Publish(broadcast.Event{Name: name, Args: []any{i, "text"}, Volatile: name == "v", Unkept: name == "u"}, nil)
				}
				st.acked("e", "room")
				check(2, 0, "4:c 6:d 7:e ", broadcast.Gap{})
				check(0, 0, "2:b 4:c 6:d 7:e ", broadcast.Gap{1, 1})
				check(0, 2, "2:b 4:c ", broadcast.Gap{1, 1})
				check(7, 0, "", broadcast.Gap{})
				check(99, 0, "", broadcast.Gap{})
				if got := text(st.b.Recent(2)); got != "6:d 7:e " {
					t.Error(got)
				}
				all, _ := st.b.Records(6, 1)
				if !all[0].At.Equal(begun) || len(all[0].To.Rooms) != 1 {
					t.Errorf("%+v", all[0])
				}
				_, payload, _, _ := all[0].Packet.Event()
				if string(payload) != `["e"]` {
					t.Errorf("payload %s", payload)
				}
				pass(time.Minute)
				check(2, 0, "", broadcast.Gap{3, 7})
				if st.b.Stats().Seq != 7 {
					t.Error("the number has changed")
				}
			})
		})
	}
}

func TestRecordsOfALongHistory(t *testing.T) {
	delivering(t, broadcast.Options{History: broadcast.History{Size: 5000}}, func(t *testing.T, st *stack) {
		for range 3000 {
			st.publish("e")
		}
		if all, gap := st.b.Records(10, 0); len(all) != 2990 || all[2989].Seq != 3000 || gap.To != 0 {
			t.Errorf("%d records, gap %v", len(all), gap)
		}
		if all, _ := st.b.Records(10, 1000); len(all) != 1000 || all[999].Seq != 1010 {
			t.Errorf("%d records", len(all))
		}
	})
}

func TestIDs(t *testing.T) {
	delivering(t, broadcast.Options{}, func(t *testing.T, st *stack) {
		epoch, seq, err := broadcast.ParseID(st.b.ID(12))
		if epoch != st.b.Epoch() || seq != 12 || err != nil || len(epoch) != 8 {
			t.Errorf("%s: %q, %d, %v", st.b.ID(12), epoch, seq, err)
		}
	})
	for id, want := range map[string]string{
		"7": " 7", "0": " 0", "abc-7": "abc 7", "a-b-7": "a-b 7", "18446744073709551615": " 18446744073709551615",
		"": "-", "-7": "-", "abc-": "-", "abc": "-", "+7": "-", "07": "-", "abc-07": "-", "18446744073709551616": "-", "7-": "-",
	} {
		epoch, seq, err := broadcast.ParseID(id)
		got := fmt.Sprint(epoch, " ", seq)
		if err != nil {
			got = "-"
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", id, got, want)
		}
	}
}

func FuzzParseID(f *testing.F) {
	for _, id := range []string{"7", "abcdefgh-12", "", "-", "--1", "a-+1", "x-00"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		epoch, seq, err := broadcast.ParseID(id)
		if err != nil {
			return
		}
		want := fmt.Sprint(seq)
		if epoch != "" {
			want = epoch + "-" + want
		}
		if id != want {
			t.Errorf("%q is read as %q", id, want)
		}
	})
}

// notes collects what a watcher is told.
type notes struct {
	mu  sync.Mutex
	all []broadcast.Record
}

func (n *notes) add(all []broadcast.Record) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, all...)
}

func (n *notes) take() []broadcast.Record {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.all
	n.all = nil
	return all
}

func TestWatch(t *testing.T) {
	delivering(t, broadcast.Options{History: broadcast.History{Size: 3}}, func(t *testing.T, st *stack) {
		for i := range 5 {
			st.publish(fmt.Sprint(i))
		}
		var live, late, early notes
		zero, four := uint64(0), uint64(4)
		stops := []func(){st.b.Watch(nil, live.add), st.b.Watch(&four, late.add), st.b.Watch(&zero, early.add)}
		st.b.Publish(broadcast.Event{Name: "v", Volatile: true}, nil)
		st.b.Publish(broadcast.Event{Name: "u", Unkept: true, To: socketio.Selector{Rooms: []string{"r"}}}, nil)
		st.publish("k")
		for n, want := range map[*notes]string{
			&live:  "6:v? 7:u? 8:k ",
			&late:  "5:4 6:v? 7:u? 8:k ",
			&early: "(1-2)3:2 4:3 5:4 6:v? 7:u? 8:k ",
		} {
			if got := text(n.take()); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		if st.b.Idle() {
			t.Error("idle while it is watched")
		}
		for _, stop := range stops {
			stop()
			stop()
		}
		st.publish("nobody")
		if got := live.take(); len(got) != 0 || !st.b.Idle() || st.b.Stats().Watchers.Open != 0 {
			t.Errorf("got %q", text(got))
		}
	})
}

func TestWatcherThatLags(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, start := newStack(t, engineio.Options{}, broadcast.Options{}, false)
		var w notes
		stop := st.b.Watch(nil, w.add)
		for range 1600 {
			st.publish("e")
		}
		start()
		all := w.take()
		if len(all) == 0 || all[0].Gap.From != 1 || all[0].Gap.To != all[0].Seq-1 || all[len(all)-1].Seq != 1600 {
			t.Fatalf("%d records, the first %+v", len(all), all[0])
		}
		for i, r := range all {
			if r.Seq != all[0].Seq+uint64(i) || i > 0 && r.Gap.To != 0 {
				t.Fatalf("record %d: %+v", i, r)
			}
		}
		if n := st.b.Stats().Watchers.Lost; n != all[0].Gap.To {
			t.Errorf("%d lost", n)
		}
		stop()
		st.end()
	})
}

// From wherever a watcher begins, it misses nothing and sees nothing twice.
func TestWatchersMissNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, _ := newStack(t, engineio.Options{}, broadcast.Options{History: broadcast.History{Size: 5000}}, true)
		const n = 3000
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range n {
				st.publish("e")
				if i%100 == 0 {
					pass(time.Millisecond)
				}
			}
		}()
		all := make([]notes, 20)
		begins := make([]uint64, len(all))
		for i := range all {
			begins[i] = st.b.Stats().Seq / 2
			st.b.Watch(&begins[i], all[i].add)
			pass(time.Millisecond)
		}
		<-done
		for i := range all {
			next := begins[i]
			for _, r := range all[i].take() {
				if next++; r.Seq != next {
					t.Fatalf("watcher %d: %d, want %d", i, r.Seq, next)
				}
			}
			if next != n {
				t.Errorf("watcher %d ends with %d", i, next)
			}
		}
		st.end()
	})
}

// A history costs a broadcast no allocation, and what is off costs nothing.
func TestHistoryAllocatesNothing(t *testing.T) {
	if raceEnabled {
		return // it allocates by itself
	}
	count := func(o broadcast.Options) float64 {
		bc, e := publishing(t, o)
		for range 3000 { // the ring has grown
			bc.Publish(e, nil)
		}
		return testing.AllocsPerRun(2000, func() { bc.Publish(e, nil) })
	}
	off := count(broadcast.Options{History: broadcast.History{Size: -1}})
	on := count(broadcast.Options{})
	if on > off {
		t.Errorf("%v allocations with a history, %v without", on, off)
	}
}
