package transport_test

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/transport"
)

// deflate is a compressed message.
func deflate(p string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	io.WriteString(w, p)
	w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// ended is a compressed message whose last block is marked as such.
func ended(p string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	io.WriteString(w, p)
	w.Close()
	return b.String()
}

// packed is one frame of a client with RSV1.
func packed(op ws.OpCode, fin bool, payload string) string {
	f := masked(op, fin, payload)
	return string([]byte{f[0] | 0x40}) + f[1:]
}

const takeover = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

func TestDeflateOffers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, offer, answer string
		window              int
	}{
		{"none", "", "", 0},
		{"another extension", "x-webkit-deflate-frame", "", 0},
		{"bare", "permessage-deflate", takeover, 15},
		{"in another case", "PerMessage-Deflate; Client_Max_Window_Bits", takeover, 15},
		{"as browsers do", "permessage-deflate; client_max_window_bits", takeover, 15},
		{"as websockets of Python does", "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12", takeover + "; server_max_window_bits=12", 12},
		{"all parameters", "permessage-deflate;server_no_context_takeover ; client_no_context_takeover;server_max_window_bits=15;client_max_window_bits=8",
			takeover + "; server_max_window_bits=15", 15},
		{"the smallest window", "permessage-deflate; server_max_window_bits=8", takeover + "; server_max_window_bits=8", 8},
		{"a quoted value", `permessage-deflate; server_max_window_bits="10"`, takeover + "; server_max_window_bits=10", 10},
		{"a window of 7", "permessage-deflate; server_max_window_bits=7", "", 0},
		{"a window of 16", "permessage-deflate; server_max_window_bits=16", "", 0},
		{"a window of 010", "permessage-deflate; server_max_window_bits=010", "", 0},
		{"a window of +9", "permessage-deflate; server_max_window_bits=+9", "", 0},
		{"a window without size", "permessage-deflate; server_max_window_bits", "", 0},
		{"a client window of 16", "permessage-deflate; client_max_window_bits=16", "", 0},
		{"a client window of nothing", "permessage-deflate; client_max_window_bits=", "", 0},
		{"a takeover with a value", "permessage-deflate; server_no_context_takeover=1", "", 0},
		{"a client takeover with a value", `permessage-deflate; client_no_context_takeover=""`, "", 0},
		{"a parameter twice", "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10", "", 0},
		{"a bare parameter twice", "permessage-deflate; client_max_window_bits; client_max_window_bits", "", 0},
		{"an unknown parameter", "permessage-deflate; mystery", "", 0},
		{"an empty parameter", "permessage-deflate; ; client_max_window_bits", "", 0},
		{"a comma in quotes", `permessage-deflate; x="a, permessage-deflate"`, "", 0},
		{"a quote that does not end", `permessage-deflate; x="a, permessage-deflate`, "", 0},
		{"the second offer is in order", "permessage-deflate; server_max_window_bits=99, permessage-deflate", takeover, 15},
		{"the first that is in order", "other, permessage-deflate; server_max_window_bits=9, permessage-deflate", takeover + "; server_max_window_bits=9", 9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if answer, window := transport.Offered(tt.offer); answer != tt.answer || window != tt.window {
				t.Errorf("%q, window %d, want %q, %d", answer, window, tt.answer, tt.window)
			}
		})
	}
	t.Run("two fields", func(t *testing.T) {
		t.Parallel()
		if answer, _ := transport.Offered("permessage-deflate; x", "permessage-deflate"); answer != takeover {
			t.Errorf("%q", answer)
		}
	})
}

const offerHead = handshakeHead + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"

// upgradeDeflate does a handshake that offers compression.
func (c *client) upgradeDeflate() *http.Response {
	c.t.Helper()
	c.send(offerHead + "\r\n")
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil || resp.StatusCode != 101 {
		c.t.Fatal("handshake:", resp, err)
	}
	return resp
}

