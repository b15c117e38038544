package transport_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/transport"
)

func TestHandshake(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	replace := func(old, new string) string { return strings.Replace(handshakeHead, old, new, 1) + "\r\n" }
	for _, tt := range []struct {
		name, request string
		status        int
	}{
		{"POST", replace("GET", "POST"), 400},
		{"HTTP/1.0", replace("HTTP/1.1", "HTTP/1.0"), 400},
		{"no connection header", replace("Connection: keep-alive, Upgrade\r\n", ""), 400},
		{"connection without upgrade", replace("keep-alive, Upgrade", "keep-alive"), 400},
		{"other upgrade", replace("websocket", "h2c"), 400},
		{"no version", replace("Sec-WebSocket-Version: 13\r\n", ""), 426},
		{"version 8", replace("13", "8"), 426},
		{"no key", replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400},
		{"key that is no base64", replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZ???"), 400},
		{"key of 15 bytes", replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"), 400},
		{"two keys", replace("\r\nSec-WebSocket-Key", "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key"), 400},
		{"body", replace("\r\nSec-WebSocket-Key", "\r\nContent-Length: 1\r\nSec-WebSocket-Key") + "x", 400},
		{"empty chunked body", replace("\r\nSec-WebSocket-Key", "\r\nTransfer-Encoding: chunked\r\nSec-WebSocket-Key") + "0\r\n\r\n", 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := r.on(t).dial()
			c.send(tt.request)
			resp := c.wantStatus(tt.status)
			if tt.status == 426 && resp.Header.Get("Sec-Websocket-Version") != "13" {
				t.Errorf("header %v", resp.Header)
			}
			c.wantEnd()
		})
	}
	t.Run("the example of the RFC", func(t *testing.T) {
		resp := r.on(t).dial().upgrade("")
		if got := resp.Header.Get("Sec-Websocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
			t.Errorf("accept %q", got)
		}
	})
	t.Run("names in another case", func(t *testing.T) {
		c := r.on(t).dial()
		c.send(replace("Upgrade: websocket", "uPGRADE: WebSocket"))
		if resp, err := http.ReadResponse(c.in, nil); err != nil || resp.StatusCode != 101 {
			t.Fatalf("answer %v, %v", resp, err)
		}
	})
	t.Run("gobwas dials", func(t *testing.T) {
		conn, _, _, err := ws.Dial(context.Background(), "ws://"+r.addr+"/ws")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := wsutil.WriteClientText(conn, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if p, err := wsutil.ReadServerText(conn); err != nil || string(p) != "hello" {
			t.Fatalf("got %q, %v", p, err)
		}
	})
}

func TestHeadersGoOutWithTheHandshake(t *testing.T) {
	t.Parallel()
	r := newRig(t, transport.Options{}, func(g *rig, w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Content-Length", "5")
		w.Header().Set("Connection", "close")
		conn, err := g.Upgrade(w, req, func(bool, []byte) {}, func(error) {})
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(w, "ignored")
		conn.Write(ws.MustCompileFrame(ws.NewTextFrame([]byte("open"))))
	})
	c := r.on(t).dial()
	resp := c.upgrade("")
	if resp.Header.Get("Set-Cookie") != "a=b" || resp.Header.Get("Content-Length") != "" || resp.Header.Get("Connection") != "Upgrade" {
		t.Errorf("header %v", resp.Header)
	}
	c.wantFrame(ws.OpText, "open")
}

func TestFramesBehindTheHandshake(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	c := r.on(t).dial()
	c.upgrade(masked(ws.OpText, true, "one") + masked(ws.OpBinary, true, "two"))
	c.wantFrame(ws.OpText, "one")
	c.wantFrame(ws.OpBinary, "two")
}

func TestMessages(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{MaxMessage: 200_000})
	c := r.on(t).dial()
	c.upgrade("")
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 65537, 200_000} {
		for _, op := range []ws.OpCode{ws.OpText, ws.OpBinary} {
			p := strings.Repeat("x", n)
			c.send(masked(op, true, p))
			c.wantFrame(op, p)
		}
	}
	t.Run("fragments with control frames between", func(t *testing.T) {
		c.send(masked(ws.OpText, false, "a\xc3") + masked(ws.OpPing, true, "p") + masked(ws.OpContinuation, false, "") +
			masked(ws.OpPong, true, "unasked") + masked(ws.OpContinuation, true, "\xa4b"))
		c.wantFrame(ws.OpPong, "p")
		c.wantFrame(ws.OpText, "aäb")
	})
	t.Run("byte by byte", func(t *testing.T) {
		c.SetNoDelay(true)
		for _, b := range []byte(masked(ws.OpText, false, "he") + masked(ws.OpPing, true, "ping") + masked(ws.OpContinuation, true, "llo")) {
			c.send(string([]byte{b}))
		}
		c.wantFrame(ws.OpPong, "ping")
		c.wantFrame(ws.OpText, "hello")
	})
}

