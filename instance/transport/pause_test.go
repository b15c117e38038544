package transport_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/transport"
)

// pauseRig upgrades everybody and passes on what comes.
type pauseRig struct {
	*rig
	sockets chan engineio.Pauser
	got     chan string
	gone    chan error
	frame   func(string) // called before a frame is passed on
}

func newPauseRig(t *testing.T, o transport.Options) *pauseRig {
	p := &pauseRig{sockets: make(chan engineio.Pauser, 9), got: make(chan string, 1<<16), gone: make(chan error, 9)}
	p.rig = newRig(t, o, func(r *rig, w http.ResponseWriter, req *http.Request) {
		conn, err := r.Upgrade(w, req, func(_ bool, b []byte) {
			s := string(b[:min(len(b), 20)])
			if p.frame != nil {
				p.frame(s)
			}
			p.got <- s
		}, func(err error) { p.gone <- err })
		if err != nil {
			t.Error(err)
			return
		}
		p.sockets <- conn.(engineio.Pauser)
	})
	return p
}

func (p *pauseRig) open() (*client, engineio.Pauser) {
	p.t.Helper()
	c := p.dial()
	c.upgrade("")
	return c, get(p.t, p.sockets)
}

// settle waits until the poller has done all that it was asked before.
func (p *pauseRig) settle() {
	p.t.Helper()
	for range 3 {
		if _, err := p.loops.Ready(within(p.t)); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *pauseRig) want(from, to int) {
	p.t.Helper()
	for i := from; i < to; i++ {
		if got, want := get(p.t, p.got), numbered(i)[:20]; got != want {
			p.t.Fatalf("message %q, want %q", got, want)
		}
	}
}

// numbered is the text of message i, 1 KB.
func numbered(i int) string { return fmt.Sprintf("%-1024d", i) }

func burst(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		b.WriteString(masked(ws.OpText, true, numbered(i)))
	}
	return b.String()
}

func TestPauseHoldsTheClientBack(t *testing.T) {
	const n = 16_000
	p := newPauseRig(t, transport.Options{})
	c, conn := p.open()
	conn.Pause(true)
	var sent countingWriter
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < n && err == nil; i += 16 {
			_, err = io.Copy(io.MultiWriter(c.TCPConn, &sent), strings.NewReader(burst(i, i+16)))
		}
		done <- err
	}()
	before := int64(-1)
	until(t, "client stopped sending", func() bool {
		p.settle()
		now := sent.n.Load()
		stopped := now == before && now > 0
		before = now
		return stopped
	})
	select {
	case err := <-done:
		t.Fatal("all was taken from a paused client:", err)
	default:
	}
	if len(p.got) > 0 {
		t.Errorf("%d messages came", len(p.got))
	}
	if held := transport.Held(p.Server); held > 2<<20 {
		t.Errorf("%d bytes are held", held)
	}
	other, _ := p.open()
	other.send(masked(ws.OpText, true, numbered(7)))
	p.want(7, 8)
	conn.Pause(false)
	p.want(0, n)
	if err := get(t, done); err != nil {
		t.Error(err)
	}
}

func TestPauseFromACallback(t *testing.T) {
	t.Parallel()
	const n = 200
	p := newPauseRig(t, transport.Options{})
	sockets := make(chan engineio.Pauser, 1)
	p.frame = func(s string) {
		if strings.TrimSpace(s) == "" || !strings.HasPrefix(s, "1") {
			return
		}
		conn := <-sockets
		conn.Pause(true)
		sockets <- conn
	}
	c, conn := p.open()
	sockets <- conn
	c.send(burst(0, n))
	next := 0
	for i := range n {
		if !strings.HasPrefix(numbered(i), "1") {
			continue
		}
		p.want(next, i+1)
		next = i + 1
		p.settle()
		if len(p.got) > 0 {
			t.Fatalf("message %q came after %d had paused", <-p.got, i)
		}
		conn.Pause(false)
	}
	p.want(next, n)
}

// TestPauseWhileMuchIsWritten: nbio asks for bytes again whenever its own queue fills and empties.
func TestPauseWhileMuchIsWritten(t *testing.T) {
	p := newPauseRig(t, transport.Options{MaxBuffered: 1 << 30})
	c, conn := p.open()
	conn.Pause(true)
	const n, rounds = 2000, 5
	go c.send(burst(0, n))
	frame := ws.MustCompileFrame(ws.NewBinaryFrame(make([]byte, 4<<20)))
	for range rounds {
		if err := conn.Write(frame); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, c.in, int64(len(frame))); err != nil {
			t.Fatal(err)
		}
		until(t, "all was taken", func() bool { return conn.Buffered() == 0 })
		p.settle()
	}
	if len(p.got) > 0 {
		t.Errorf("%d messages came", len(p.got))
	}
	conn.Pause(false)
	p.want(0, n)
}

