package socketio_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// selected returns the ids of the sockets that Each visits, sorted, with repetitions.
func selected(ns *socketio.Namespace, sel socketio.Selector) []string {
	var ids []string
	for k := range ns.Shards() {
		ns.Each(k, sel, func(s *socketio.Socket) {
			if s.Shard() != k {
				ids = append(ids, "wrong shard")
			}
			ids = append(ids, s.ID())
		})
	}
	slices.Sort(ids)
	return ids
}

func TestSelectors(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		ns := r.io.Of("/")
		rooms := [][]string{{"x"}, {"x", "y"}, {"y"}, {"x", "y", "z"}, nil}
		ids := make([]string, len(rooms))
		for i, names := range rooms {
			_, s := r.socket("/")
			s.Join(names...)
			s.Join(names...) // a second time changes nothing
			ids[i] = s.ID()
		}
		for name, c := range map[string]struct {
			sel  socketio.Selector
			want string // indexes
		}{
			"all":                      {socketio.Selector{}, "01234"},
			"one room":                 {socketio.Selector{Rooms: []string{"x"}}, "013"},
			"union without repetition": {socketio.Selector{Rooms: []string{"x", "y", "x"}}, "0123"},
			"unknown room":             {socketio.Selector{Rooms: []string{"?"}}, ""},
			"the room of an id":        {socketio.Selector{Rooms: []string{ids[4]}}, "4"},
			"id and its room":          {socketio.Selector{Rooms: []string{ids[0], "x", ids[3], ids[0]}}, "013"},
			"except a room":            {socketio.Selector{Except: []string{"y"}}, "04"},
			"except an id":             {socketio.Selector{Rooms: []string{"x"}, Except: []string{ids[1], "?"}}, "03"},
			"except everything":        {socketio.Selector{Rooms: []string{"x"}, Except: []string{"x"}}, ""},
			"skip":                     {socketio.Selector{Skip: ids[0]}, "1234"},
			"skip in a room":           {socketio.Selector{Rooms: []string{"x", "z"}, Skip: ids[3]}, "01"},
			"skip an id that is sent":  {socketio.Selector{Rooms: []string{ids[2]}, Skip: ids[2]}, ""},
		} {
			var want []string
			for _, i := range c.want {
				want = append(want, ids[i-'0'])
			}
			slices.Sort(want)
			if got := selected(ns, c.sel); !slices.Equal(got, want) {
				r.Errorf("%s: got %v, want %v", name, got, want)
			}
		}
		if ns.Len() != 5 || ns.Rooms() != 3 {
			r.Errorf("%d sockets, %d rooms", ns.Len(), ns.Rooms())
		}
	})
}

func TestSelectorEqual(t *testing.T) {
	t.Parallel()
	a := socketio.Selector{Rooms: []string{"a"}, Skip: "s"}
	if !a.Equal(socketio.Selector{Rooms: []string{"a"}, Except: []string{}, Skip: "s"}) ||
		a.Equal(socketio.Selector{Rooms: []string{"a"}}) || a.Equal(socketio.Selector{Rooms: []string{"b"}, Skip: "s"}) ||
		a.Equal(socketio.Selector{Rooms: []string{"a"}, Except: []string{"b"}, Skip: "s"}) {
		t.Error("Equal")
	}
}

func TestRoomsOfASocket(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		n := r.noted("/")
		ns := r.io.Of("/")
		var during []string
		n.gone = func(s *socketio.Socket, _ engineio.Reason) {
			during = s.Rooms()
			if !s.In("c") || !s.In(s.ID()) || s.In("b") || ns.Lookup(s.ID()) != nil || ns.Rooms() != 0 {
				r.Error("rooms during Disconnect")
			}
			s.Join("too late")
			s.Leave("c")
		}
		p, s := r.socket("/")
		s.Join("a", "b", "c", s.ID(), "b")
		s.Leave("b", "unknown", s.ID())
		want := []string{s.ID(), "a", "c"}
		if got := s.Rooms(); !slices.Equal(got, want) || !s.In("a") || s.In("b") || !s.In(s.ID()) {
			r.Errorf("got %v, want %v", got, want)
		}
		p.leave()
		s.Join("too late")
		if !slices.Equal(during, want) {
			r.Errorf("during Disconnect: %v, want %v", during, want)
		}
		if s.Rooms() != nil || s.In("c") || s.In(s.ID()) {
			r.Errorf("afterwards: %v", s.Rooms())
		}
		r.clean()
	})
}