// TestBadFrames has each row of the frames that nbio accepted or mistook, with the close code that is due.
func TestBadFrames(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{MaxMessage: 1000})
	closeFrame := func(code int, text string) string {
		return masked(ws.OpClose, true, string([]byte{byte(code >> 8), byte(code)})+text)
	}
	rsv := func(bit byte) string {
		f := []byte(masked(ws.OpText, true, "hi"))
		f[0] |= bit
		return string(f)
	}
	for _, tt := range []struct {
		name, frames string
		code         ws.StatusCode
	}{
		{"unmasked", string(ws.MustCompileFrame(ws.NewTextFrame([]byte("hi")))), 1002},
		{"unmasked, only two bytes of it", "\x81\x02", 1002},
		{"length 5 in 16 bits", "\x81\xfe\x00\x05\x00\x00\x00\x00hello", 1002},
		{"length 125 in 16 bits", "\x81\xfe\x00\x7d\x00\x00\x00\x00", 1002},
		{"length 5 in 64 bits", "\x81\xff\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00hello", 1002},
		{"length 65535 in 64 bits", "\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x00", 1002},
		{"rsv1", rsv(0x40), 1002},
		{"rsv2", rsv(0x20), 1002},
		{"rsv3", rsv(0x10), 1002},
		{"rsv1 on an empty message", "\xc1\x80\x00\x00\x00\x00", 1002},
		{"opcode 3", masked(3, true, "hi"), 1002},
		{"opcode 11", masked(11, true, "hi"), 1002},
		{"control frame of 126 bytes", "\x89\xfe\x00\x7e\x00\x00\x00\x00" + strings.Repeat("x", 126), 1002},
		{"fragmented control frame", masked(ws.OpPing, false, "x"), 1002},
		{"continuation of nothing", masked(ws.OpContinuation, true, "x"), 1002},
		{"new message inside another", masked(ws.OpText, false, "x") + masked(ws.OpText, true, "y"), 1002},
		{"close with one byte", masked(ws.OpClose, true, "x"), 1002},
		{"close code 999", closeFrame(999, ""), 1002},
		{"close code 1004", closeFrame(1004, ""), 1002},
		{"close code 1005", closeFrame(1005, ""), 1002},
		{"close code 1006", closeFrame(1006, ""), 1002},
		{"close code 1015", closeFrame(1015, ""), 1002},
		{"close code 2999", closeFrame(2999, ""), 1002},
		{"close code 5000", closeFrame(5000, ""), 1002},
		{"close with a bad text", closeFrame(1000, "\xff"), 1007},
		{"bad UTF-8", masked(ws.OpText, true, "a\xffb"), 1007},
		{"bad UTF-8 over two fragments", masked(ws.OpText, false, "a\xc3") + masked(ws.OpContinuation, true, "b"), 1007},
		{"character cut at the end", masked(ws.OpText, false, "a") + masked(ws.OpContinuation, true, "\xe2\x82"), 1007},
		{"surrogate", masked(ws.OpText, true, "\xed\xa0\x80"), 1007},
		{"one byte over the limit", masked(ws.OpBinary, true, strings.Repeat("x", 1001)), 1009},
		{"over the limit in two fragments", masked(ws.OpBinary, false, strings.Repeat("x", 600)) + masked(ws.OpContinuation, true, strings.Repeat("x", 401)), 1009},
		{"length 2^63-1, only the header", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", 1009},
		{"fragment, then length 2^63-1", masked(ws.OpText, false, "x") + "\x80\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", 1009},
		{"length 2^64-1", "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", 1002},
		{"length 2^63", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 1002},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := r.on(t).dial()
			c.upgrade(tt.frames)
			c.wantClose(tt.code)
			c.Close()
			if err := get(t, r.gone); err == nil {
				t.Error("gone without an error")
			}
		})
	}
}