func TestPausedClientLeaves(t *testing.T) {
	t.Parallel()
	t.Run("what it sent before comes, then its end", func(t *testing.T) {
		p := newPauseRig(t, transport.Options{})
		c, conn := p.open()
		conn.Pause(true)
		c.send(burst(0, 300))
		c.Close()
		p.settle()
		if len(p.got)+len(p.gone) > 0 {
			t.Errorf("%d messages, %d ends", len(p.got), len(p.gone))
		}
		conn.Pause(false)
		p.want(0, 300)
		if err := get(t, p.gone); err == nil {
			t.Error("gone without an error")
		}
	})
	t.Run("a reset is noticed at once", func(t *testing.T) {
		p := newPauseRig(t, transport.Options{})
		c, conn := p.open()
		conn.Pause(true)
		c.send(burst(0, 10))
		c.SetLinger(0)
		c.Close()
		if err := get(t, p.gone); err == nil {
			t.Error("gone without an error")
		}
	})
	t.Run("the owner closes", func(t *testing.T) {
		p := newPauseRig(t, transport.Options{})
		c, conn := p.open()
		conn.Pause(true)
		c.send(burst(0, 10))
		conn.Close(1000)
		c.wantFrame(ws.OpClose, "\x03\xe8")
		c.send(masked(ws.OpClose, true, "\x03\xe8"))
		c.wantEnd()
		if err := get(t, p.gone); err != nil {
			t.Error("gone:", err)
		}
	})
	t.Run("the server ends", func(t *testing.T) {
		p := newPauseRig(t, transport.Options{})
		c, conn := p.open()
		conn.Pause(true)
		c.send(burst(0, 10))
		p.loops.Stop()
		get(t, p.gone)
		conn.Pause(false)
	})
}

// TestPausedClientThatLeftIsEnded: nobody resumes.
func TestPausedClientThatLeftIsEnded(t *testing.T) {
	t.Parallel()
	p := newPauseRig(t, transport.Options{})
	c, conn := p.open()
	conn.Pause(true)
	c.send(burst(0, 10))
	c.Close()
	select {
	case <-p.gone:
	case <-time.After(2 * patience):
		t.Fatal("a paused client that left is still there")
	}
	if len(p.got) > 0 {
		t.Errorf("%d messages", len(p.got))
	}
}

// TestBombsShareThePoller: frames that inflate to much more take turns with other clients, and none of them is lost at the end.
func TestBombsShareThePoller(t *testing.T) {
	p := newPauseRig(t, transport.Options{Deflate: true, MaxMessage: 1 << 20})
	c := p.dial()
	c.send(handshakeHead + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
	if resp, err := http.ReadResponse(c.in, nil); err != nil || resp.StatusCode != 101 {
		t.Fatal(resp, err)
	}
	get(t, p.sockets)
	other, echo := p.open()
	bomb := packed(ws.OpBinary, true, deflate(strings.Repeat("x", 1<<20)))
	const n = 60
	p.frame = func(s string) {
		if s == "ping" {
			echo.Write(ws.MustCompileFrame(ws.NewTextFrame([]byte("pong"))))
		}
	}
	p.settle()
	c.send(strings.Repeat(bomb, n))
	c.Close()
	turns, bombs := 0, 0
	var worst time.Duration
	for bombs < n {
		begun := time.Now()
		other.send(masked(ws.OpText, true, "ping"))
		other.wantFrame(ws.OpText, "pong")
		worst = max(worst, time.Since(begun))
		turns++
		for len(p.got) > 0 {
			if strings.HasPrefix(<-p.got, "x") {
				bombs++
			}
		}
	}
	t.Logf("%d round trips during %d bombs of 1 MiB, the worst took %v", turns, n, worst)
	if turns < n/4 {
		t.Errorf("%d round trips of another client during %d bombs", turns, n)
	}
	if err := get(t, p.gone); err == nil {
		t.Error("gone without an error")
	}
}

// TestPipelinedRequestsTakeTurns: a flood of requests in one piece is answered whole, and ends with its connection's.
func TestPipelinedRequestsTakeTurns(t *testing.T) {
	const n = 3000
	r := echoRig(t, transport.Options{})
	c := r.dial()
	go c.send(strings.Repeat(get11+"\r\n", n))
	for range n {
		if resp, _ := c.answer("GET"); resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
	}
}

// TestPauseFlaps: pauses that begin and end at any moment, between writes that fill nbio's queue, lose nothing and leave nothing stopped.
func TestPauseFlaps(t *testing.T) {
	const n, peers = 1500, 4
	p := newPauseRig(t, transport.Options{MaxBuffered: 1 << 30})
	var working sync.WaitGroup
	block := ws.MustCompileFrame(ws.NewBinaryFrame(make([]byte, 300<<10)))
	stop := make(chan struct{})
	for range peers {
		c, conn := p.open()
		go io.Copy(io.Discard, c.in)
		go c.send(burst(0, n))
		working.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					conn.Pause(false)
					return
				default:
				}
				conn.Pause(i%2 == 0)
				if i%16 == 0 && conn.Buffered() == 0 {
					conn.Write(block)
				}
				if i%5 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	next := make(map[string]int)
	for total := range peers * n {
		if total == peers*n/2 {
			close(stop)
		}
		next[get(t, p.got)]++
	}
	working.Wait()
	for i := range n {
		if got := next[numbered(i)[:20]]; got != peers {
			t.Errorf("message %d came %d times, want %d", i, got, peers)
		}
	}
	if len(p.got) > 0 {
		t.Errorf("%d messages too many", len(p.got))
	}
}

// TestPauseOfABlindPoller: what comes is kept, up to a bound.
func TestPauseOfABlindPoller(t *testing.T) {
	p := newPauseRig(t, transport.Options{})
	transport.Blind(p.loops)
	c, conn := p.open()
	conn.Pause(true)
	c.send(burst(0, 1000))
	p.settle()
	if len(p.got) > 0 {
		t.Errorf("%d messages came", len(p.got))
	}
	conn.Pause(false)
	p.want(0, 1000)
	conn.Pause(true)
	go io.WriteString(c, burst(0, 16_000))
	if err := get(t, p.gone); err == nil {
		t.Error("gone without an error")
	}
	if len(p.got) > 0 {
		t.Errorf("%d messages came", len(p.got))
	}
}
