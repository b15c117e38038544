package transport_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/transport"
)

func TestKeepAlive(t *testing.T) {
	t.Parallel()
	r := echoRig(t, transport.Options{})
	for _, tt := range []struct {
		name, version, connection string
		keep                      bool
		says                      string // Connection of the answer
	}{
		{"1.1", "1.1", "", true, ""},
		{"1.1 close", "1.1", "close", false, "close"},
		{"1.1 close in a list", "1.1", "x, Close", false, "close"},
		{"1.0", "1.0", "", false, "close"},
		{"1.0 keep-alive", "1.0", "Keep-Alive", true, "keep-alive"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := r.on(t).dial()
			request := "GET / HTTP/" + tt.version + "\r\nHost: a\r\n"
			if tt.connection != "" {
				request += "Connection: " + tt.connection + "\r\n"
			}
			c.send(request + "\r\n")
			resp := c.want(200, "GET / ")
			// ReadResponse takes "close" out of the header and sets Close instead.
			if tt.says == "keep-alive" && resp.Header.Get("Connection") != tt.says || (tt.says == "close") != resp.Close {
				t.Errorf("Connection: %q, close %v", resp.Header.Get("Connection"), resp.Close)
			}
			if !tt.keep {
				c.wantEnd()
				return
			}
			c.send(get11 + "\r\n")
			c.want(200, "GET / ")
		})
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	t.Parallel()
	r := echoRig(t, transport.Options{})
	c := r.on(t).dial()
	var all strings.Builder
	const n = 500
	for i := range n {
		all.WriteString("POST /" + strconv.Itoa(i) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
	}
	c.send(all.String())
	for i := range n {
		c.want(200, "POST /"+strconv.Itoa(i)+" x")
	}
}

func TestResponse(t *testing.T) {
	t.Parallel()
	var serve func(http.ResponseWriter, *http.Request)
	r := newRig(t, transport.Options{}, func(_ *rig, w http.ResponseWriter, r *http.Request) { serve(w, r) })
	ask := func(t *testing.T, method string, h func(http.ResponseWriter, *http.Request)) (*http.Response, string) {
		serve = h
		c := r.on(t).dial()
		c.send(method + " / HTTP/1.1\r\nHost: a\r\n\r\n")
		resp, body := c.answer(method)
		c.send(get11 + "\r\n") // the framing of the first answer was right
		if _, err := http.ReadResponse(c.in, nil); err != nil {
			t.Fatal("second answer:", err)
		}
		return resp, body
	}
	t.Run("nothing written", func(t *testing.T) {
		resp, body := ask(t, "GET", func(http.ResponseWriter, *http.Request) {})
		if resp.StatusCode != 200 || body != "" || resp.ContentLength != 0 {
			t.Errorf("got %d %q, length %d", resp.StatusCode, body, resp.ContentLength)
		}
	})
	t.Run("length, date and type are always there", func(t *testing.T) {
		resp, _ := ask(t, "GET", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") })
		if resp.ContentLength != 6 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			t.Errorf("header %v", resp.Header)
		}
		if d, err := http.ParseTime(resp.Header.Get("Date")); err != nil || time.Since(d).Abs() > time.Minute {
			t.Errorf("date %q", resp.Header.Get("Date"))
		}
	})
	t.Run("a wrong length of the handler is not sent", func(t *testing.T) {
		resp, body := ask(t, "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Header().Set("Transfer-Encoding", "chunked")
			io.WriteString(w, "hello")
		})
		if body != "hello" || resp.ContentLength != 5 {
			t.Errorf("got %q, length %d", body, resp.ContentLength)
		}
	})
	t.Run("HEAD has the length and no body", func(t *testing.T) {
		resp, body := ask(t, "HEAD", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
		if body != "" || resp.ContentLength != 5 {
			t.Errorf("got %q, length %d", body, resp.ContentLength)
		}
	})
	t.Run("HEAD with a length that the handler knows", func(t *testing.T) {
		resp, _ := ask(t, "HEAD", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "77") })
		if resp.ContentLength != 77 {
			t.Errorf("length %d", resp.ContentLength)
		}
	})
	for _, status := range []int{204, 304} {
		t.Run(strconv.Itoa(status)+" has no body", func(t *testing.T) {
			resp, body := ask(t, "GET", func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				io.WriteString(w, "hello")
			})
			if resp.StatusCode != status || body != "" || resp.Header.Get("Content-Length") != "" {
				t.Errorf("got %d %q %v", resp.StatusCode, body, resp.Header)
			}
		})
	}
	t.Run("the header is the one at WriteHeader", func(t *testing.T) {
		resp, _ := ask(t, "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-A", "1")
			w.WriteHeader(100)
			w.WriteHeader(201)
			w.WriteHeader(202)
			w.Header().Set("X-A", "2")
		})
		if resp.StatusCode != 201 || resp.Header.Get("X-A") != "1" {
			t.Errorf("got %d %v", resp.StatusCode, resp.Header)
		}
	})
	t.Run("values cannot make lines", func(t *testing.T) {
		resp, _ := ask(t, "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["X-A"] = []string{"a\r\nSet-Cookie: b", "c\x00d"}
			w.Header()["X-B\r\nX-C"] = []string{"y"}
			w.Header()["X D"] = []string{"y"}
		})
		if got := resp.Header.Values("X-A"); len(got) != 2 || got[0] != "a  Set-Cookie: b" || got[1] != "c d" {
			t.Errorf("values %q", got)
		}
		if resp.Header.Get("Set-Cookie") != "" || resp.Header.Get("X-C") != "" || len(resp.Header) != 3 {
			t.Errorf("header %v", resp.Header)
		}
	})
	t.Run("the handler closes", func(t *testing.T) {
		serve = func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") }
		c := r.on(t).dial()
		c.send(get11 + "\r\n")
		if resp := c.want(200, ""); !resp.Close {
			t.Error("no Connection: close")
		}
		c.wantEnd()
	})
	t.Run("a large body before a close arrives whole at a slow reader", func(t *testing.T) {
		const size = 20 << 20
		serve = func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, size)) }
		c := r.on(t).dial()
		c.SetReadBuffer(32 << 10)
		c.send("GET / HTTP/1.0\r\n\r\n")
		if resp, body := c.answer("GET"); len(body) != size || !resp.Close {
			t.Fatalf("got %d bytes, close %v", len(body), resp.Close)
		}
		c.wantEnd()
	})
}