func TestClientCloses(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	for _, tt := range []struct {
		name, payload string
		code          ws.StatusCode
	}{
		{"without a code", "", 0},
		{"1000", "\x03\xe8", 1000},
		{"1001 with a text", "\x03\xe9bye", 1001},
		{"4999", "\x13\x87", 4999},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := r.on(t).dial()
			c.upgrade(masked(ws.OpText, true, "before") + masked(ws.OpClose, true, tt.payload) + masked(ws.OpText, true, "after"))
			c.wantFrame(ws.OpText, "before")
			c.wantClose(tt.code)
			c.Close()
			if err := get(t, r.gone); err != nil {
				t.Errorf("gone: %v", err)
			}
		})
	}
	t.Run("without a close frame", func(t *testing.T) {
		c := r.on(t).dial()
		c.upgrade("")
		c.Close()
		if err := get(t, r.gone); !errors.Is(err, io.EOF) {
			t.Errorf("gone: %v, want EOF", err)
		}
	})
}

func TestServerCloses(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	t.Run("the client answers", func(t *testing.T) {
		c := r.on(t).dial()
		c.upgrade("")
		conn := get(t, r.sockets)
		big := strings.Repeat("x", 1<<20)
		conn.Write(ws.MustCompileFrame(ws.NewTextFrame([]byte(big))))
		if err := conn.Close(1001); err != nil {
			t.Fatal(err)
		}
		if err := conn.Write([]byte{0x81, 0}); !errors.Is(err, engineio.ErrClosed) {
			t.Errorf("write after close: %v", err)
		}
		if err := conn.Close(1001); !errors.Is(err, engineio.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
		c.wantFrame(ws.OpText, big)
		c.send(masked(ws.OpText, true, "not delivered") + masked(ws.OpClose, true, "\x03\xe9"))
		c.wantClose(1001)
		c.Close()
		if err := get(t, r.gone); err != nil {
			t.Errorf("gone: %v", err)
		}
	})
	t.Run("with an empty frame", func(t *testing.T) {
		c := r.on(t).dial()
		c.upgrade("")
		get(t, r.sockets).Close(0)
		if f := c.frame(); f.Header.OpCode != ws.OpClose || len(f.Payload) != 0 {
			t.Errorf("frame %v", f)
		}
	})
	t.Run("the client does not answer", func(t *testing.T) {
		c := r.on(t).dial()
		c.upgrade("")
		get(t, r.sockets).Close(1000)
		c.wantClose(1000)
	})
}

func TestPanicInAFrame(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	other := r.on(t).dial()
	other.upgrade("")
	c := r.on(t).dial()
	c.upgrade(masked(ws.OpText, true, "panic"))
	c.wantClose(1011)
	c.Close()
	if err := get(t, r.gone); err == nil {
		t.Error("gone without an error")
	}
	other.send(masked(ws.OpText, true, "hi"))
	other.wantFrame(ws.OpText, "hi")
}

// TestPingFlood: a client that pings and reads nothing cannot fill the queue, and still gets every pong that it reads.
func TestPingFlood(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{SendBuffer: 4096})
	c := r.on(t).dial()
	c.upgrade("")
	conn := get(t, r.sockets)
	flood := strings.Repeat(masked(ws.OpPing, true, strings.Repeat("x", 125)), 100)
	for r.refused(transport.RefusedPong) == 0 {
		c.send(flood)
		if n := conn.Buffered(); n > 20<<10 {
			t.Fatalf("%d bytes of pongs are queued", n)
		}
	}
	go c.send(masked(ws.OpText, true, "still there"))
	for {
		f := c.frame()
		if f.Header.OpCode == ws.OpText {
			break
		}
	}
	c.send(masked(ws.OpPing, true, "again"))
	c.wantFrame(ws.OpPong, "again")
}

