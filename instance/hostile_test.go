package instance_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance"
)

// bystanders are two well-behaved clients that talk while somebody attacks.
type bystanders struct {
	t      *testing.T
	end    chan struct{}
	done   chan time.Duration // the longest that one event took
	finish func() time.Duration
}

// noticed is how long an event of a bystander may take. It is far more than it needs, and far less than any time limit of the server.
const noticed = 3 * time.Second

func talking(t *testing.T, r *running) *bystanders {
	t.Helper()
	a, b := dial(t, r.addr, "/quiet,"), dial(t, r.addr, "/quiet,") // where nothing else is said
	by := &bystanders{t: t, end: make(chan struct{}), done: make(chan time.Duration, 1)}
	by.finish = sync.OnceValue(func() time.Duration {
		close(by.end)
		return <-by.done
	})
	t.Cleanup(func() { by.finish() }) // also when the test has failed elsewhere
	go func() {
		var worst time.Duration
		defer func() { by.done <- worst }()
		pause := time.NewTicker(20 * time.Millisecond) // they keep to the limits
		defer pause.Stop()
		for i := 0; ; i++ {
			select {
			case <-by.end:
				return
			case <-pause.C:
			}
			begun := time.Now()
			p := fmt.Sprintf(`42/quiet,["still here",%d]`, i)
			if err := ws.WriteFrame(a.conn, ws.MaskFrameInPlace(ws.NewTextFrame([]byte(p)))); err != nil {
				t.Errorf("a bystander cannot send: %v", err)
				return
			}
			if got, err := b.read(); err != nil || got != p {
				t.Errorf("a bystander got %q, %v", got, err)
				return
			}
			worst = max(worst, time.Since(begun))
			b, a = a, b
		}
	}()
	return by
}

// stop fails the test if they have noticed anything.
func (by *bystanders) stop() {
	by.t.Helper()
	if worst := by.finish(); worst > noticed {
		by.t.Errorf("an event of a bystander took %s", worst)
	}
}

// held is the memory that is in use.
func held() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// sample watches the memory until most is called, which returns the highest that was seen.
func sample() (most func() int) {
	end, seen := make(chan struct{}), make(chan int)
	go func() {
		again := time.NewTicker(100 * time.Millisecond) // each look is a whole collection, which others would notice
		defer again.Stop()
		highest := 0
		for {
			highest = max(highest, held())
			select {
			case <-again.C:
			case <-end:
				seen <- max(highest, held())
				return
			}
		}
	}()
	return sync.OnceValue(func() int {
		close(end)
		return <-seen
	})
}

// attack is one way to do harm from outside. do returns when the harm is done.
type attack struct {
	name   string
	change func(*config.Instance)
	do     func(*testing.T, *running)
	reason func(instance.Stats) uint64 // what counts it
	least  uint64                      // how much that must be
	memory int                         // MiB that it may make the process hold, the attacker's own part included
}

func refused(reason string) func(instance.Stats) uint64 {
	return func(s instance.Stats) uint64 { return s.Refused[reason] }
}

func endedBy(reason string) func(instance.Stats) uint64 {
	return func(s instance.Stats) uint64 { return s.Ended[reason] }
}

// crowd dials n connections, says s on each and leaves them open.
func crowd(t *testing.T, r *running, n int, s string) []net.Conn {
	t.Helper()
	all := make([]net.Conn, n)
	for i := range all {
		all[i] = say(t, r, s)
	}
	return all
}

// drip writes s byte by byte, until somebody ends the connection.
func drip(conn io.Writer, s string) {
	for i := range len(s) {
		if _, err := io.WriteString(conn, s[i:i+1]); err != nil {
			return
		}
	}
}

const post = "POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n"