func TestRequestFields(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 1)
	r := newRig(t, transport.Options{}, func(_ *rig, w http.ResponseWriter, r *http.Request) { seen <- r })
	c := r.on(t).dial()
	c.send("POST /a?b=c HTTP/1.1\r\nHost: example.com:80\r\nX-Y: z\r\nTrailer: T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nT: u\r\n\r\n")
	c.wantStatus(200)
	got := get(t, seen)
	if got.Host != "example.com:80" || got.RemoteAddr != c.LocalAddr().String() || got.RequestURI != "/a?b=c" || got.Header.Get("X-Y") != "z" ||
		got.ContentLength != 2 || got.TransferEncoding != nil || got.Trailer != nil {
		t.Errorf("request %+v", got)
	}
}

func TestContinue(t *testing.T) {
	t.Parallel()
	r := echoRig(t, transport.Options{})
	const head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
	t.Run("asked for", func(t *testing.T) {
		c := r.on(t).dial()
		c.send(head + "Content-Length: 5\r\n\r\n")
		if resp, _ := c.answer("POST"); resp.StatusCode != 100 {
			t.Fatalf("answer %d, want 100", resp.StatusCode)
		}
		c.send("hello")
		c.want(200, "POST / hello")
	})
	t.Run("the body is there already", func(t *testing.T) {
		c := r.on(t).dial()
		c.send(head + "Content-Length: 5\r\n\r\nhello")
		c.want(200, "POST / hello")
	})
	t.Run("no body", func(t *testing.T) {
		c := r.on(t).dial()
		c.send(head + "\r\n")
		c.want(200, "POST / ")
	})
	t.Run("too large is refused instead", func(t *testing.T) {
		c := r.on(t).dial()
		c.send(head + "Content-Length: 9999999\r\n\r\n")
		c.wantStatus(413)
		c.wantEnd()
	})
	t.Run("1.0 is not told", func(t *testing.T) {
		c := r.on(t).dial()
		c.send("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
		c.send("hello")
		c.want(200, "POST / hello")
	})
}

// TestErrorAnswerIsNotLost sends far more than the server reads: the answer must arrive before the connection is reset.
func TestErrorAnswerIsNotLost(t *testing.T) {
	t.Parallel()
	r := echoRig(t, transport.Options{})
	c := r.on(t).dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n" + strings.Repeat("x", 200<<10))
	c.want(413, "")
	c.wantEnd()
	if r.refused(transport.RefusedBodySize) != 1 {
		t.Errorf("refused %v", r.Stats().Refused)
	}
}

func TestEndlessSenderIsCutAfterARefusal(t *testing.T) {
	t.Parallel()
	r := echoRig(t, transport.Options{})
	c := r.on(t).dial()
	c.send("BAD\r\n\r\n")
	go func() { // until the connection is closed, here or there
		for junk := make([]byte, 64<<10); ; {
			if _, err := c.Write(junk); err != nil {
				return
			}
		}
	}()
	until(t, "connection gone", func() bool { return r.refused(transport.RefusedMalformed) == 1 && r.Len() == 0 })
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	const short = 50 * time.Millisecond
	t.Run("nothing is sent", func(t *testing.T) {
		t.Parallel()
		c := echoRig(t, transport.Options{HeadTimeout: short}).dial()
		c.wantEnd()
	})
	t.Run("half a header", func(t *testing.T) {
		t.Parallel()
		r := echoRig(t, transport.Options{HeadTimeout: short})
		c := r.on(t).dial()
		c.send(get11)
		c.wantStatus(408)
		c.wantEnd()
		if r.refused(transport.RefusedHeadTimeout) != 1 {
			t.Errorf("refused %v", r.Stats().Refused)
		}
	})
	t.Run("a header that drips", func(t *testing.T) {
		t.Parallel()
		r := echoRig(t, transport.Options{HeadTimeout: 4 * short})
		c := r.on(t).dial()
		c.send(get11 + "X: ")
		drip := time.NewTicker(short / 5)
		defer drip.Stop()
		for range drip.C {
			if _, err := io.WriteString(c, "x"); err != nil {
				return
			}
			if r.refused(transport.RefusedHeadTimeout) == 1 {
				return
			}
		}
	})
	t.Run("half a body", func(t *testing.T) {
		t.Parallel()
		r := echoRig(t, transport.Options{BodyTimeout: short})
		c := r.on(t).dial()
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
		c.wantStatus(408)
		c.wantEnd()
		if r.refused(transport.RefusedBodyTimeout) != 1 {
			t.Errorf("refused %v", r.Stats().Refused)
		}
	})
	t.Run("idle after a request", func(t *testing.T) {
		t.Parallel()
		r := echoRig(t, transport.Options{IdleTimeout: short})
		c := r.on(t).dial()
		c.send(get11 + "\r\n")
		c.want(200, "GET / ")
		c.wantEnd()
	})
	t.Run("neither a parked request nor a websocket is idle", func(t *testing.T) {
		t.Parallel()
		r := newParkRig(t, transport.Options{IdleTimeout: short, HeadTimeout: short, BodyTimeout: short})
		c, d := r.on(t).dial(), r.dial()
		c.send("GET /park HTTP/1.1\r\nHost: a\r\n\r\n")
		p := get(t, r.parked)
		d.upgrade("")
		r.on(t).dial().wantEnd() // this one is idle
		r.on(t).dial().wantEnd()
		if err := p.reply(200, nil, []byte("late")); err != nil {
			t.Fatal(err)
		}
		c.want(200, "late")
		d.send(masked(1, true, "hi"))
		d.wantFrame(1, "hi")
	})
}

func TestPanicEndsOneConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t, transport.Options{}, func(r *rig, w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/panic":
			panic("oh no")
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/parked":
			r.Park(w, req, func(error) { panic("gone too") })
			panic("oh no")
		}
		echo(w, req)
	})
	other := r.on(t).dial()
	other.send(get11 + "\r\n")
	other.want(200, "GET / ")
	c := r.on(t).dial()
	c.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n")
	c.wantStatus(500)
	c.wantEnd()
	for _, path := range []string{"/abort", "/parked"} {
		c := r.on(t).dial()
		c.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
		c.wantGone()
	}
	other.send(get11 + "\r\n")
	other.want(200, "GET / ")
	until(t, "four panics counted", func() bool { return r.Stats().Panics == 4 })
	if !r.log.contains("oh no") || !r.log.contains("http_test.go") {
		t.Error("panic was not logged with its stack")
	}
}

