package socketio_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

func paths(s *socketio.Server) string {
	var all []string
	for _, ns := range s.Namespaces() {
		all = append(all, ns.Path())
	}
	return strings.Join(all, " ")
}

func TestOf(t *testing.T) {
	t.Parallel()
	s := socketio.NewServer(socketio.Options{Shards: 3})
	if s.Of("chat") != s.Of("/chat") || s.Of("/chat").Shards() != 3 || s.Of("").Path() != "/" {
		t.Error("Of")
	}
	s.Of("/b")
	if got := paths(s); got != "/ /b /chat" {
		t.Errorf("got %s", got)
	}
}

func TestOpenDecidesAboutUnknownNamespaces(t *testing.T) {
	var asked []string
	var n *notes
	o := socketio.Options{Open: func(ns *socketio.Namespace) bool {
		asked = append(asked, ns.Path())
		ns.Handle(n)
		return strings.HasPrefix(ns.Path(), "/room-")
	}}
	bubble(t, o, func(r *rig) {
		n = &notes{t: r.T}
		p, _ := r.join("/room-1,")
		q, _ := r.join("/room-1,")
		q.send("0/other,")
		q.want(`44/other,{"message":"Invalid namespace"}`)
		p.join("/room-2,")
		if got, want := strings.Join(asked, " "), "/room-1 /other /room-2"; got != want {
			r.Errorf("asked %s, want %s", got, want)
		}
		if got := paths(r.io); got != "/room-1 /room-2" {
			r.Errorf("namespaces %s", got)
		}
		n.want("connect /room-1 {}", "connected /room-1", "connect /room-1 {}", "connected /room-1", "connect /room-2 {}", "connected /room-2")
	})
}

func TestOpenIsAskedOnceByManyAtOnce(t *testing.T) {
	var asked int
	release := make(chan struct{})
	o := socketio.Options{Open: func(*socketio.Namespace) bool { asked++; <-release; return true }}
	a := socketio.NewServer(o)
	m := newMute(a)
	var wg sync.WaitGroup
	for range 8 {
		c := m.dial(t)
		wg.Go(func() { c.frame(true, []byte("40/x,")) })
	}
	close(release)
	wg.Wait()
	if asked != 1 || a.Of("/x").Len() != 8 {
		t.Errorf("asked %d times, %d sockets", asked, a.Of("/x").Len())
	}
}

func TestOfInsideOpenIsTheSameNamespace(t *testing.T) {
	var s *socketio.Server
	var same bool
	o := socketio.Options{Open: func(ns *socketio.Namespace) bool {
		same = s.Of(ns.Path()) == ns
		return false
	}}
	bubble(t, o, func(r *rig) {
		s = r.io
		r.join("/x,")
		if !same {
			r.Error("Of made another namespace")
		}
	})
}

func TestPanicInOpenBlocksNobody(t *testing.T) {
	calls := 0
	o := socketio.Options{Open: func(*socketio.Namespace) bool {
		if calls++; calls == 1 {
			panic("application")
		}
		return true
	}}
	bubble(t, o, func(r *rig) {
		func() {
			defer func() { _ = recover() }()
			r.dial().send("0/x,")
		}()
		r.join("/x,")
	})
}

func TestRemove(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		n := r.noted("/", "/b")
		old := r.io.Of("/b")
		n.gone = func(s *socketio.Socket, _ engineio.Reason) { r.io.Remove("/b") } // also from inside
		p, s := r.socket("/b")
		s.Join("room")
		q, _ := r.join("/b,")
		q.join("")
		r.io.Remove("/b")
		r.io.Remove("/never")
		p.want("41/b,")
		q.want("41/b,")
		if sockets, ids, rooms := old.Residue(); sockets+ids+rooms != 0 || paths(r.io) != "/" {
			r.Errorf("left: %d %d %d, %s", sockets, ids, rooms, paths(r.io))
		}
		q.send(`2["still here"]`, `2/b,["was under way"]`, "0/b,")
		q.want(`44/b,{"message":"Invalid namespace"}`)
		q.wantOpen()
		p.wantOpen()
		r.io.Of("/b")
		p.join("/b,")
	})
}

func TestRemoveDuringConnect(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		n := r.noted("/b")
		n.connect = func(s *socketio.Socket, _ json.RawMessage) error {
			r.io.Remove("/b")
			return nil
		}
		old := r.io.Of("/b")
		p := r.dial()
		p.send("0/b,")
		if got := p.take(); len(got) != 2 || got[1] != "41/b," {
			r.Errorf("got %q", got)
		}
		n.want("connect /b {}", "disconnect /b: server namespace disconnect")
		if old.Len() != 0 {
			r.Error("joined a removed namespace")
		}
	})
}

func TestMaxPendingBoundsAnUnfinishedPacket(t *testing.T) {
	bubble(t, socketio.Options{MaxPending: 64}, func(r *rig) {
		n := r.noted("/")
		p, _ := r.join("")
		p.send(`52-["fits",1]`)
		p.sendBinary(strings.Repeat("x", 20), strings.Repeat("x", 20))
		p.wantOpen()
		p.send(`52-["does not"]`)
		p.sendBinary(strings.Repeat("x", 20))
		p.wantOpen()
		p.sendBinary(strings.Repeat("x", 40))
		p.wantClosed()
		q, _ := r.join("")
		q.send(`51-["` + strings.Repeat("x", 64) + `"]`)
		q.wantClosed()
		n.mu.Lock()
		defer n.mu.Unlock()
		if got := strings.Join(n.all, "|"); strings.Contains(got, "does not") {
			r.Error(got)
		}
	})
}

func TestMaxAttachmentsHoldsBothWays(t *testing.T) {
	bubble(t, socketio.Options{MaxAttachments: 1}, func(r *rig) {
		r.noted("/")
		p, s := r.socket("/")
		if err := s.Emit("two", []byte("a"), []byte("b")); err != socketio.ErrAttachments {
			r.Errorf("got %v", err)
		}
		if _, err := s.Namespace().Relay(&socketio.Event{Payload: []byte(`["a"]`), Attachments: make([][]byte, 2)}, ""); err != socketio.ErrAttachments {
			r.Errorf("got %v", err)
		}
		r.io.Configure(socketio.Options{MaxAttachments: 2})
		if err := s.Emit("two", []byte("a"), []byte("b")); err != nil {
			r.Error(err)
		}
		p.send(`52-["a"]`)
		p.wantOpen()
		r.io.Configure(socketio.Options{MaxAttachments: 1})
		p.sendBinary("a", "b")
		p.send(`52-["a"]`)
		p.wantClosed()
	})
}
