package bench_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sockd/sockd/cmd/sockd/bench"
)

func TestMarkSurvivesTheServer(t *testing.T) {
	t.Parallel()
	m := bench.NewMarked(bench.Options{Mode: bench.Fanout, Event: `a"b`, Namespace: "/n", Payload: 50})
	other := bench.NewMarked(bench.Options{Mode: bench.Fanout})
	for _, seq := range []uint64{0, 1, 0xabcdef, 1<<48 - 1} {
		sent := string(m.Event(seq))
		var list []string
		if err := json.Unmarshal([]byte(strings.TrimPrefix(sent, "42/n,")), &list); err != nil || list[0] != `a"b` || len(list[1]) != 50 {
			t.Fatalf("sent %s: %v", sent, err)
		}
		for _, came := range []string{sent, `2/n,["other name",` + fmt.Sprintf("%q", list[1]) + `,"offset"]`} {
			if got, ok := m.Seq([]byte(came)); !ok || got != seq {
				t.Errorf("%s: got %x, %v, want %x", came, got, ok, seq)
			}
			if _, ok := other.Seq([]byte(came)); ok {
				t.Errorf("%s: taken for an event of another run", came)
			}
		}
		var body struct {
			Event, Namespace string
			Args             []string
		}
		if err := json.Unmarshal(m.Post(seq), &body); err != nil || body.Event != `a"b` || body.Namespace != "/n" || body.Args[0] != list[1] {
			t.Errorf("posted %s: %v", m.Post(seq), err)
		}
	}
}

func FuzzSeq(f *testing.F) {
	m := bench.NewMarked(bench.Options{Mode: bench.Fanout, Payload: bench.MinPayload})
	f.Add([]byte("42[\"bench\",\""), uint64(7), []byte("\"]"))
	f.Add([]byte("~"), uint64(1<<40), []byte{})
	f.Fuzz(func(t *testing.T, before []byte, seq uint64, after []byte) {
		seq &= 1<<48 - 1
		event := m.Event(seq)
		marked := event[strings.IndexByte(string(event), '~') : len(event)-2]
		p := append(append(append([]byte(nil), before...), marked...), after...)
		if got, ok := m.Seq(p); !ok || got != seq {
			t.Errorf("%q: got %x, %v, want %x", p, got, ok, seq)
		}
		_, _ = m.Seq(before)
	})
}

func TestPacketsOfANamespace(t *testing.T) {
	t.Parallel()
	root := bench.NewMarked(bench.Options{Mode: bench.Idle, Auth: json.RawMessage(`{"token":"t"}`)})
	if got := string(root.Connect()); got != `40{"token":"t"}` {
		t.Errorf("got %s", got)
	}
	n := bench.NewMarked(bench.Options{Mode: bench.Idle, Namespace: "/n"})
	if got := string(n.Connect()); got != `40/n,` {
		t.Errorf("got %s", got)
	}
	for _, tt := range []struct {
		of       *bench.Marked
		in, rest string
		ok       bool
	}{
		{root, "31[]", "1[]", true}, {root, "", "", false}, {n, "0/n,{}", "{}", true}, {n, "0/n", "", true}, {n, "0/other,{}", "", false}, {n, "0{}", "", false},
	} {
		if _, rest, ok := tt.of.Body([]byte(tt.in)); ok != tt.ok || ok && string(rest) != tt.rest {
			t.Errorf("%s: got %s, %v", tt.in, rest, ok)
		}
	}
}

func TestSeen(t *testing.T) {
	t.Parallel()
	var s bench.Seen
	steps := []struct {
		seq  uint64
		want bool
	}{{1, true}, {1, false}, {5, true}, {3, true}, {3, false}, {5, false}, {1028, true}, {6, true}, {6, false}, {5000, true}, {5000, false}, {4990, true}, {1028, true}}
	for i, step := range steps {
		if got := s.Add(step.seq); got != step.want {
			t.Errorf("step %d, number %d: got %v, want %v", i, step.seq, got, step.want)
		}
	}
	for seq := uint64(10000); seq < 20000; seq++ {
		if !s.Add(seq) || s.Add(seq) || s.Add(seq-1) && seq > 10000 {
			t.Fatalf("number %d", seq)
		}
	}
}

func TestBoardAccountsForEachReceiver(t *testing.T) {
	t.Parallel()
	b := bench.NewBoard()
	first, second, none := b.Launch(10, 2), b.Launch(20, 3), b.Launch(30, 0)
	if first != 1 || second != 2 || none != 3 || b.Open() != 2 {
		t.Fatalf("got numbers %d %d %d, %d open", first, second, none, b.Open())
	}
	if last, _, _ := b.Land(first); last {
		t.Error("the first of two receivers is the last")
	}
	if last, late, known := b.Land(first); !last || late || !known || b.Open() != 1 {
		t.Error("the second of two receivers is not the last")
	}
	if last, late, known := b.Land(first); last || late || !known {
		t.Error("a third delivery to two receivers is not told apart")
	}
	b.Land(second)
	if got := b.GiveUp(20); got != 2 {
		t.Errorf("given up: got %d deliveries, want 2", got)
	}
	if _, late, _ := b.Land(second); !late {
		t.Error("what was given up is not late")
	}
	if _, _, known := b.Land(99); known {
		t.Error("a number that was never sent is known")
	}
	for range bench.RingSize {
		if b.Full() {
			t.Fatal("full too early")
		}
		b.Launch(40, 1)
	}
	if !b.Full() {
		t.Error("a place would be used twice")
	}
}
