package transport_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/transport"
)

// sessions are those of an engine on a rig; their messages are numbers, in order.
type sessions struct {
	*rig
	opened chan *engineio.Socket
	got    chan int
	ended  chan engineio.Reason
	hold   int // pauses at this number
}

type numbers struct {
	s      *sessions
	socket *engineio.Socket
}

func (n *numbers) Message(p []byte, _ bool) {
	i, err := strconv.Atoi(string(p))
	if err != nil {
		n.socket.Send(engineio.Text(p))
		return
	}
	if i == n.s.hold {
		n.socket.Pause()
	}
	n.s.got <- i
}

func (n *numbers) Close(r engineio.Reason) { n.s.ended <- r }

func newSessions(t *testing.T) *sessions {
	s := &sessions{opened: make(chan *engineio.Socket, 9), got: make(chan int, 1<<18), ended: make(chan engineio.Reason, 9), hold: -1}
	s.rig = newRig(t, transport.Options{}, nil)
	s.Serve(engineio.NewServer(func(k *engineio.Socket) engineio.Session {
		s.opened <- k
		return &numbers{s, k}
	}, s.Server, engineio.Options{}))
	return s
}

func (s *sessions) polling() (*client, *engineio.Socket) {
	s.t.Helper()
	c := s.dial()
	c.send("GET /?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n")
	c.wantStatus(200)
	return c, get(s.t, s.opened)
}

func (s *sessions) websocket() (*client, *engineio.Socket) {
	s.t.Helper()
	c := s.dial()
	c.send(strings.Replace(handshakeHead, "/ws", "/?EIO=4&transport=websocket", 1) + "\r\n")
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil || resp.StatusCode != 101 {
		s.t.Fatal(resp, err)
	}
	c.frame()
	return c, get(s.t, s.opened)
}

func (s *sessions) want(from, to int) {
	s.t.Helper()
	for i := from; i < to; i++ {
		if got := get(s.t, s.got); got != i {
			s.t.Fatalf("message %d, want %d", got, i)
		}
	}
}

func post(k *engineio.Socket, length int) string {
	return fmt.Sprintf("POST /?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", k.ID(), length)
}

func payload(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "4%d\x1e", i)
	}
	return strings.TrimSuffix(b.String(), "\x1e")
}

// TestLongPayloadsShareThePoller: a body of very many packets takes turns with other clients.
func TestLongPayloadsShareThePoller(t *testing.T) {
	const n = 120_000
	s := newSessions(t)
	c, k := s.polling()
	other, _ := s.websocket()
	body := payload(0, n)
	c.send(post(k, len(body)) + body)
	turns := 0
	var worst time.Duration
	for done := 0; done < n; turns++ {
		begun := time.Now()
		other.send(masked(ws.OpText, true, "4ping"))
		other.wantFrame(ws.OpText, "4ping")
		worst = max(worst, time.Since(begun))
		for len(s.got) > 0 {
			if got := <-s.got; got != done {
				t.Fatalf("message %d, want %d", got, done)
			}
			done++
		}
	}
	c.want(200, "ok")
	t.Logf("%d round trips of another client, the worst took %v", turns, worst)
	if turns < 3 {
		t.Errorf("%d round trips of another client", turns)
	}
	c.send(post(k, 2) + "47")
	c.want(200, "ok")
}