func TestDeflateHandshake(t *testing.T) {
	t.Parallel()
	t.Run("off", func(t *testing.T) {
		t.Parallel()
		r := newParkRig(t, transport.Options{})
		c := r.on(t).dial()
		if got := c.upgradeDeflate().Header["Sec-Websocket-Extensions"]; got != nil {
			t.Errorf("extensions %q", got)
		}
		if n := get(t, r.sockets).(engineio.Deflater).Deflate(); n != 0 {
			t.Errorf("window %d", n)
		}
		c.send(packed(ws.OpText, true, deflate("hello")))
		c.wantClose(1002)
		if r.refused(transport.RefusedFrame) != 1 {
			t.Error("not counted")
		}
	})
	t.Run("on", func(t *testing.T) {
		t.Parallel()
		r := newParkRig(t, transport.Options{Deflate: true})
		c := r.on(t).dial()
		if got := c.upgradeDeflate().Header["Sec-Websocket-Extensions"]; len(got) != 1 || got[0] != takeover {
			t.Errorf("extensions %q", got)
		}
		if n := get(t, r.sockets).(engineio.Deflater).Deflate(); n != 15 {
			t.Errorf("window %d", n)
		}
		plain := r.on(t).dial()
		if got := plain.upgrade("").Header["Sec-Websocket-Extensions"]; got != nil {
			t.Errorf("extensions %q for a client that offers none", got)
		}
		plain.send(packed(ws.OpText, true, deflate("hello")))
		plain.wantClose(1002)
		r.Configure(transport.Options{}) // for new ones only
		c.send(packed(ws.OpText, true, deflate("still")))
		c.wantFrame(ws.OpText, "still")
		later := r.on(t).dial()
		if got := later.upgradeDeflate().Header["Sec-Websocket-Extensions"]; got != nil {
			t.Errorf("extensions %q after it was turned off", got)
		}
	})
}

func TestCompressedMessages(t *testing.T) {
	t.Parallel()
	const limit = 100_000
	r := newParkRig(t, transport.Options{Deflate: true, MaxMessage: limit})
	large := strings.Repeat("0123456789", limit/10)
	hello := deflate("hello")
	for _, tt := range []struct{ name, wire, want string }{
		{"the example of the RFC", packed(ws.OpText, true, "\xf2\x48\xcd\xc9\xc9\x07\x00"), "Hello"},
		{"in two fragments", packed(ws.OpText, false, "\xf2\x48\xcd") + masked(ws.OpContinuation, true, "\xc9\xc9\x07\x00"), "Hello"},
		{"with a stored block", packed(ws.OpText, true, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), "Hello"},
		{"with a last block", packed(ws.OpText, true, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), "Hello"},
		{"with a last block and nothing behind it", packed(ws.OpText, true, ended("hello")), "hello"},
		{"in two blocks", packed(ws.OpText, true, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), "Hello"},
		{"a control frame between", packed(ws.OpText, false, hello[:2]) + masked(ws.OpPong, true, "") + masked(ws.OpContinuation, true, hello[2:]), "hello"},
		{"one that is not compressed", masked(ws.OpText, true, "hello"), "hello"},
		{"fragments that are not compressed", masked(ws.OpText, false, "he") + masked(ws.OpContinuation, true, "llo"), "hello"},
		{"an empty one", packed(ws.OpText, true, deflate("")), ""},
		{"as large as may be", packed(ws.OpText, true, deflate(large)), large},
		{"as large as may be, in stored blocks", packed(ws.OpText, true, stored(large)), large},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := r.on(t).dial()
			c.upgradeDeflate()
			c.send(tt.wire + packed(ws.OpBinary, true, deflate("next")))
			c.wantFrame(ws.OpText, tt.want)
			c.wantFrame(ws.OpBinary, "next")
		})
	}
}

// stored is a message in blocks that are not compressed.
func stored(p string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.NoCompression)
	io.WriteString(w, p)
	w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

