package engineio_test

import (
	"bytes"
	"compress/flate"
	stdgzip "compress/gzip"
	stdzlib "compress/zlib"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
)

// long is a message that compression pays for: with its type byte, n bytes.
func long(n int) string { return strings.Repeat("abcdefgh", n/8+1)[:n-1] }

// noise is bytes that cannot be compressed.
func noise(n int) []byte {
	p := make([]byte, n)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(p)
	return p
}

func TestAcceptEncoding(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"":                                       "identity",
		"gzip":                                   "gzip",
		"GZip":                                   "gzip",
		"x-gzip":                                 "gzip",
		"deflate":                                "deflate",
		"gzip, deflate, br, zstd":                "gzip",
		"deflate, gzip":                          "deflate",
		"br":                                     "identity",
		"br;q=1.0, gzip;q=0.5":                   "gzip",
		"gzip;q=0.5, deflate;q=0.8":              "deflate",
		"gzip;q=0.8,deflate;q=0.5":               "gzip",
		"gzip;q=0":                               "identity",
		"gzip;q=0, deflate":                      "deflate",
		"gzip;q=0.0, *":                          "deflate",
		"*":                                      "gzip",
		"*;q=0":                                  "identity",
		"*;q=0, deflate":                         "deflate",
		"identity":                               "identity",
		"identity, gzip;q=0.9":                   "identity",
		"identity;q=0.5, gzip":                   "gzip",
		"gzip; q=0.001":                          "gzip",
		"gzip ; Q=1.000 , deflate ; q=0.999":     "gzip",
		"gzip;q=1.001":                           "identity",
		"gzip;q=2":                               "identity",
		"gzip;q=-1":                              "identity",
		"gzip;q=x":                               "identity",
		"gzip;q=":                                "identity",
		"gzip;level=9":                           "identity",
		"gzip;q=0.5555":                          "identity",
		",,gzip,,":                               "gzip",
		"gzipped, deflated":                      "identity",
		"identity;q=0, *;q=0":                    "identity",
		"compress;q=0.5, gzip;q=1.0, deflate":    "gzip",
		"gzip;q=1, deflate;q=1, identity; q=0.5": "gzip",
	} {
		if got := engineio.Accepted([]string{header}); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
	if got := engineio.Accepted([]string{"br", "gzip;q=0.1", "deflate;q=0.2"}); got != "deflate" {
		t.Errorf("three fields: %s", got)
	}
}

// plain returns the body of an answer as it was before it was packed.
func plain(t *testing.T, a enginetest.Response) string {
	t.Helper()
	var r io.Reader = strings.NewReader(a.Body)
	var err error
	switch coding := a.Header.Get("Content-Encoding"); coding {
	case "":
		return a.Body
	case "gzip":
		r, err = stdgzip.NewReader(r)
	case "deflate":
		r, err = stdzlib.NewReader(r)
	default:
		t.Fatalf("content encoding %q", coding)
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}

func TestPollingCompression(t *testing.T) {
	incompressible := engineio.Text([]byte(strings.ToValidUTF8(string(noise(3000)), "")))
	for _, c := range []struct {
		name, accept string
		o            engineio.Options
		send         []*engineio.Message
		coding       string
		vary         string
	}{
		{"gzip", "gzip, deflate", engineio.Options{}, []*engineio.Message{text(long(1024))}, "gzip", "Accept-Encoding"},
		{"deflate is zlib", "deflate", engineio.Options{}, []*engineio.Message{text(long(1024))}, "deflate", "Accept-Encoding"},
		{"never br", "br", engineio.Options{}, []*engineio.Message{text(long(1024))}, "", "Accept-Encoding"},
		{"nothing accepted", "", engineio.Options{}, []*engineio.Message{text(long(1024))}, "", "Accept-Encoding"},
		{"one byte below the threshold", "gzip", engineio.Options{}, []*engineio.Message{text(long(1023))}, "", ""},
		{"another threshold", "gzip", engineio.Options{Threshold: 100}, []*engineio.Message{text(long(100))}, "gzip", "Accept-Encoding"},
		{"several messages reach it together", "gzip", engineio.Options{}, []*engineio.Message{text(long(600)), text(long(600))}, "gzip", "Accept-Encoding"},
		{"binary", "gzip", engineio.Options{}, []*engineio.Message{engineio.Binary(make([]byte, 2000))}, "gzip", "Accept-Encoding"},
		{"a batch", "gzip", engineio.Options{}, []*engineio.Message{engineio.Batch(text(long(900)), engineio.Binary(make([]byte, 900)))}, "gzip", "Accept-Encoding"},
		{"off", "gzip", engineio.Options{Uncompressed: true}, []*engineio.Message{text(long(1024))}, "", ""},
		{"64 KiB", "gzip", engineio.Options{}, []*engineio.Message{text(long(64 << 10))}, "gzip", "Accept-Encoding"},
		{"over 64 KiB", "gzip", engineio.Options{}, []*engineio.Message{text(long(64<<10 + 1))}, "", "Accept-Encoding"},
		{"what does not shrink", "gzip", engineio.Options{}, []*engineio.Message{incompressible}, "", "Accept-Encoding"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, parked := range []bool{false, true} {
				name := map[bool]string{false: "a poll that finds it", true: "a parked poll"}[parked]
				t.Run(name, func(t *testing.T) {
					bubble(t, c.o, func(r *rig) {
						if c.accept != "" {
							r.client.Header.Set("Accept-Encoding", c.accept)
						}
						r.handshake()
						send := c.send
						var poll *enginetest.Exchange
						if parked { // it is answered by the first message
							poll, send = r.client.Poll(), []*engineio.Message{engineio.Batch(send...)}
						}
						for _, m := range send {
							_ = r.session(0).socket.Send(m)
						}
						if !parked {
							poll = r.client.Poll()
						}
						answer := poll.Wait()
						want := string(engineio.Payload(engineio.Batch(c.send...)))
						if got := plain(t, answer); got != want {
							t.Errorf("%d bytes, want %d", len(got), len(want))
						}
						h := answer.Header
						if h.Get("Content-Encoding") != c.coding || h.Get("Vary") != c.vary {
							t.Errorf("headers %v, want %q and %q", h, c.coding, c.vary)
						}
						if c.coding != "" && len(answer.Body) >= len(want) {
							t.Errorf("%d bytes of %d", len(answer.Body), len(want))
						}
						if h.Get("Content-Type") != "text/plain; charset=UTF-8" || h.Get("Cache-Control") != "no-store" {
							t.Errorf("headers %v", h)
						}
					})
				})
			}
		})
	}
}

