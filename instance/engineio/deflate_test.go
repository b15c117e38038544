package engineio_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
)

// dialDeflate opens a websocket session with a window of 1<<bits bytes.
func (r *rig) dialDeflate(bits int) *enginetest.Conn {
	r.Helper()
	r.host.Deflate(bits)
	r.client.Header.Set("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
	defer r.client.Header.Del("Sec-WebSocket-Extensions")
	return r.dial()
}

func (r *rig) wantFrames(c *enginetest.Conn, want ...enginetest.Frame) {
	r.Helper()
	for _, w := range want {
		if f, err := c.Recv(); err != nil || f != w {
			r.Errorf("received %d bytes, text %v, deflated %v, %v; want %d, %v, %v", len(f.Data), f.Text, f.Deflated, err, len(w.Data), w.Text, w.Deflated)
		}
	}
}

func TestDeflatedMessages(t *testing.T) {
	small, large, binary := long(1023), long(1024), string(make([]byte, 1024))
	tooLarge, random := long(64<<10+1), string(noise(5000))
	plain := func(s string) enginetest.Frame { return enginetest.Frame{Text: true, Data: "4" + s} }
	short := func(s string) enginetest.Frame { return enginetest.Frame{Text: true, Deflated: true, Data: "4" + s} }
	for _, c := range []struct {
		name string
		bits int
		m    *engineio.Message
		want []enginetest.Frame
	}{
		{"from the threshold on", 15, text(large), []enginetest.Frame{short(large)}},
		{"not below", 15, text(small), []enginetest.Frame{plain(small)}},
		{"binary", 15, engineio.Binary([]byte(binary)), []enginetest.Frame{{Deflated: true, Data: binary}}},
		{"what does not shrink stays", 15, engineio.Binary([]byte(random)), []enginetest.Frame{{Data: random}}},
		{"64 KiB", 15, text(long(64 << 10)), []enginetest.Frame{short(long(64 << 10))}},
		{"over 64 KiB", 15, text(tooLarge), []enginetest.Frame{plain(tooLarge)}},
		{"a batch keeps the forms of its parts", 15, engineio.Batch(text(small), text(large), engineio.Batch(engineio.Binary([]byte(binary)), text("x"))),
			[]enginetest.Frame{plain(small), short(large), {Deflated: true, Data: binary}, plain("x")}},
		{"a batch of small messages stays", 15, engineio.Batch(text(small), text(small)), []enginetest.Frame{plain(small), plain(small)}},
		{"a large batch is compressed for 64 KiB", 15, engineio.Batch(text(long(40_000)), text(long(40_000)), text(long(20_000))),
			[]enginetest.Frame{short(long(40_000)), plain(long(40_000)), short(long(20_000))}},
		{"no negotiation", 0, text(large), []enginetest.Frame{plain(large)}},
		{"a window of 1 KiB", 10, text(large), []enginetest.Frame{short(large)}},
		{"over a window of 1 KiB", 10, text(long(1025)), []enginetest.Frame{plain(long(1025))}},
		{"one part over the window", 10, engineio.Batch(text(large), text(long(1025))), []enginetest.Frame{plain(large), plain(long(1025))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, engineio.Options{}, func(r *rig) {
				conn, other := r.dialDeflate(c.bits), r.dial()
				for range 2 { // the second time the form is there
					for i := range 2 {
						if err := r.session(i).socket.Send(c.m); err != nil {
							t.Fatal(err)
						}
					}
					r.wantFrames(conn, c.want...)
					for _, w := range c.want { // a client that did not ask for it
						w.Deflated = false
						r.wantFrames(other, w)
					}
				}
			})
		})
	}
}

func TestDeflateAfterAnUpgrade(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.host.Deflate(15)
		r.client.Header.Set("Sec-WebSocket-Extensions", "permessage-deflate")
		r.handshake()
		s := r.session(0).socket
		_ = s.Send(text(long(2000)))
		_ = s.Send(text("x"))
		c := r.upgrade()
		_ = s.Send(text(long(3000)))
		r.wantFrames(c, enginetest.Frame{Text: true, Deflated: true, Data: "4" + long(2000)}, enginetest.Frame{Text: true, Data: "4x"},
			enginetest.Frame{Text: true, Deflated: true, Data: "4" + long(3000)})
	})
}