func TestCompressedFaults(t *testing.T) {
	t.Parallel()
	const limit = 100_000
	r := newParkRig(t, transport.Options{Deflate: true, MaxMessage: limit})
	bomb := deflate(strings.Repeat("\x00", 20<<20))
	for _, tt := range []struct {
		name, wire string
		code       ws.StatusCode
		reason     string
	}{
		{"one byte over the limit", packed(ws.OpBinary, true, deflate(strings.Repeat("x", limit+1))), 1009, transport.RefusedMessageSize},
		{"20 MiB in 20 KB", packed(ws.OpBinary, true, bomb), 1009, transport.RefusedMessageSize},
		{"fragments of it", packed(ws.OpBinary, false, bomb[:1000]) + masked(ws.OpContinuation, true, bomb[1000:]), 1009, transport.RefusedMessageSize},
		{"too long on the wire", packed(ws.OpBinary, true, strings.Repeat("\x00", limit+limit/1024+65)), 1009, transport.RefusedMessageSize},
		{"too long on the wire in fragments", packed(ws.OpBinary, false, strings.Repeat("\x00", limit)) + masked(ws.OpContinuation, true, strings.Repeat("\x00", 200)),
			1009, transport.RefusedMessageSize},
		{"not even an empty block", packed(ws.OpBinary, true, ""), 1007, transport.RefusedDeflate},
		{"not a stream", packed(ws.OpBinary, true, "\xff\xff\xff"), 1007, transport.RefusedDeflate},
		{"a reference before the begin", packed(ws.OpBinary, true, "\x4a\x04\x02"), 1007, transport.RefusedDeflate},
		{"more behind a last block", packed(ws.OpBinary, true, ended("hello")+ended("hidden")), 1007, transport.RefusedDeflate},
		{"cut off", packed(ws.OpBinary, true, deflate(strings.Repeat("hello", 100))[:8]), 1007, transport.RefusedDeflate},
		{"text that is not UTF-8", packed(ws.OpText, true, deflate("\xff")), 1007, transport.RefusedText},
		{"RSV1 in a continuation", packed(ws.OpText, false, "a") + packed(ws.OpContinuation, true, "b"), 1002, transport.RefusedFrame},
		{"RSV1 in a later frame only", masked(ws.OpText, false, "a") + packed(ws.OpContinuation, true, "b"), 1002, transport.RefusedFrame},
		{"RSV1 in a ping", packed(ws.OpPing, true, ""), 1002, transport.RefusedFrame},
		{"RSV1 in a close frame", packed(ws.OpClose, true, ""), 1002, transport.RefusedFrame},
		{"RSV2", "\xa1\x80\x00\x00\x00\x00", 1002, transport.RefusedFrame},
		{"RSV1 and RSV3", "\xd1\x80\x00\x00\x00\x00", 1002, transport.RefusedFrame},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := r.refused(tt.reason)
			c := r.on(t).dial()
			c.upgradeDeflate()
			c.send(tt.wire)
			c.wantClose(tt.code)
			if r.refused(tt.reason) != before+1 {
				t.Errorf("not counted as %s", tt.reason)
			}
		})
	}
}

// TestWithoutTakeover: each message is read with an empty window, whatever went before.
func TestWithoutTakeover(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{Deflate: true})
	c := r.on(t).dial()
	c.upgradeDeflate()
	c.send(packed(ws.OpText, true, deflate("hello hello")))
	c.wantFrame(ws.OpText, "hello hello")
	c.send(packed(ws.OpText, true, "\x02\x06\x00")) // a copy from the message before
	c.wantClose(1007)
}

// engineRig is a rig with sessions that echo.
func engineRig(t *testing.T, o transport.Options) *rig {
	t.Helper()
	var server *engineio.Server
	r := newRig(t, o, func(_ *rig, w http.ResponseWriter, req *http.Request) { server.ServeHTTP(w, req) })
	server = engineio.NewServer(func(s *engineio.Socket) engineio.Session { return echoSession{s} }, r.Server, engineio.Options{})
	return r
}

type echoSession struct{ s *engineio.Socket }

func (e echoSession) Message(p []byte, binary bool) {
	if binary {
		_ = e.s.Send(engineio.Binary(p))
	} else {
		_ = e.s.Send(engineio.Text(p))
	}
}
func (echoSession) Close(engineio.Reason) {}