func TestPausedSessions(t *testing.T) {
	t.Parallel()
	t.Run("polling", func(t *testing.T) {
		t.Parallel()
		s := newSessions(t)
		s.hold = 4
		c, k := s.polling()
		body := payload(0, 10)
		c.send(post(k, len(body)) + body)
		s.want(0, 5)
		s.loops.Ready(within(t))
		if len(s.got) > 0 {
			t.Errorf("message %d came", <-s.got)
		}
		k.Resume()
		c.want(200, "ok")
		s.want(5, 10)
	})
	t.Run("polling, its client leaves", func(t *testing.T) {
		t.Parallel()
		s := newSessions(t)
		s.hold = 4
		c, k := s.polling()
		body := payload(0, 10)
		c.send(post(k, len(body)) + body)
		s.want(0, 5)
		c.Close()
		if got := get(t, s.ended); got != engineio.TransportError {
			t.Errorf("ended for %q", got)
		}
		k.Resume()
	})
	t.Run("websocket", func(t *testing.T) {
		t.Parallel()
		const n = 10_000
		s := newSessions(t)
		s.hold = 100
		c, k := s.websocket()
		var wire strings.Builder
		for i := range n {
			wire.WriteString(masked(ws.OpText, true, "4"+strconv.Itoa(i)))
		}
		done := make(chan error, 1)
		go func() {
			_, err := io.WriteString(c, wire.String())
			done <- err
		}()
		s.want(0, 101)
		for range 3 {
			s.loops.Ready(within(t))
		}
		if len(s.got) > 0 {
			t.Errorf("message %d came", <-s.got)
		}
		k.Resume()
		s.want(101, n)
		if err := get(t, done); err != nil {
			t.Error(err)
		}
	})
	t.Run("websocket, reset", func(t *testing.T) {
		t.Parallel()
		s := newSessions(t)
		c, k := s.websocket()
		k.Pause()
		c.send(masked(ws.OpText, true, "41"))
		c.SetLinger(0)
		c.Close()
		if got := get(t, s.ended); got != engineio.TransportClose {
			t.Errorf("ended for %q", got)
		}
	})
}

// TestSecondBodyBehindTheFirst: two bodies of one session overlap on two connections, whatever of them has come.
func TestSecondBodyBehindTheFirst(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]string{"whole": "47", "in pieces": "4"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSessions(t)
			c, k := s.polling()
			c.send(post(k, 2) + "4")
			s.loops.Ready(within(t))
			d := s.dial()
			d.send(post(k, 2) + second)
			if got := get(t, s.ended); got != engineio.TransportError {
				t.Errorf("ended for %q", got)
			}
			d.send("7"[len(second)-1:])
			d.wantStatus(400)
			c.send("7")
			c.wantStatus(400)
			if len(s.got) > 0 {
				t.Errorf("message %d came", <-s.got)
			}
		})
	}
	t.Run("one after the other", func(t *testing.T) {
		t.Parallel()
		s := newSessions(t)
		c, k := s.polling()
		for i := range 5 {
			c.send(post(k, 2) + "4")
			c.send(strconv.Itoa(i))
			c.want(200, "ok")
		}
		s.want(0, 5)
	})
	t.Run("behind one that was too large", func(t *testing.T) {
		t.Parallel()
		s := newSessions(t)
		c, k := s.polling()
		c.send(strings.Replace(post(k, 0), "Content-Length: 0", "Transfer-Encoding: chunked", 1) + "1\r\n4\r\n")
		c.send("fffff\r\n")
		c.want(413, "")
		d := s.dial()
		d.send(post(k, 2) + "40")
		d.want(200, "ok")
		s.want(0, 1)
	})
}

// TestPausesOfSessionsFlap: whenever a session is paused and resumed, everything comes once and in order, over both transports.
func TestPausesOfSessionsFlap(t *testing.T) {
	for _, over := range []string{"polling", "websocket"} {
		t.Run(over, func(t *testing.T) {
			const rounds, each = 100, 40
			s := newSessions(t)
			open := map[string]func() (*client, *engineio.Socket){"polling": s.polling, "websocket": s.websocket}[over]
			c, k := open()
			stop := make(chan struct{})
			var flapping sync.WaitGroup
			flapping.Go(func() {
				defer k.Resume()
				for {
					k.Pause()
					k.Resume()
					select {
					case <-stop:
						return
					default:
						runtime.Gosched()
					}
				}
			})
			for i := range rounds {
				if over == "polling" {
					body := payload(i*each, (i+1)*each)
					c.send(post(k, len(body)) + body)
					c.want(200, "ok")
					continue
				}
				for j := range each {
					c.send(masked(ws.OpText, true, "4"+strconv.Itoa(i*each+j)))
				}
			}
			s.want(0, rounds*each)
			close(stop)
			flapping.Wait()
		})
	}
}