func TestCompressionKeepsTheOtherVary(t *testing.T) {
	for _, before := range [][]string{{"Origin"}, {"Origin", "X-Other"}} {
		t.Run(strings.Join(before, " and "), func(t *testing.T) {
			bubble(t, engineio.Options{}, func(r *rig) {
				r.host.Serve(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					w.Header()["Vary"] = before
					r.server.ServeHTTP(w, q)
				}))
				r.client.Header.Set("Accept-Encoding", "gzip")
				r.handshake()
				want := strings.Join(before, ", ") + ", Accept-Encoding"
				poll := r.client.Poll()
				for range 2 {
					_ = r.session(0).socket.Send(text(long(2000)))
					if h := poll.Wait().Header; h.Get("Vary") != want || len(h["Vary"]) != 1 || h.Get("Content-Encoding") != "gzip" {
						t.Errorf("headers %v", h)
					}
					_ = r.session(0).socket.Send(text(long(2000)))
					poll = r.client.Poll() // this one finds something
				}
			})
		})
	}
}

func TestLongHandshakeIsCompressed(t *testing.T) {
	bubble(t, engineio.Options{Threshold: 50, NewID: func() string { return strings.Repeat("a", 100) }}, func(r *rig) {
		r.client.Header.Set("Accept-Encoding", "gzip")
		answer := r.client.Get()
		if o, err := enginetest.ParseOpen(plain(t, answer)); err != nil || answer.Header.Get("Content-Encoding") != "gzip" || len(o.SID) != 100 {
			t.Errorf("%+v, %v, headers %v", o, err, answer.Header)
		}
	})
}

func TestErrorsAndPostsAreNotCompressed(t *testing.T) {
	bubble(t, engineio.Options{Threshold: 1}, func(r *rig) {
		r.client.Header.Set("Accept-Encoding", "gzip")
		r.want(r.client.Do("GET", "EIO=3&transport=polling", nil, nil).Wait(), 400, `{"code":5,"message":"Unsupported protocol version"}`)
		c := r.dial()
		_ = c
		r.client.SID = r.session(0).socket.ID()
		r.want(r.client.Post("4a"), 400, badRequest)
	})
}

func TestPostedBodiesAreNeverDecompressed(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		h := http.Header{"Content-Type": {"text/plain;charset=UTF-8"}, "Content-Encoding": {"gzip"}}
		r.want(r.client.Do("POST", "EIO=4&transport=polling&sid="+r.client.SID, h, []byte("4as it is")).Wait(), 200, "ok")
		if got := r.session(0).messages(); len(got) != 1 || got[0] != "as it is" {
			t.Errorf("messages %q", got)
		}
		var b bytes.Buffer
		z := stdgzip.NewWriter(&b)
		_, _ = z.Write([]byte("4hidden"))
		_ = z.Close()
		r.want(r.client.Do("POST", "EIO=4&transport=polling&sid="+r.client.SID, h, b.Bytes()).Wait(), 200, "ok")
		r.wantEnd(engineio.ParseError)
	})
}

