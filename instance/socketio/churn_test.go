package socketio_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// crowd counts what comes and goes.
type crowd struct {
	socketio.Mux
	joined, events atomic.Int64
}

// Connect implements socketio.Handler. Disconnect is owed from here on, also when the namespace is removed before Connected.
func (c *crowd) Connect(*socketio.Socket, json.RawMessage) error {
	c.joined.Add(1)
	return nil
}

// Connected implements socketio.Handler.
func (c *crowd) Connected(s *socketio.Socket) {
	s.Join("all", "room"+s.ID()[:1])
}

// Event implements socketio.Handler.
func (c *crowd) Event(s *socketio.Socket, e *socketio.Event) {
	c.events.Add(1)
	if p, err := s.Namespace().Relay(e, ""); err == nil {
		s.Namespace().Each(s.Shard(), socketio.Selector{Rooms: []string{"all"}, Skip: s.ID()}, func(o *socketio.Socket) { _ = o.Send(p) })
	}
	_ = e.Ack("ok")
}

// Disconnect implements socketio.Handler.
func (c *crowd) Disconnect(*socketio.Socket, engineio.Reason) { c.joined.Add(-1) }

// Clients come and go in two namespaces, one of which is removed again and again, while others broadcast, move rooms and disconnect.
func TestChurn(t *testing.T) {
	t.Parallel()
	var c crowd
	io := socketio.NewServer(socketio.Options{Open: func(ns *socketio.Namespace) bool { ns.Handle(&c); return true }})
	main := io.Of("/")
	main.Handle(&c)
	host := newMute(io)
	done := make(chan struct{})
	var clients, others sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			rnd := rand.New(rand.NewPCG(3, uint64(i)))
			for range 150 {
				live(host.dial(t), rnd)
			}
		})
	}
	others.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			disturb(io, main, n)
		}
	})
	clients.Wait()
	close(done)
	others.Wait()
	if n := c.joined.Load(); n != 0 {
		t.Errorf("%d more Connect than Disconnect", n)
	}
	for _, ns := range io.Namespaces() {
		if sockets, ids, rooms := ns.Residue(); sockets+ids+rooms != 0 {
			t.Errorf("left in %s: %d sockets, %d ids, %d rooms", ns.Path(), sockets, ids, rooms)
		}
	}
	if io.Waiting() != 0 {
		t.Errorf("%d connections wait to join", io.Waiting())
	}
	if c.events.Load() == 0 {
		t.Error("no event was heard")
	}
}

// live is the life of one client.
func live(conn *muteConn, rnd *rand.Rand) {
	conn.frame(true, []byte("40"))
	if rnd.IntN(2) == 0 {
		conn.frame(true, []byte("40/side,"))
	}
	for range rnd.IntN(6) {
		switch rnd.IntN(4) {
		case 0:
			conn.frame(true, []byte(`4217["ask",{"a":1}]`))
		case 1:
			conn.frame(true, []byte(`451-["blob",{"_placeholder":true,"num":0}]`))
			conn.frame(false, []byte("xyz"))
		case 2:
			conn.frame(true, fmt.Appendf(nil, `43%d["answer"]`, rnd.IntN(100)))
		default:
			conn.frame(true, []byte(`42["tick",1]`))
		}
	}
	if rnd.IntN(3) == 0 {
		conn.frame(true, []byte("41"))
	}
	conn.gone(nil)
}

// disturb does what a server does to its sockets.
func disturb(io *socketio.Server, ns *socketio.Namespace, n int) {
	p, err := ns.Prepare("ask", func(*socketio.Socket, []json.RawMessage, [][]byte) {}, n)
	if err != nil {
		return
	}
	for k := range ns.Shards() {
		ns.Each(k, socketio.Selector{Rooms: []string{"all"}}, func(s *socketio.Socket) {
			_ = s.Send(p)
			switch n % 4 {
			case 0:
				s.Leave("all")
			case 1:
				s.Join("all", "late")
			case 2:
				s.Disconnect(n%8 == 2)
			}
		})
	}
	p.Forget()
	if n%16 == 0 {
		io.Remove("/side")
	}
	_, _ = ns.Len(), ns.Rooms()
	runtime.Gosched()
}
