package engineio_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
)

func TestEventsWhileAPollIsBeingParked(t *testing.T) {
	for _, c := range []struct {
		name   string
		event  func(*rig, *engineio.Socket)
		status int
		body   string
		end    engineio.Reason
	}{
		{"a message", func(_ *rig, s *engineio.Socket) { _ = s.Send(text("a")); _ = s.Send(text("b")) }, 200, "4a\x1e4b", ""},
		{"an orderly close", func(_ *rig, s *engineio.Socket) { s.Close(engineio.ForcedClose) }, 200, "6\x1e1", engineio.ForcedClose},
		{"a broken payload", func(r *rig, _ *engineio.Socket) { r.client.Post("x") }, 200, "1", engineio.ParseError},
		{"the client's close", func(r *rig, _ *engineio.Socket) { r.client.Post("1") }, 200, "6", engineio.TransportClose},
		{"a second poll", func(r *rig, _ *engineio.Socket) { r.want(r.client.Get(), 400, "") }, 200, "1", engineio.TransportError},
		{"the upgrade", func(r *rig, _ *engineio.Socket) { r.send(r.probe(), "5") }, 400, badRequest, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, engineio.Options{}, func(r *rig) {
				r.handshake()
				r.during = func() { c.event(r, r.session(0).socket) }
				r.want(r.client.Get(), c.status, c.body)
				if c.end != "" {
					r.wantEnd(c.end)
				} else {
					r.wantAlive()
				}
			})
		})
	}
}

func TestEventsWhileAWebSocketIsBeingOpened(t *testing.T) {
	t.Run("the session ends", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			r.during = func() { r.client.Post("x") }
			r.wantClosed(r.probe(), 1005)
			r.wantEnd(engineio.ParseError)
		})
	})
	t.Run("its time is up", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			r.during = func() { r.pass(11e9) }
			r.wantClosed(r.probe(), 1005)
			r.wantAlive()
		})
	})
	t.Run("the id of a new session is taken", func(t *testing.T) {
		bubble(t, engineio.Options{NewID: func() string { return "same" }}, func(r *rig) {
			r.during = func() { r.handshake() }
			c, err := r.host.Client().Dial()
			if err != nil {
				t.Fatal(err)
			}
			r.wantClosed(c, 1005)
			r.wantAlive()
		})
	})
}

