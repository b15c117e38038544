package transport_test

import (
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/transport"
)

// TestAnswersLeaveTogether: what a client sent in one piece is answered in one piece, so that one read has all of it, unless the turn was over
// before: a machine may be that busy now and then.
func TestAnswersLeaveTogether(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	c := r.on(t).dial()
	c.upgrade("")
	const n = 40
	want := strings.Repeat(string(ws.MustCompileFrame(ws.NewTextFrame([]byte("hello")))), n)
	buf := make([]byte, 4096)
	whole := 0
	for range 200 {
		c.send(strings.Repeat(masked(ws.OpText, true, "hello"), n))
		for got := ""; got != want; {
			k, err := c.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			if got += string(buf[:k]); k == len(want) {
				whole++
			}
		}
	}
	if whole < 150 {
		t.Errorf("%d of 200 answers came in one piece", whole)
	}
}

// TestHandshakeLeavesAfterItsHandler: a client that has its answer is known to the handler.
func TestHandshakeLeavesAfterItsHandler(t *testing.T) {
	t.Parallel()
	var known atomic.Int32
	r := newRig(t, transport.Options{}, func(g *rig, w http.ResponseWriter, req *http.Request) {
		if _, err := g.Upgrade(w, req, func(bool, []byte) {}, func(error) {}); err != nil {
			t.Error(err)
		}
		for begun := time.Now(); time.Since(begun) < 200*time.Microsecond; { // so that an answer which is on its way would be there
			runtime.Gosched()
		}
		known.Add(1)
	})
	for i := range int32(200) {
		c := r.on(t).dial()
		c.upgrade("")
		if n := known.Load(); n != i+1 {
			t.Fatalf("client %d has its answer, %d are known", i+1, n)
		}
	}
}

// TestOrderOfGatheredAndLarge: a message that is too large to be gathered does not overtake what is, nor is it overtaken.
func TestOrderOfGatheredAndLarge(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{MaxMessage: 4 << 20, MaxBuffered: 64 << 20})
	c := r.on(t).dial()
	c.upgrade("")
	sizes := []int{1, 70_000, 2, 60_000, 60_000, 3, 1 << 20, 4}
	go func() {
		for range 5 {
			var all strings.Builder
			for i, n := range sizes {
				all.WriteString(masked(ws.OpBinary, true, strings.Repeat(string(rune('a'+i)), n)))
			}
			c.send(all.String())
		}
	}()
	for range 5 {
		for i, n := range sizes {
			c.wantFrame(ws.OpBinary, strings.Repeat(string(rune('a'+i)), n))
		}
	}
}

// TestOthersWriteDuringATurn: what another goroutine sends meanwhile arrives, whole and in its order.
func TestOthersWriteDuringATurn(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	c := r.on(t).dial()
	c.upgrade("")
	conn := <-r.sockets
	const n = 3000
	go func() {
		for i := range n {
			frame := ws.MustCompileFrame(ws.NewBinaryFrame([]byte{byte(i >> 8), byte(i)}))
			for conn.Write(frame) == engineio.ErrSlow {
				t.Error("slow")
				return
			}
		}
	}()
	go func() {
		for range n / 10 {
			c.send(strings.Repeat(masked(ws.OpText, true, "echo"), 10))
		}
	}()
	echoes, others := 0, 0
	for echoes+others < 2*n {
		f := c.frame()
		if f.Header.OpCode == ws.OpText {
			echoes++
			continue
		}
		if got := int(f.Payload[0])<<8 | int(f.Payload[1]); got != others {
			t.Fatalf("got %d, want %d", got, others)
		}
		others++
	}
}
