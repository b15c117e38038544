package instance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/sockd/sockd/instance/broadcast"
)

const accounted = `
namespaces = ["/", "/n"]
limits = { queue = "64KiB", on_full = "%s" }
max_payload = "64KiB"
recovery.window = "%s"
history = { size = 50, replay = "%s" }
retry = { attempts = 2, initial = "20ms", max = "40ms", ack_timeout = "60ms", max_age = "1s", capacity = 60 }
[instance.x.ingest]
path = "/in"
[instance.x.on.volatile]
delivery = "volatile"
to = "all"
[instance.x.on.acked]
delivery = "acked"
to = "all"
[instance.x.on.few]
delivery = "acked"
to = "room:some"
[instance.x.on.connect]
join = ["some", "{auth.kind}"]
emit = "welcome"
to = "sender"
args = ".args"
[instance.x.on.disconnect]
emit = "left"
to = "all"
args = ".args"
`

// The habits of the guests of TestEveryPairIsAccountedFor.
const (
	answers  = iota // acknowledgements, as it should
	silent          // never acknowledges
	doubly          // acknowledges everything twice
	late            // acknowledges when it is sent again
	vanishes        // its connection breaks in the middle of things
	habits
)

// TestEveryPairIsAccountedFor has clients of all habits come and go while producers publish events of all kinds. Once nothing is on its way any more,
// every pair of an event and a recipient was sent, dropped for a reason, or waits for its acknowledgement; and every accepted event has a number.
func TestEveryPairIsAccountedFor(t *testing.T) {
	t.Parallel()
	l := loops(t)
	for _, c := range []struct{ name, onFull, window, replay string }{
		{"slow clients are cut", "disconnect", "0s", "missed"},
		{"slow clients lose events", "drop", "0s", "last:5"},
		{"with recovery", "disconnect", "1s", "missed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := run(t, l, written(t, fmt.Sprintf(accounted, c.onFull, c.window, c.replay)))
			var posted, refused atomic.Uint64
			stop := make(chan struct{})
			var producers, guests sync.WaitGroup
			for p := range 3 {
				producers.Go(func() { produce(r.addr, p, stop, &posted, &refused) })
			}
			for g := range 20 {
				guests.Go(func() {
					random := rand.New(rand.NewPCG(uint64(g), 0))
					for i := range 10 {
						visit(r.addr, g, (g+i)%habits, random)
					}
				})
			}
			var stones sync.WaitGroup
			for range 3 {
				stones.Go(func() { neverRead(r.addr, stop) })
			}
			guests.Wait()
			slow := map[string]string{"disconnect": "slow", "drop": "queue_full"}[c.onFull]
			eventually(t, "a slow client is noticed", func() bool { return r.Stats().Delivery.Dropped[slow] > 0 })
			close(stop)
			producers.Wait()
			stones.Wait()
			eventually(t, "all have left", func() bool { return r.Status().Clients == 0 })
			settled(t, r)
			numbered(t, r, posted.Load())
		})
	}
}

// settled waits until nothing is pending and checks the identity then.
func settled(t *testing.T, r *running) {
	t.Helper()
	var s broadcast.Stats
	var lost uint64
	balanced := func() bool {
		s, lost = r.Stats().Delivery, 0
		for _, n := range s.Dropped {
			lost += n
		}
		return s.Pending == 0 && s.Targeted == s.Sent+lost
	}
	t.Cleanup(func() {
		t.Logf("%d accepted, %d targeted, %d sent, %d pending, dropped %v, %d replayed, %d sent again", s.Accepted, s.Targeted, s.Sent, s.Pending, s.Dropped,
			s.Replayed, s.Acks.Retried)
	})
	eventually(t, "every pair is accounted for", balanced)
	if s.Dropped["panic"] > 0 || s.Dropped["attempts"] == 0 || s.Dropped["left"] == 0 {
		t.Errorf("dropped %v", s.Dropped)
	}
	if _, dead, err := r.Letters(""); err != nil || !slices.ContainsFunc(dead, func(l broadcast.Letter) bool { return l.Reason == "attempts" && l.Attempts == 2 }) {
		t.Errorf("no dead letter for want of an answer among %d: %v", len(dead), err)
	}
}