// TestUpgradeLosesNothing runs many schedules of a server that sends, and a client that polls, posts and upgrades as the
// reference client does, all at once. Each side must get what the other sent, once and in order.
func TestUpgradeLosesNothing(t *testing.T) {
	t.Parallel()
	schedules := uint64(400)
	if testing.Short() {
		schedules = 40
	}
	for seed := range schedules {
		synctest.Test(t, func(t *testing.T) { upgradeSchedule(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

const each = 60 // messages in each direction

func upgradeSchedule(t *testing.T, seed uint64) {
	r := &rig{T: t}
	r.start(engineio.Options{})
	r.react = func(*note, string) bool { return true }
	r.handshake()
	n := r.session(0)
	var work sync.WaitGroup
	work.Go(func() {
		pause := pauses(seed, 1)
		for i := range each {
			pause()
			if err := n.socket.Send(text(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		}
	})
	c := &upgrader{rig: r, pause: pauses(seed, 2), rand: rand.New(rand.NewPCG(seed, 3))}
	c.run()
	work.Wait()
	var want []string
	for i := range each {
		want = append(want, fmt.Sprint(i))
	}
	if !slices.Equal(c.got, want) {
		t.Errorf("the client got %q", c.got)
	}
	if got := n.messages(); !slices.Equal(got, want) {
		t.Errorf("the server got %q", got)
	}
	n.socket.Close(engineio.ForcedClose)
	synctest.Wait()
	if table, clock := engineio.Known(r.server); table+clock != 0 || r.host.Err() != nil {
		t.Errorf("left over: %d, %d, %v", table, clock, r.host.Err())
	}
}

// pauses returns a function that yields a random number of times.
func pauses(seed, stream uint64) func() {
	random := rand.New(rand.NewPCG(seed, stream))
	return func() {
		for range random.IntN(4) {
			runtime.Gosched()
		}
	}
}

// upgrader is a client that moves to a websocket at a random moment.
type upgrader struct {
	*rig
	pause func()
	rand  *rand.Rand
	got   []string
	sent  int
}

func (c *upgrader) run() {
	begin := c.rand.IntN(20)
	for range begin {
		c.exchange()
	}
	conn := c.probe()
	c.send(conn, "2probe")
	for c.rand.IntN(3) > 0 {
		c.exchange()
	}
	if c.rand.IntN(2) == 0 { // unlike the reference client
		poll := c.client.Poll()
		c.send(conn, "5")
		c.take(poll.Wait())
	} else {
		c.send(conn, "5")
	}
	c.wantRecv(conn, "3probe")
	for c.sent < each {
		c.pause()
		c.send(conn, "4"+fmt.Sprint(c.sent))
		c.sent++
	}
	for len(c.got) < each {
		c.note(c.recv(conn))
	}
}

// exchange posts, and polls until it is answered.
func (c *upgrader) exchange() {
	poll := c.client.Poll()
	c.pause()
	var body []string
	for ; len(body) < 3 && c.sent < each/2; c.sent++ {
		body = append(body, "4"+fmt.Sprint(c.sent))
	}
	if len(body) > 0 {
		c.want(c.client.Post(strings.Join(body, "\x1e")), 200, "ok")
	}
	if c.sent == each/2 || len(c.got) > each/2 { // the server may have nothing more to say
		_ = c.session(0).socket.Send(text("filler"))
	}
	c.take(poll.Wait())
}

func (c *upgrader) take(answer enginetest.Response) {
	if answer.Status == 400 {
		c.want(answer, 400, badRequest)
		return
	}
	for _, p := range strings.Split(answer.Body, "\x1e") {
		c.note(p)
	}
}

func (c *upgrader) note(packet string) {
	if packet != "6" && packet != "4filler" {
		c.got = append(c.got, packet[1:])
	}
}

// TestChurn ends sessions in every way at once while others send to them; the bubble sees that nothing is left.
func TestChurn(t *testing.T) {
	bubble(t, engineio.Options{Queue: 200, PingInterval: 40 * ms, PingTimeout: 20 * ms, UpgradeTimeout: 30 * ms}, func(r *rig) {
		var senders, clients sync.WaitGroup
		stop := make(chan struct{})
		for range 2 {
			senders.Go(func() { r.shout(stop) })
		}
		for i := range 60 {
			clients.Go(func() { r.live(uint64(i)) })
		}
		clients.Wait()
		close(stop)
		senders.Wait()
	})
}

// shout sends to all sessions until stop.
func (r *rig) shout(stop chan struct{}) {
	m := engineio.Batch(text("to all"), engineio.Binary([]byte("to all")))
	for {
		select {
		case <-stop:
			return
		default:
		}
		r.mu.Lock()
		notes := slices.Clone(r.notes)
		r.mu.Unlock()
		for _, n := range notes {
			_ = n.socket.Send(m)
			_ = n.socket.Writable()
		}
		r.pass(ms)
	}
}

// live is one client with a random life.
func (r *rig) live(seed uint64) {
	random := rand.New(rand.NewPCG(seed, 4))
	c := r.host.Client()
	if _, err := c.Handshake(); err != nil {
		r.Error(err)
		return
	}
	var conn *enginetest.Conn
	for range random.IntN(12) {
		switch random.IntN(9) {
		case 0:
			c.Poll().Abort()
		case 1, 2:
			c.Poll()
		case 3:
			c.Get()
		case 4:
			c.Post("4a\x1e3\x1ebAAAA")
		case 5:
			c.Post([]string{"1", "x", "2"}[random.IntN(3)])
		case 6:
			if d, err := c.Dial(); err == nil {
				conn = d
				_ = conn.Send("2probe")
			}
		case 7:
			if conn != nil {
				_ = conn.Send([]string{"5", "4a", "3", "1"}[random.IntN(4)])
			}
		case 8:
			if conn != nil && random.IntN(2) == 0 {
				conn.Drop(nil)
			} else if conn != nil {
				conn.Hold()
			}
		}
	}
}