func TestBase64OverAWebSocketIsNotDeflated(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.client.Query = "b64=1"
		c := r.dialDeflate(15)
		_ = r.session(0).socket.Send(text(long(2000)))
		r.wantFrames(c, enginetest.Frame{Text: true, Data: "4" + long(2000)})
	})
}

// taps is a host of websockets that inflate. It keeps the slices that were written.
type taps struct {
	sink
	mu    sync.Mutex
	wrote [][]byte
}

func (k *taps) Upgrade(w http.ResponseWriter, r *http.Request, frame func(bool, []byte), gone func(error)) (engineio.Conn, error) {
	_, _ = k.sink.Upgrade(w, r, frame, gone)
	return k, nil
}

func (k *taps) Deflate() int { return 15 }

func (k *taps) Write(p []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(p) > 200 {
		k.wrote = append(k.wrote, p)
	}
	return nil
}

func TestCompressedFrameIsMadeOnceAndShared(t *testing.T) {
	t.Parallel()
	k := new(taps)
	_, sockets := crowd(t, 50, k)
	part, other := text(strings.Repeat(string(noise(300)), 20)), text(strings.Repeat(string(noise(301)), 20))
	batches := []*engineio.Message{part, engineio.Batch(part, text("x")), engineio.Batch(other, part)}
	var all sync.WaitGroup
	for _, s := range sockets {
		all.Go(func() {
			for _, m := range batches {
				_ = s.Send(m)
			}
		})
	}
	all.Wait()
	different := map[*byte]int{}
	for _, p := range k.wrote {
		if p[0] != 0xc1 || len(p) > 2000 {
			t.Fatalf("%d bytes beginning with % x", len(p), p[:2])
		}
		different[&p[0]]++
	}
	if len(different) != len(batches) || len(k.wrote) != 50*len(batches) {
		t.Errorf("%d frames were made for %d messages, %d writes", len(different), len(batches), len(k.wrote))
	}
	own := engineio.Deflated(part, 1024, 15)
	if different[&own[0]] != 50 {
		t.Error("the part was compressed once more")
	}
	for _, b := range batches {
		if !bytes.Contains(engineio.Deflated(b, 1024, 15), own) {
			t.Error("a batch has not the form of its part")
		}
	}
}

// deflating is a sink whose clients inflate.
type deflating struct{ sink }

func (k *deflating) Upgrade(w http.ResponseWriter, r *http.Request, frame func(bool, []byte), gone func(error)) (engineio.Conn, error) {
	_, _ = k.sink.Upgrade(w, r, frame, gone)
	return k, nil
}

func (k *deflating) Deflate() int { return 15 }

func TestDeflateAllocations(t *testing.T) {
	_, sockets := crowd(t, 1, new(deflating))
	small, large := text("hello"), text(long(5000))
	if n := testing.AllocsPerRun(100, func() { _ = sockets[0].Send(small) }); n != 0 {
		t.Errorf("below the threshold: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { _ = sockets[0].Send(large) }); n != 0 {
		t.Errorf("with a form that is made: %v allocations", n)
	}
}

func BenchmarkSendDeflated(b *testing.B) {
	_, sockets := crowd(b, 1, new(deflating))
	for name, m := range map[string]*engineio.Message{"small": text(long(128)), "shared": text(long(4096))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = sockets[0].Send(m)
			}
		})
	}
}

// BenchmarkCompress makes a compressed frame, and an answer in gzip, of JSON.
func BenchmarkCompress(b *testing.B) {
	var json strings.Builder
	random := noise(1 << 16)
	for i := 0; json.Len() < 64<<10; i++ {
		fmt.Fprintf(&json, `{"id":%d,"user":"user-%d","text":"the quick brown fox","ok":true},`, random[i], random[i+1])
	}
	for _, n := range []int{1 << 10, 4 << 10, 16 << 10, 64 << 10} {
		p := []byte(json.String()[:n-1])
		b.Run("deflate/"+size(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				engineio.Deflated(engineio.Text(p), 1, 15)
			}
		})
		b.Run("gzip/"+size(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				engineio.Packed(engineio.Text(p))
			}
		})
	}
}

func size(n int) string { return fmt.Sprintf("%dKiB", n>>10) }

func BenchmarkBatch(b *testing.B) {
	for _, n := range []int{2, 4, 16} {
		parts := make([]*engineio.Message, n)
		for i := range parts {
			parts[i] = text(long(128))
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				engineio.Batch(parts...)
			}
		})
	}
}