var attacks = []attack{
	{"slow headers", nil, func(t *testing.T, r *running) {
		r.Hurry(300 * time.Millisecond)
		crowd(t, r, 100, get+"X-Slow: ")
	}, refused("transport.head_timeout"), 100, 16},
	{"headers byte by byte", nil, func(t *testing.T, r *running) {
		r.Hurry(300 * time.Millisecond)
		for _, conn := range crowd(t, r, 20, get) { // the rest would count as idle
			go drip(conn, "X-Slow: "+strings.Repeat("s", 8000)) // and no end
		}
	}, refused("transport.head_timeout"), 20, 16},
	{"slow bodies that promise much", nil, func(t *testing.T, r *running) {
		r.Hurry(300 * time.Millisecond)
		crowd(t, r, 100, post+"Content-Length: 1000000\r\n\r\n4slow")
	}, refused("transport.body_timeout"), 100, 16},
	{"slow chunks", nil, func(t *testing.T, r *running) {
		r.Hurry(300 * time.Millisecond)
		crowd(t, r, 100, post+"Transfer-Encoding: chunked\r\n\r\nf4240\r\n4slow")
	}, refused("transport.body_timeout"), 100, 16},
	{"endless headers", nil, func(t *testing.T, r *running) {
		for _, conn := range crowd(t, r, 20, get) {
			flood(conn, "X-More: "+strings.Repeat("m", 500)+"\r\n")
		}
	}, refused("transport.head_too_large"), 20, 16},
	{"an endless header line", nil, func(t *testing.T, r *running) {
		for _, conn := range crowd(t, r, 20, get+"X: ") {
			flood(conn, strings.Repeat("m", 1000))
		}
	}, refused("transport.head_too_large"), 20, 16},
	{"an endless request line", nil, func(t *testing.T, r *running) {
		for _, conn := range crowd(t, r, 20, "GET /") {
			flood(conn, strings.Repeat("m", 1000))
		}
	}, refused("transport.head_too_large"), 20, 16},
	{"half-open upgrades", func(c *config.Instance) { c.UpgradeTimeout = config.Duration(200 * time.Millisecond) }, func(t *testing.T, r *running) {
		for range 50 {
			halfOpen(t, r, poller(t, r))
		}
	}, refused("engine.upgrade_unfinished"), 50, 16},
	{"a flood of handshakes", func(c *config.Instance) { c.Limits.Clients = 50 }, func(t *testing.T, r *running) {
		for range 300 {
			request(t, r.addr, "GET", handshake)
		}
	}, refused("engine.full"), 200, 16},
	{"a flood of connections", func(c *config.Instance) { c.Limits.PerAddress = 20 }, func(t *testing.T, r *running) {
		crowd(t, r, 300, "")
	}, refused("transport.per_address"), 200, 16},
	{"sessions that join nothing", func(c *config.Instance) { c.ConnectTimeout = config.Duration(100 * time.Millisecond) }, func(t *testing.T, r *running) {
		for range 50 {
			open(t, r.addr)
		}
	}, endedBy("forced_server_close"), 50, 16},
	{"frames of one byte, without end", func(c *config.Instance) { c.MaxPayload = 20000 }, func(t *testing.T, r *running) {
		for range 3 {
			c := open(t, r.addr)
			frame(t, c, ws.OpText, false, "4")
			flood(c.conn, strings.Repeat(string(ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(ws.OpContinuation, false, []byte("x"))))), 100))
		}
	}, refused("transport.message_too_big"), 3, 16},
	{"empty frames, without end", nil, func(t *testing.T, r *running) {
		c := dial(t, r.addr, "")
		empty := string(ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(ws.OpContinuation, false, nil))))
		frame(t, c, ws.OpText, false, "4")
		for range 200 {
			_, _ = io.WriteString(c.conn, strings.Repeat(empty, 100))
		}
		frame(t, c, ws.OpContinuation, true, "2{}") // what it was all about
	}, endedBy("forced_close"), 1, 16},
	{"giant lengths of frames", nil, func(t *testing.T, r *running) {
		for _, op := range []byte{0x81, 0x82} {
			for _, n := range []string{"\x7f\xff\xff\xff\xff\xff\xff\xff", "\x00\x00\x00\x00\xff\xff\xff\xff", "\x00\x00\x00\x00\x40\x00\x00\x00"} {
				_, _ = io.WriteString(open(t, r.addr).conn, string([]byte{op, 0x80 | 127})+n+"\x00\x00\x00\x00more")
			}
		}
	}, refused("transport.message_too_big"), 6, 16},
	{"giant lengths of bodies", nil, func(t *testing.T, r *running) {
		crowd(t, r, 10, post+"Content-Length: 999999999999\r\n\r\n4")
		crowd(t, r, 10, post+"Transfer-Encoding: chunked\r\n\r\n7fffffff\r\n4")
	}, refused("transport.body_too_large"), 20, 16},
	{"lengths that are no numbers of this world", nil, func(t *testing.T, r *running) {
		crowd(t, r, 10, post+"Content-Length: 92233720368547758080000\r\n\r\n4")
		crowd(t, r, 10, post+"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n4")
	}, func(s instance.Stats) uint64 {
		return s.Refused["transport.malformed"] + s.Refused["transport.body_too_large"]
	}, 20, 16},
	{"messages that inflate to a thousand times their size", func(c *config.Instance) { c.Compression.WebSocket = true }, func(t *testing.T, r *running) {
		var b bytes.Buffer
		z, _ := flate.NewWriter(&b, flate.BestCompression)
		for range 10 {
			_, _ = z.Write(make([]byte, 1<<20))
		}
		_ = z.Flush()
		for range 5 {
			deflated(t, r, strings.TrimSuffix(b.String(), "\x00\x00\xff\xff"))
		}
	}, refused("transport.message_too_big"), 5, 32},
	{"deep JSON", nil, func(t *testing.T, r *running) {
		for _, p := range []string{"[", `[{"a":`, `["x",[`} {
			c := dial(t, r.addr, "")
			c.send("42" + strings.Repeat(p, 900_000/len(p)))
		}
		dial(t, r.addr, "").send(`42["x",` + strings.Repeat("[", 400_000) + strings.Repeat("]", 400_000) + "]")
	}, endedBy("forced_close"), 4, 32},
	{"attachments that never come, and too many", nil, func(t *testing.T, r *running) {
		for range 5 {
			dial(t, r.addr, "").send(`4599999999-["x"]`)
			dial(t, r.addr, "").send(`4511-["x"]`)
		}
	}, endedBy("forced_close"), 10, 16},
	{"a crowd of namespaces", func(c *config.Instance) { c.Namespaces = []string{"/", "/quiet", "/n*"} }, func(t *testing.T, r *running) {
		c := open(t, r.addr)
		for i := range 1200 {
			c.send(fmt.Sprintf("40/n%d,", i))
			c.recv()
		}
	}, refused("instance.namespaces"), 100, 32},
	{"a reader that never reads", func(c *config.Instance) { c.Limits.Queue, c.MaxPayload = 64<<10, 64<<10 }, func(t *testing.T, r *running) {
		dial(t, r.addr, "")
		loud(t, r)
	}, endedBy("slow"), 1, 64},
	{"a poller that never polls", func(c *config.Instance) { c.Limits.Queue, c.MaxPayload = 64<<10, 64<<10 }, func(t *testing.T, r *running) {
		sid := poller(t, r)
		say(t, r, "POST /socket.io/?EIO=4&transport=polling&sid="+sid+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n40")
		eventually(t, "it has joined", func() bool { return r.Status().Clients == 3 })
		loud(t, r)
	}, endedBy("slow"), 1, 64},
	{"a flood of pings by a reader that never reads", nil, func(t *testing.T, r *running) {
		flood(open(t, r.addr).conn, string(ws.MustCompileFrame(ws.MaskFrame(ws.NewPingFrame([]byte(strings.Repeat("x", 125)))))))
	}, refused("transport.pong"), 1, 16},
	{"a flood of events", func(c *config.Instance) { c.Limits.EventsPerSecond, c.Limits.Burst = 50, 100 }, func(t *testing.T, r *running) {
		loud(t, r)
	}, refused("instance.events_per_second"), 100, 64},
}

// loud sends events to everybody in "/" until the server ends it, or the test; it reads what comes.
func loud(t *testing.T, r *running) {
	t.Helper()
	c := dial(t, r.addr, "")
	flood(c.conn, string(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(`42["loud","`+strings.Repeat("x", 4<<10)+`"]`))))))
	go func() { _, _ = io.Copy(io.Discard, c.conn) }()
}

// Not parallel: each attack has the machine, and the memory, for itself.
func TestHostileClients(t *testing.T) {
	all := loops(t)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			c := defaults()
			c.Namespaces = []string{"/", "/quiet"}
			if a.change != nil {
				a.change(c)
			}
			r := run(t, all, c)
			by := talking(t, r)
			base := held()
			most := sample()
			defer most()
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("%+v", r.Stats())
				}
			})
			a.do(t, r)
			eventually(t, "it is counted", func() bool { return a.reason(r.Stats()) >= a.least })
			by.stop()
			if grown := (most() - base) >> 20; grown > a.memory {
				t.Errorf("%d MiB more were held, at most %d are allowed", grown, a.memory)
			}
			eventually(t, "it is ready while the attack goes on", func() bool { return r.Status().State == instance.Ready })
		})
	}
}
