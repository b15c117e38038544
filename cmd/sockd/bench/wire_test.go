package bench_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sockd/sockd/cmd/sockd/bench"
)

// serverFrame is a frame as the library that sockd uses writes it.
func serverFrame(op byte, payload string) []byte {
	b, _ := ws.CompileFrame(ws.NewFrame(ws.OpCode(op), true, []byte(payload)))
	return b
}

func TestFramesAreCountedInPlace(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536} {
		payload := strings.Repeat("a", n)
		stream := slices3(serverFrame(1, payload), serverFrame(9, "x"), serverFrame(1, payload))
		for _, cut := range []int{0, 1, 2} {
			count := 0
			used, err := bench.Frames(stream[:len(stream)-cut], func(op byte, p []byte) {
				if op == 1 && string(p) != payload {
					t.Errorf("%d bytes: got %d", n, len(p))
				}
				count++
			})
			whole := 3
			if cut > 0 {
				whole = 2
			}
			if err != nil || count != whole || cut == 0 && used != len(stream) {
				t.Errorf("%d bytes, %d cut off: got %d frames, %d of %d bytes, %v", n, cut, count, used, len(stream), err)
			}
		}
	}
}

func slices3(a, b, c []byte) []byte { return append(append(append([]byte(nil), a...), b...), c...) }

func TestFramesRefused(t *testing.T) {
	t.Parallel()
	huge := binary.BigEndian.AppendUint64([]byte{0x81, 127}, 1<<62)
	for name, p := range map[string][]byte{
		"a fragment": {0x01, 0x01, 'a'}, "compressed": {0xC1, 0x01, 'a'}, "masked": {0x81, 0x81, 0, 0, 0, 0, 'a'}, "too large": huge,
	} {
		if _, err := bench.Frames(p, func(byte, []byte) {}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(serverFrame(1, "42[\"bench\"]"))
	f.Add(serverFrame(1, strings.Repeat("x", 300)))
	f.Add(serverFrame(8, ""))
	f.Add([]byte{0x81, 126, 0})
	f.Add([]byte{0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, p []byte) {
		sum := 0
		used, err := bench.Frames(p, func(_ byte, payload []byte) { sum += len(payload) + 2 })
		if used > len(p) || sum > used {
			t.Errorf("used %d of %d bytes for frames of at least %d (%v)", used, len(p), sum, err)
		}
		half, _ := bench.Frames(p[:len(p)/2], func(byte, []byte) {})
		if half > used {
			t.Errorf("half of the bytes held frames of %d bytes, all of them %d", half, used)
		}
	})
}

func TestClientFramesAreMasked(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 125, 126, 65535, 65536} {
		payload := bytes.Repeat([]byte("a"), n)
		r := bytes.NewReader(bench.ClientFrame(1, payload))
		head, err := ws.ReadHeader(r)
		if err != nil || !head.Masked || !head.Fin || head.Length != int64(n) {
			t.Fatalf("%d bytes: %+v, %v", n, head, err)
		}
		got, _ := io.ReadAll(r)
		if ws.Cipher(got, head.Mask, 0); !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: got %d", n, len(got))
		}
	}
}

func TestResponses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in, body string
		status, size   int
		last, fault    bool
	}{
		{name: "nothing", in: ""},
		{name: "half a header", in: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"},
		{name: "half a body", in: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"},
		{name: "a body and more", in: "HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\nokHTTP", body: "ok", status: 200, size: 39},
		{name: "no body", in: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, size: 27},
		{name: "an upgrade with frames behind it", in: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n\x81\x00", status: 101, size: 57},
		{name: "the last one", in: "HTTP/1.0 400 Bad Request\r\nConnection: Close\r\n\r\n", status: 400, size: 47, last: true},
		{name: "chunked", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", fault: true},
		{name: "a wrong length", in: "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n", fault: true},
		{name: "not HTTP", in: "SSH-2.0-OpenSSH\r\n\r\n", fault: true},
		{name: "a header without end", in: "HTTP/1.1 200 OK\r\n" + strings.Repeat("a: b\r\n", 1<<14), fault: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, body, size, last, err := bench.Response([]byte(tt.in))
			if (err != nil) != tt.fault {
				t.Fatalf("got error %v", err)
			}
			if !tt.fault && (string(body) != tt.body || size != tt.size || size > 0 && (status != tt.status || last != tt.last)) {
				t.Errorf("got %d %q, %d bytes, last %v", status, body, size, last)
			}
		})
	}
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	f.Add([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 99999999999999999999\r\n\r\n"))
	f.Fuzz(func(t *testing.T, p []byte) {
		_, body, size, _, err := bench.Response(p)
		if err == nil && (size > len(p) || len(body) > size) {
			t.Errorf("body of %d in %d of %d bytes", len(body), size, len(p))
		}
	})
}