func TestOneMessageIsPackedOnce(t *testing.T) {
	t.Parallel()
	m := text(long(2000))
	a, b := engineio.Packed(m), engineio.Packed(m)
	if &a[0] != &b[0] {
		t.Error("packed twice")
	}
}

func TestCookie(t *testing.T) {
	bubble(t, engineio.Options{Cookie: "io"}, func(r *rig) {
		answer := r.client.Get()
		o, err := enginetest.ParseOpen(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.Header["Set-Cookie"]; len(got) != 1 || got[0] != "io="+o.SID+"; Path=/; HttpOnly; SameSite=Lax" {
			t.Errorf("Set-Cookie %q", got)
		}
		r.client.SID = o.SID
		later := []enginetest.Response{r.client.Post("4a"), r.client.Get(), r.client.Do("GET", "EIO=4&transport=polling&sid=x", nil, nil).Wait()}
		poll := r.client.Poll()
		r.client.Post("4b")
		for i, answer := range append(later, poll.Wait()) {
			if got := answer.Header["Set-Cookie"]; got != nil {
				t.Errorf("answer %d: Set-Cookie %q", i, got)
			}
		}
		e := r.client.Do("GET", "EIO=4&transport=websocket", http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
		}, nil).Wait()
		if got := e.Header["Set-Cookie"]; e.Status != 101 || got != nil {
			t.Errorf("websocket handshake: %d, Set-Cookie %q", e.Status, got)
		}
	})
	t.Run("none unless asked for", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			if got := r.client.Get().Header["Set-Cookie"]; got != nil {
				t.Errorf("Set-Cookie %q", got)
			}
		})
	})
}

func TestFirstSubprotocolIsEchoed(t *testing.T) {
	for offer, want := range map[string]string{"": "", "chat": "chat", "v2.chat, chat": "v2.chat"} {
		t.Run(offer, func(t *testing.T) {
			bubble(t, engineio.Options{}, func(r *rig) {
				h := http.Header{
					"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
				}
				if offer != "" {
					h.Set("Sec-WebSocket-Protocol", offer)
				}
				r.handshake()
				for _, query := range []string{"EIO=4&transport=websocket", "EIO=4&transport=websocket&sid=" + r.client.SID} {
					if e := r.client.Do("GET", query, h, nil).Wait(); e.Status != 101 || e.Header.Get("Sec-WebSocket-Protocol") != want {
						t.Errorf("%d, %v", e.Status, e.Header)
					}
				}
			})
		})
	}
}

// FuzzAcceptEncoding reads any header and never chooses what the client did not name.
func FuzzAcceptEncoding(f *testing.F) {
	for _, seed := range []string{"", "gzip, deflate, br", "gzip;q=0.5, *;q=0", "identity;q=1, *", "gzip;q=1.0000", "a;q=\"0,5\", deflate"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got := engineio.Accepted([]string{header})
		lower := strings.ToLower(header)
		if got != "identity" && !strings.Contains(lower, got) && !strings.Contains(lower, "*") {
			t.Errorf("%q: %s", header, got)
		}
	})
}

// FuzzDeflate compresses anything and inflates it again.
func FuzzDeflate(f *testing.F) {
	f.Add([]byte(long(500)), []byte{1, 2, 3})
	f.Add([]byte{}, noise(1000))
	f.Add(make([]byte, 70_000), make([]byte, 126))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		m := engineio.Batch(engineio.Binary(a), engineio.Binary(b), engineio.Binary(a))
		wire := engineio.Deflated(m, 1, 15)
		if len(wire) > m.Len() {
			t.Errorf("%d bytes became %d", m.Len(), len(wire))
		}
		for i, want := range [][]byte{a, b, a} {
			var got []byte
			if got, wire = next(t, wire); !bytes.Equal(got, want) {
				t.Errorf("part %d: %d bytes, want %d", i, len(got), len(want))
			}
		}
		if len(wire) > 0 {
			t.Errorf("%d bytes more", len(wire))
		}
	})
}

// next takes one frame off wire, by other means than the code under test, and inflates it.
func next(t *testing.T, wire []byte) (payload, rest []byte) {
	t.Helper()
	if len(wire) < 2 {
		t.Fatalf("% x is no frame", wire)
	}
	n, at := int(wire[1]), 2
	for extra := map[int]int{126: 2, 127: 8}[n]; extra > 0; extra-- {
		if at == 2 {
			n = 0
		}
		n, at = n<<8|int(wire[at]), at+1
	}
	payload = wire[at : at+n]
	if wire[0]&0x40 != 0 {
		var err error
		tail := strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")
		if payload, err = io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(payload), tail))); err != nil {
			t.Fatal(err)
		}
	}
	return payload, wire[at+n:]
}