// TestSlowReaderIsCut: the ledger cuts a client that does not read, and nobody else.
func TestSlowReaderIsCut(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{MaxBuffered: 128 << 10, SendBuffer: 8 << 10})
	slow := r.on(t).dial()
	slow.SetReadBuffer(4096)
	slow.upgrade("")
	slowConn := get(t, r.sockets)
	quick := r.on(t).dial()
	quick.upgrade("")
	quickConn := get(t, r.sockets)

	frame := ws.MustCompileFrame(ws.NewBinaryFrame(make([]byte, 4<<10)))
	var err error
	rounds := 0
	for ; err == nil; rounds++ {
		err = slowConn.Write(frame)
		if e := quickConn.Write(frame); e != nil {
			t.Fatal("quick:", e)
		}
		quick.wantFrame(ws.OpBinary, string(make([]byte, 4<<10)))
		if n := slowConn.Buffered(); n > 128<<10 {
			t.Fatalf("%d bytes are queued", n)
		}
	}
	if !errors.Is(err, engineio.ErrSlow) {
		t.Errorf("write: %v, want ErrSlow", err)
	}
	if err := get(t, r.gone); !errors.Is(err, engineio.ErrSlow) {
		t.Errorf("gone: %v, want ErrSlow", err)
	}
	if rounds < 32 {
		t.Errorf("cut after %d frames", rounds)
	}
	quick.send(masked(ws.OpText, true, "hi"))
	quick.wantFrame(ws.OpText, "hi")
}

// TestConcurrentWritesStayWhole: frames of many writers do not mix, also when most of them wait in the queue.
func TestConcurrentWritesStayWhole(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{MaxBuffered: 64 << 20, SendBuffer: 8 << 10})
	c := r.on(t).dial()
	c.upgrade("")
	conn := get(t, r.sockets)
	const writers, each = 8, 100
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			frame := ws.MustCompileFrame(ws.NewBinaryFrame(bytes.Repeat([]byte{byte(i)}, 5000+i)))
			for range each {
				if err := conn.Write(append(frame[:len(frame):len(frame)], frame...)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 * writers * each {
		f := c.frame()
		i := int(f.Payload[0])
		if len(f.Payload) != 5000+i || bytes.Count(f.Payload, f.Payload[:1]) != len(f.Payload) {
			t.Fatal("frames are mixed")
		}
	}
	all.Wait()
	until(t, "nothing queued", func() bool { return conn.Buffered() == 0 })
}

func TestUpgradeOfAParkedRequestIsRefused(t *testing.T) {
	t.Parallel()
	errs := make(chan error, 1)
	r := newRig(t, transport.Options{}, func(g *rig, w http.ResponseWriter, req *http.Request) {
		reply, _ := g.Park(w, req, func(error) {})
		_, err := g.Upgrade(w, req, nil, nil)
		errs <- err
		reply(200, nil, nil)
	})
	c := r.on(t).dial()
	c.send(handshakeHead + "\r\n")
	c.wantStatus(200)
	if err := get(t, errs); err == nil {
		t.Error("upgraded")
	}
}
