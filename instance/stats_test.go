package instance_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/sockd/sockd/config"
)

// say writes s on a new connection and leaves it open.
func say(t *testing.T, r *running, s string) net.Conn {
	t.Helper()
	conn := raw(t, r.addr)
	if _, err := io.WriteString(conn, s); err != nil {
		t.Fatal(err)
	}
	return conn
}

const get = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n"

// poller makes a session that polls and returns its sid.
func poller(t *testing.T, r *running) string {
	t.Helper()
	_, _, body := request(t, r.addr, "GET", handshake)
	_, rest, _ := strings.Cut(body, `"sid":"`)
	sid, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("handshake: %q", body)
	}
	return sid
}

// frame writes one masked frame.
func frame(t *testing.T, c *client, op ws.OpCode, fin bool, p string) {
	t.Helper()
	if err := ws.WriteFrame(c.conn, ws.MaskFrameInPlace(ws.NewFrame(op, fin, []byte(p)))); err != nil {
		t.Fatal(err)
	}
}

// flood writes p on conn until that fails.
func flood(conn io.Writer, p string) {
	go func() {
		for {
			if _, err := io.WriteString(conn, p); err != nil {
				return
			}
		}
	}()
}

// TestEachRefusalIsCounted provokes every reason that somebody outside can bring about. Not among them: no_file and no_handler (of the process),
// draining of a connection, outbox_full and gone (a race), invalid and volatile (no rule asks for it).
func TestEachRefusalIsCounted(t *testing.T) {
	t.Parallel()
	all := loops(t)
	tests := []struct {
		reason string
		change func(*config.Instance)
		do     func(*testing.T, *running)
	}{
		{"transport.max_conns", func(c *config.Instance) { c.Limits.Clients = 1 }, func(t *testing.T, r *running) {
			for range 4 + 256 + 1 {
				raw(t, r.addr)
			}
		}},
		{"transport.per_address", func(c *config.Instance) { c.Limits.PerAddress = 1 }, func(t *testing.T, r *running) { raw(t, r.addr); raw(t, r.addr) }},
		{"transport.idle_timeout", nil, func(t *testing.T, r *running) {
			r.Hurry(50 * time.Millisecond)
			say(t, r, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}},
		{"transport.head_timeout", nil, func(t *testing.T, r *running) { r.Hurry(50 * time.Millisecond); say(t, r, get) }},
		{"transport.body_timeout", nil, func(t *testing.T, r *running) {
			r.Hurry(50 * time.Millisecond)
			say(t, r, "POST /socket.io/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhalf")
		}},
		{"transport.malformed", nil, func(t *testing.T, r *running) { say(t, r, "BREW /coffee HTCPCP/1.0\r\n\r\n") }},
		{"transport.head_too_large", nil, func(t *testing.T, r *running) { say(t, r, get+"X: "+strings.Repeat("x", 20<<10)) }},
		{"transport.body_too_large", nil, func(t *testing.T, r *running) {
			say(t, r, "POST /socket.io/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000001\r\n\r\n")
		}},
		{"transport.expectation", nil, func(t *testing.T, r *running) { say(t, r, get+"Expect: the-unexpected\r\n\r\n") }},
		{"transport.pipelined", nil, func(t *testing.T, r *running) {
			poll := strings.Replace(get, "polling", "polling&sid="+poller(t, r), 1) + "\r\n"
			conn := say(t, r, poll)
			_, _ = io.WriteString(conn, poll+strings.Repeat("x", 300<<10))
		}},
		{"transport.handshake", nil, func(t *testing.T, r *running) {
			say(t, r, strings.Replace(get, "polling", "websocket", 1)+"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n")
		}},
		{"transport.bad_frame", nil, func(t *testing.T, r *running) { _, _ = open(t, r.addr).conn.Write([]byte{0x81, 1, '2'}) }},
		{"transport.message_too_big", nil, func(t *testing.T, r *running) {
			big := ws.NewFrame(ws.OpText, true, []byte("4"+strings.Repeat("x", 1000001)))
			_ = ws.WriteFrame(open(t, r.addr).conn, ws.MaskFrameInPlace(big)) // it is cut before all is written
		}},
		{"transport.invalid_text", nil, func(t *testing.T, r *running) { frame(t, open(t, r.addr), ws.OpText, true, "4\xff") }},
		{"transport.pong", nil, func(t *testing.T, r *running) {
			conn := open(t, r.addr).conn
			flood(conn, string(ws.MustCompileFrame(ws.MaskFrame(ws.NewPingFrame([]byte(strings.Repeat("x", 125)))))))
		}},
		{"transport.bad_deflate", func(c *config.Instance) { c.Compression.WebSocket = true }, func(t *testing.T, r *running) { deflated(t, r, "\xff\xff\xff\xff\xff") }},
		{"recovery.unknown_pid", func(c *config.Instance) { c.Recovery.Window = config.Duration(time.Minute) }, func(t *testing.T, r *running) {
			open(t, r.addr).send(`40{"pid":"nobody's"}`)
		}},
		{"engine.transport_unknown", nil, func(t *testing.T, r *running) { request(t, r.addr, "GET", "/socket.io/?EIO=4") }},
		{"engine.session_id_unknown", nil, func(t *testing.T, r *running) { request(t, r.addr, "GET", handshake+"&sid=__proto__") }},
		{"engine.bad_handshake_method", nil, func(t *testing.T, r *running) { request(t, r.addr, "POST", handshake) }},
		{"engine.bad_request", nil, func(t *testing.T, r *running) { request(t, r.addr, "GET", "/socket.io/?EIO=4&transport=websocket") }},
		{"engine.unsupported_protocol_version", nil, func(t *testing.T, r *running) { request(t, r.addr, "GET", "/socket.io/?EIO=3&transport=polling") }},
		{"engine.full", func(c *config.Instance) { c.Limits.Clients = 1 }, func(t *testing.T, r *running) { poller(t, r); request(t, r.addr, "GET", handshake) }},
		{"engine.draining", nil, func(t *testing.T, r *running) {
			poller(t, r) // does not come for its close packet, so the drain takes a moment
			kept := say(t, r, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
			in := bufio.NewReader(kept)
			if resp, err := http.ReadResponse(in, nil); err != nil || resp.Body.Close() != nil {
				t.Fatal(err)
			}
			go func() { _ = r.stop() }()
			eventually(t, "the instance drains", func() bool { return r.Status().State == "draining" })
			_, _ = io.WriteString(kept, get+"\r\n")
		}},
		{"engine.upgrade_unfinished", func(c *config.Instance) { c.UpgradeTimeout = config.Duration(50 * time.Millisecond) }, func(t *testing.T, r *running) {
			halfOpen(t, r, poller(t, r))
		}},
		{"instance.host", nil, func(t *testing.T, r *running) { request(t, r.addr, "GET", "/healthz", "Host: evil.test") }},
		{"instance.origin", nil, func(t *testing.T, r *running) { request(t, r.addr, "GET", handshake, "Origin: http://evil.test") }},
		{"instance.events_per_second", func(c *config.Instance) { c.Limits.EventsPerSecond = 1 }, func(t *testing.T, r *running) {
			c := dial(t, r.addr, "")
			c.send(`42["a"]`)
			c.send(`42["b"]`)
		}},
		{"instance.namespaces", nil, func(t *testing.T, r *running) { open(t, r.addr).send("40/elsewhere,") }},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			t.Parallel()
			c := defaults()
			if tt.change != nil {
				tt.change(c)
			}
			r := run(t, all, c)
			tt.do(t, r)
			counted(t, r, tt.reason)
		})
	}
}