func TestNoHandler(t *testing.T) {
	t.Parallel()
	l := startLoops(t, 1)
	s := transport.New(l, transport.Options{})
	r := &rig{Server: s, t: t, addr: acceptOn(t, s).Addr().String()}
	for _, request := range []string{get11 + "\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"} {
		c := r.on(t).dial()
		c.send(request)
		c.wantStatus(503)
		c.wantEnd()
	}
}

func TestClientThatAsksAndNeverReads(t *testing.T) {
	t.Parallel()
	r := newRig(t, transport.Options{MaxBuffered: 256 << 10}, func(_ *rig, w http.ResponseWriter, _ *http.Request) {
		w.Write(make([]byte, 64<<10))
	})
	c := r.on(t).dial()
	for {
		if _, err := io.WriteString(c, get11+"\r\n"); err != nil {
			break
		}
		if r.refused(transport.RefusedSlow) == 1 {
			break
		}
	}
	until(t, "connection gone", func() bool { return r.Len() == 0 })
	if r.refused(transport.RefusedSlow) != 1 {
		t.Errorf("refused %v", r.Stats().Refused)
	}
}

// TestHalfClose: an answer that is given at once reaches a client that has shut down writing.
func TestHalfClose(t *testing.T) {
	t.Parallel()
	r := echoRig(t, transport.Options{})
	c := r.on(t).dial()
	c.send(get11 + "\r\n")
	c.CloseWrite()
	c.want(200, "GET / ")
	c.wantEnd()
}