// numbered checks that as many events were accepted as there are numbers, of which as many as producers were told.
func numbered(t *testing.T, r *running, posted uint64) {
	t.Helper()
	var accepted, last uint64
	eventually(t, "every accepted event has a number", func() bool {
		last = 0
		for _, namespace := range []string{"/", "/n"} {
			_, text := postTo(t, r.addr, "/in", fmt.Sprintf(`{"event":"last","namespace":%q}`, namespace))
			var a struct{ Seq uint64 }
			if err := json.Unmarshal([]byte(text), &a); err != nil {
				t.Fatalf("answered %s", text)
			}
			last += a.Seq
			posted++
		}
		accepted = r.Stats().Delivery.Accepted
		return accepted == last
	})
	if accepted < posted {
		t.Errorf("%d events were accepted, producers were told of %d", accepted, posted)
	}
}

// produce posts until stop is closed.
func produce(addr string, p int, stop <-chan struct{}, posted, refused *atomic.Uint64) {
	pace := time.NewTicker(4 * time.Millisecond)
	defer pace.Stop()
	for i := p; ; i++ {
		select {
		case <-stop:
			return
		case <-pace.C:
		}
		event := []string{"volatile", "acked", "plain", "plain", "few", "large"}[i%6]
		body := fmt.Sprintf(`{"event":%q,"args":["x"],"namespace":%q}`, event, []string{"/", "/n"}[i/6%2])
		if event == "large" {
			body = `{"event":"large","args":["` + strings.Repeat("x", 200<<10) + `"],"room":"stone"}`
		}
		resp, err := http.Post("http://"+addr+"/in", "application/json", strings.NewReader(body))
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode == http.StatusAccepted {
			posted.Add(1)
		} else {
			refused.Add(1)
		}
	}
}

// visit is one client's stay.
func visit(addr string, g, habit int, random *rand.Rand) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, _, _, err := ws.Dial(ctx, "ws://"+addr+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		return
	}
	defer conn.Close()
	end := time.Now().Add(time.Duration(50+random.IntN(250)) * time.Millisecond)
	if habit == silent { // until it was given up
		end = end.Add(300 * time.Millisecond)
	}
	_ = conn.SetDeadline(end)
	space := []string{"", "/n,"}[random.IntN(2)]
	auth := `{"kind":"guest"}`
	if g%4 == 0 {
		auth = fmt.Sprintf(`{"kind":"guest","client_id":"guest-%d"}`, g%8)
	}
	_ = wsutil.WriteClientText(conn, []byte("40"+space+auth))
	had := map[string]bool{}
	for {
		p, err := wsutil.ReadServerText(conn)
		if err != nil || habit == vanishes && random.IntN(20) == 0 {
			break
		}
		id, ok := asked(string(p))
		again := had[id]
		had[id] = true
		n := map[int]int{answers: 1, vanishes: 1, doubly: 2}[habit]
		if habit == late && again {
			n = 1
		}
		for range n * min(len(id), 1) {
			if ok {
				_ = wsutil.WriteClientText(conn, []byte("43"+id+"[]"))
			}
		}
	}
	if habit != vanishes {
		_ = conn.SetDeadline(time.Now().Add(patience))
		_ = wsutil.WriteClientText(conn, []byte("41"+space))
	}
}

// neverRead is a client that reads nothing after its handshake, and comes again when it was cut.
func neverRead(addr string, stop <-chan struct{}) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		conn, _, _, err := ws.Dial(context.Background(), "ws://"+addr+"/socket.io/?EIO=4&transport=websocket")
		if err != nil {
			return
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		_ = conn.(*net.TCPConn).SetReadBuffer(4096)
		err = wsutil.WriteClientText(conn, []byte(`40{"kind":"stone"}`))
		for p := []byte{}; err == nil && !strings.HasPrefix(string(p), "40"); { // before the answer it must not send events
			p, err = wsutil.ReadServerText(conn)
		}
		for err == nil {
			err = wsutil.WriteClientText(conn, []byte(`42["nothing"]`)) // no rule takes it; it shows when the connection is cut
			select {
			case <-stop:
				_ = conn.Close()
				return
			case <-again.C:
			}
		}
		_ = conn.Close()
	}
}

// asked returns what an acknowledgement of the packet begins with after its type: the namespace and the id.
func asked(p string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(p, "42")
	if !ok {
		return "", false
	}
	head, _, _ := strings.Cut(rest, "[")
	_, n, found := strings.Cut(head, ",")
	if !found {
		n = head
	}
	if _, err := strconv.Atoi(n); err != nil {
		return "", false
	}
	return head, true
}