// halfOpen opens a websocket for a session that polls, and says nothing on it.
func halfOpen(t *testing.T, r *running, sid string) net.Conn {
	t.Helper()
	conn := say(t, r, "GET /socket.io/?EIO=4&transport=websocket&sid="+sid+" HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1 101"))); err != nil {
		t.Fatal(err)
	}
	return conn
}

// deflated opens a compressed websocket and sends p as the data of one message.
func deflated(t *testing.T, r *running, p string) {
	t.Helper()
	conn := say(t, r, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.Header.Get("Sec-WebSocket-Extensions") == "" {
		t.Fatalf("handshake: %v, %v", resp, err)
	}
	f := ws.MaskFrameInPlace(ws.NewTextFrame([]byte(p)))
	f.Header.Rsv = ws.Rsv(true, false, false)
	if err := ws.WriteFrame(conn, f); err != nil {
		t.Fatal(err)
	}
}

// Why sessions ended is counted, and so is what they did not get.
func TestEachEndIsCounted(t *testing.T) {
	t.Parallel()
	all := loops(t)
	slow := func(c *config.Instance) { c.Limits.Queue, c.MaxPayload = 64<<10, 64<<10 }
	neverReads := func(t *testing.T, r *running) {
		dial(t, r.addr, "") // and reads nothing more
		sender := dial(t, r.addr, "")
		flood(sender.conn, string(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(`42["e","`+strings.Repeat("x", 32<<10)+`"]`))))))
	}
	tests := []struct {
		ended, dropped string
		change         func(*config.Instance)
		do             func(*testing.T, *running)
	}{
		{"ping_timeout", "", func(c *config.Instance) {
			c.Ping = config.Ping{Interval: config.Duration(20 * time.Millisecond), Timeout: config.Duration(20 * time.Millisecond)}
		}, func(t *testing.T, r *running) { open(t, r.addr) }},
		{"forced_close", "", nil, func(t *testing.T, r *running) { open(t, r.addr).send(`42{}`) }},
		{"parse_error", "", nil, func(t *testing.T, r *running) { open(t, r.addr).send(`what?`) }},
		{"forced_server_close", "", func(c *config.Instance) { c.ConnectTimeout = config.Duration(20 * time.Millisecond) }, func(t *testing.T, r *running) { open(t, r.addr) }},
		{"transport_close", "", nil, func(t *testing.T, r *running) { frame(t, open(t, r.addr), ws.OpClose, true, "") }},
		{"slow", "event.slow", slow, neverReads},
		{"", "event.queue_full", func(c *config.Instance) { slow(c); c.Limits.OnFull = "drop" }, neverReads},
		{"ping_timeout", "engine.discarded", func(c *config.Instance) {
			c.Ping = config.Ping{Interval: config.Duration(time.Second), Timeout: config.Duration(20 * time.Millisecond)}
		}, func(t *testing.T, r *running) {
			sid := poller(t, r)
			target := "/socket.io/?EIO=4&transport=polling&sid=" + sid
			say(t, r, "POST "+target+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n40") // its answer is never fetched
		}},
		{"server_shutting_down", "", nil, func(t *testing.T, r *running) { open(t, r.addr); _ = r.stop() }},
	}
	for i, tt := range tests {
		t.Run(fmt.Sprint(i, " ", tt.ended, tt.dropped), func(t *testing.T) {
			t.Parallel()
			c := defaults()
			if tt.change != nil {
				tt.change(c)
			}
			r := run(t, all, c)
			tt.do(t, r)
			eventually(t, "it is counted", func() bool {
				s := r.Stats()
				return (tt.ended == "" || s.Ended[tt.ended] > 0) && (tt.dropped == "" || s.Dropped[tt.dropped] > 0)
			})
		})
	}
}

func TestCountersOfARemovedNamespaceStay(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.Namespaces = []string{"/", "/old"}
	c.Limits.Queue, c.MaxPayload, c.Limits.OnFull = 64<<10, 64<<10, "drop"
	r := run(t, loops(t), c)
	dial(t, r.addr, "/old,")
	sender := dial(t, r.addr, "/old,")
	message := []byte(`42/old,["e","` + strings.Repeat("x", 32<<10) + `"]`)
	eventually(t, "the reader's queue is full", func() bool {
		_ = wsutil.WriteClientText(sender.conn, message)
		return r.Stats().Dropped["event.queue_full"] > 0
	})
	next := *c
	next.Namespaces = []string{"/"}
	if err := r.Apply(&next); err != nil {
		t.Fatal(err)
	}
	if s := r.Stats(); s.Dropped["event.queue_full"] == 0 {
		t.Errorf("after the removal: %+v", s)
	}
}