// TestGobwasClientWithDeflate: another implementation of both sides of the extension understands ours.
func TestGobwasClientWithDeflate(t *testing.T) {
	t.Parallel()
	r := engineRig(t, transport.Options{Deflate: true})
	d := ws.Dialer{}
	d.Extensions = append(d.Extensions, wsflate.DefaultParameters.Option())
	conn, early, hs, err := d.Dial(context.Background(), "ws://"+r.addr+"/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	var in io.Reader = conn
	if early != nil { // with what came in one segment with the handshake
		in = early
	}
	var p wsflate.Parameters
	if len(hs.Extensions) != 1 {
		t.Fatalf("extensions %v", hs.Extensions)
	}
	if err := p.Parse(hs.Extensions[0]); err != nil || !p.ServerNoContextTakeover || !p.ClientNoContextTakeover {
		t.Fatalf("%+v, %v", p, err)
	}
	if open, err := readFrame(in); err != nil || open.Payload[0] != '0' {
		t.Fatalf("got %q, %v", open.Payload, err)
	}
	for _, n := range []int{1, 1000, 5000, 60_000, 200_000} {
		want := strings.Repeat("4 ä €", n/8+1)
		f, err := wsflate.CompressFrame(ws.NewTextFrame([]byte(want)))
		if err != nil {
			t.Fatal(err)
		}
		if err := ws.WriteFrame(conn, ws.MaskFrameInPlace(f)); err != nil {
			t.Fatal(err)
		}
		if f, err = readFrame(in); err != nil {
			t.Fatal(err)
		}
		compressed, err := wsflate.IsCompressed(f.Header)
		if should := len(want) >= 1024 && len(want) <= 64<<10; err != nil || compressed != should {
			t.Fatalf("%d bytes: compressed %v, %v", len(want), compressed, err)
		}
		if compressed {
			if f, err = wsflate.DecompressFrame(f); err != nil {
				t.Fatal(err)
			}
		}
		if string(f.Payload) != want {
			t.Fatalf("%d bytes, want %d", len(f.Payload), len(want))
		}
	}
}

// TestIdleMemoryWithDeflate: an idle client that negotiated costs what one costs that did not.
func TestIdleMemoryWithDeflate(t *testing.T) {
	const n = 1000
	per := map[bool]int64{}
	for _, on := range []bool{false, true} {
		r := newParkRig(t, transport.Options{Deflate: on})
		message := masked(ws.OpText, true, "hello")
		if on {
			message = packed(ws.OpText, true, deflate("hello"))
		}
		peers := make([]net.Conn, n)
		warm := r.dial() // the pool has its inflater
		warm.upgradeDeflate()
		warm.send(message)
		warm.wantFrame(ws.OpText, "hello")
		get(t, r.sockets)
		before := heap()
		for i := range peers {
			c := r.dial()
			c.upgradeDeflate()
			c.send(message)
			c.wantFrame(ws.OpText, "hello")
			peers[i] = c.TCPConn
			get(t, r.sockets)
		}
		per[on] = (heap() - before) / n
		runtime.KeepAlive(peers)
	}
	t.Logf("both sides of an idle websocket: %d bytes, with deflate %d", per[false], per[true])
	if per[true] > per[false]+200 {
		t.Errorf("%d bytes with deflate, %d without", per[true], per[false])
	}
}

const inflateLimit = 1000

// FuzzInflate: whatever a client sends, what comes out is what the flate package makes of it, within the limit and independent of the splits.
func FuzzInflate(f *testing.F) {
	for _, s := range []string{
		"", "\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "\xff\xff\xff", "\x4a\x04\x02", "\x03\x00", "\x03\x00\x03\x00",
		"\x00", "\x02", "\x01\x00\x00\xff\xff", deflate(strings.Repeat("x", inflateLimit)), deflate(strings.Repeat("x", inflateLimit+1)), ended(strings.Repeat("abc", 100)),
	} {
		f.Add([]byte(s), uint64(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		if len(data) > inflateLimit {
			return
		}
		want, fault := oracleInflate(data)
		wire := []byte(packed(ws.OpBinary, true, string(data)))
		if fault == nil && utf8.ValidString(want) {
			wire = []byte(packed(ws.OpText, true, string(data)))
		}
		for _, pieces := range [][][]byte{{bytes.Clone(wire)}, split(wire, seed), singles(wire)} {
			got, code := "", 0
			var fr transport.FrameReader
			to := &transport.Receiver{Message: func(_ bool, p []byte) { got = "message " + string(p) }}
			for _, p := range pieces {
				if code = fr.ReadDeflated(p, inflateLimit, true, to); code != 0 {
					break
				}
			}
			switch {
			case code == 0 && (fault != nil || got != "message "+want):
				t.Fatalf("got %q, want %q, %v", got, want, fault)
			case code == 1009 && (len(want) <= inflateLimit || got != ""):
				t.Fatalf("refused as too big, want %d bytes, %v", len(want), fault)
			case code == 1007 && (fault == nil && len(want) <= inflateLimit || got != ""):
				t.Fatalf("refused, want %q", want)
			case code != 0 && code != 1007 && code != 1009:
				t.Fatalf("code %d", code)
			}
		}
	})
}

// oracleInflate inflates by appending to the payload. Of what is over the limit only that is known.
func oracleInflate(data []byte) (string, error) {
	in := bytes.NewReader(append(bytes.Clone(data), "\x00\x00\xff\xff\x01\x00\x00\xff\xff"...))
	out, err := io.ReadAll(io.LimitReader(flate.NewReader(in), inflateLimit+1))
	if len(out) > inflateLimit {
		return string(out), nil
	}
	left := in.Len() - 9 // of the payload
	if err == nil && (left > 1 || left == 1 && data[len(data)-1] != 0) {
		err = errors.New("more behind the last block")
	}
	return string(out), err
}

func BenchmarkInflate(b *testing.B) {
	var fr transport.FrameReader
	wire := []byte(packed(ws.OpText, true, deflate(strings.Repeat("hello, world. ", 300))))
	buf := make([]byte, len(wire))
	to := &transport.Receiver{Message: func(bool, []byte) {}}
	b.SetBytes(4200)
	b.ReportAllocs()
	for b.Loop() {
		copy(buf, wire)
		fr.ReadDeflated(buf, 10_000, true, to)
	}
}