// A room is a set in a model; after each random step the namespace must agree with it.
func TestRoomsAgreeWithAModel(t *testing.T) {
	bubble(t, socketio.Options{Shards: 2}, func(r *rig) {
		rnd := rand.New(rand.NewPCG(1, 2))
		ns := r.io.Of("/")
		model := map[*socketio.Socket]map[string]bool{}
		peers := map[*socketio.Socket]*peer{}
		for step := range 3000 {
			all := slices.SortedFunc(maps.Keys(model), func(a, b *socketio.Socket) int { return strings.Compare(a.ID(), b.ID()) })
			room := fmt.Sprint("room", rnd.IntN(6))
			switch n := rnd.IntN(10); {
			case len(all) < 5 || n == 0 && len(all) < 20:
				p, s := r.socket("/")
				model[s], peers[s] = map[string]bool{}, p
			case n == 1:
				s := all[rnd.IntN(len(all))]
				peers[s].send("1")
				delete(model, s)
			case n < 6:
				s := all[rnd.IntN(len(all))]
				s.Leave(room)
				delete(model[s], room)
			default:
				s := all[rnd.IntN(len(all))]
				s.Join(room)
				model[s][room] = true
			}
			var want []string
			for s, rooms := range model {
				if rooms[room] {
					want = append(want, s.ID())
				}
			}
			slices.Sort(want)
			if got := selected(ns, socketio.Selector{Rooms: []string{room}}); !slices.Equal(got, want) {
				r.Fatalf("step %d: %s holds %v, want %v", step, room, got, want)
			}
			if fault := ns.CheckRooms(); fault != "" {
				r.Fatalf("step %d: %s", step, fault)
			}
		}
	})
}

func TestEmitReachesTheSelected(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		ns := r.io.Of("/b")
		p, s := r.socket("/b")
		q, _ := r.socket("/b")
		s.Join("x")
		_ = ns.Emit(socketio.Selector{Rooms: []string{"x"}}, "to x", []byte("blob"))
		_ = ns.Emit(socketio.Selector{Skip: s.ID()}, "to others")
		_ = s.Emit("to s")
		p.want(`451-/b,["to x",{"_placeholder":true,"num":0}]`, "b:blob", `42/b,["to s"]`)
		q.want(`42/b,["to others"]`)
		if err := ns.Emit(socketio.Selector{}, "disconnect"); err != socketio.ErrReserved {
			r.Errorf("reserved name: %v", err)
		}
		packet, _ := r.io.Of("/").Prepare("other", nil)
		if err := s.Send(packet); err != socketio.ErrNamespace {
			r.Errorf("packet of another namespace: %v", err)
		}
	})
}

func TestEachMayChangeRoomsAndDisconnect(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		ns := r.io.Of("/")
		for range 20 {
			_, s := r.socket("/")
			s.Join("x")
		}
		for k := range ns.Shards() {
			ns.Each(k, socketio.Selector{Rooms: []string{"x"}}, func(s *socketio.Socket) {
				s.Leave("x")
				ns.Each(k, socketio.Selector{}, func(other *socketio.Socket) { other.Join("y") })
				s.Disconnect(true)
			})
		}
		r.clean()
	})
}

func TestVolatilePacketsAreDroppedForBusyClients(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		p, s := r.socket("/")
		packet, _ := s.Namespace().Prepare("v", nil)
		if err := s.SendVolatile(packet); err != nil {
			r.Error(err)
		}
		p.want(`42["v"]`)
		p.conn.Hold()
		_ = s.Emit("fills the buffer")
		if err := s.SendVolatile(packet); err != engineio.ErrFull {
			r.Errorf("got %v", err)
		}
		p.conn.Release()
		p.want(`42["fills the buffer"]`)
	})
}

func TestSlowClientDelaysNobody(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		ns := r.io.Of("/")
		slow, s := r.socket("/")
		q, _ := r.socket("/")
		slow.conn.Hold()
		big := strings.Repeat("x", 100_000)
		for range 20 { // the default queue holds 1 MiB
			_ = ns.Emit(socketio.Selector{}, "big", big)
		}
		if got := q.take(); len(got) != 20 {
			r.Errorf("the other client got %d of 20", len(got))
		}
		if err := s.Emit("more"); err != engineio.ErrClosed || ns.Len() != 1 {
			r.Errorf("the slow one: %v, %d sockets", err, ns.Len())
		}
	})
}

func TestAttachmentsFollowTheirPacketUnderConcurrentEmits(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		ns := r.io.Of("/")
		p, _ := r.socket("/")
		q, s := r.socket("/")
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for n := range 25 {
					blob := fmt.Sprint(i, ".", n)
					_ = ns.Emit(socketio.Selector{}, blob, []byte(blob), []byte(blob))
					_ = s.Emit("text")
				}
			})
		}
		all.Wait()
		for _, c := range []*peer{p, q} {
			got, binary := c.take(), 0
			for i := 0; i < len(got); i++ {
				name, found := strings.CutPrefix(got[i], `452-["`)
				if !found {
					continue
				}
				binary++
				name, _, _ = strings.Cut(name, `"`)
				if i+2 >= len(got) || got[i+1] != "b:"+name || got[i+2] != "b:"+name {
					r.Fatalf("after %s: %q", got[i], got[i+1:min(i+3, len(got))])
				}
				i += 2
			}
			if binary != 200 {
				r.Errorf("%d binary events, want 200", binary)
			}
		}
	})
}
