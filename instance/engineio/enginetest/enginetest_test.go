package enginetest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
)

// echo sends everything back.
type echo struct{ socket *engineio.Socket }

func (e echo) Message(p []byte, binary bool) { _ = e.socket.Send(engineio.Text(p)) }
func (e echo) Close(engineio.Reason)         {}

func Example() {
	host := enginetest.NewHost()
	host.Serve(engineio.NewServer(func(s *engineio.Socket) engineio.Session { return echo{s} }, host, engineio.Options{}))
	client := host.Client()
	open, _ := client.Handshake()
	fmt.Println(open.Upgrades)
	client.Post("4hello")
	fmt.Println(client.Get().Body)
	conn, _ := client.Upgrade()
	_ = conn.Send("4hello again")
	frame, _ := conn.Recv()
	fmt.Println(frame.Data)
	// Output:
	// [websocket]
	// 4hello
	// 4hello again
}

// wire is a handler that opens a websocket and keeps what the host gave it.
type wire struct {
	host *enginetest.Host
	conn engineio.Conn
	got  [][]byte
	gone chan error
}

func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.conn, _ = w.host.Upgrade(rw, r, func(_ bool, p []byte) { w.got = append(w.got, p) }, func(err error) { w.gone <- err })
}

func dial(t *testing.T) (*wire, *enginetest.Conn) {
	t.Helper()
	w := &wire{host: enginetest.NewHost(), gone: make(chan error, 1)}
	w.host.Serve(w)
	c, err := w.host.Client().Dial()
	if err != nil {
		t.Fatal(err)
	}
	return w, c
}

func TestFramesAreChecked(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]string{
		"cut off in the header":  "\x81",
		"cut off in the length":  "\x81\x7e\x01",
		"cut off in the payload": "\x81\x02a",
		"masked":                 "\x81\x81\x00\x00\x00\x00a",
		"not minimal, 16 bits":   "\x81\x7e\x00\x01a",
		"not minimal, 64 bits":   "\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x01a",
		"a fragment":             "\x01\x01a",
		"a control frame":        "\x89\x00",
		"a reserved bit":         "\xc1\x01a",
		"not UTF-8":              "\x81\x01\xff",
		"behind a good one":      "\x81\x01a\x81",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, c := dial(t)
			if err := w.conn.Write([]byte(bad)); err == nil || w.host.Err() == nil {
				t.Errorf("%x passed", bad)
			}
			if f, err := c.Recv(); err == nil {
				t.Errorf("received %q", f.Data)
			}
		})
	}
}

func TestCompressedFramesAreChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ wire, want string }{
		"a good one":        {"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello"},
		"no stream":         {"\xc1\x03\xff\xff\xff", ""},
		"with RSV2":         {"\xe1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", ""},
		"over the window":   {"\xc2\x08\x4a\x4c\x1c\x05\xc4\x02\x00\x00", ""},
		"as it always came": {"\x81\x05Hello", "Hello"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &wire{host: enginetest.NewHost(), gone: make(chan error, 1)}
			w.host.Serve(w)
			w.host.Deflate(8)
			client := w.host.Client()
			client.Header.Set("Sec-WebSocket-Extensions", "permessage-deflate")
			conn, err := client.Dial()
			if err != nil {
				t.Fatal(err)
			}
			err = w.conn.Write([]byte(c.wire))
			f, _ := conn.Recv()
			if f.Data != c.want || (err == nil) != (c.want != "") || (w.host.Err() == nil) != (c.want != "") {
				t.Errorf("received %q, %v, %v", f.Data, err, w.host.Err())
			}
		})
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	w, c := dial(t)
	c.Hold()
	for range 2 {
		if err := w.conn.Write([]byte("\x81\x01a\x82\x00")); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.conn.Buffered(); got != 10 || c.Pending() != 0 {
		t.Errorf("%d bytes buffered, %d messages pending", got, c.Pending())
	}
	_ = w.conn.Close(0)
	if err := w.conn.Write([]byte("\x82\x00")); err != engineio.ErrClosed {
		t.Errorf("write after close: %v", err)
	}
	c.Release()
	if c.Pending() != 4 || w.conn.Buffered() != 0 {
		t.Errorf("%d messages after the release", c.Pending())
	}
	if err := <-w.gone; err != nil {
		t.Errorf("gone with %v", err)
	}
	for range 4 {
		_, _ = c.Recv()
	}
	var closed *enginetest.CloseError
	if _, err := c.Recv(); !errors.As(err, &closed) || closed.Code != 1005 {
		t.Errorf("at the end: %v", err)
	}
	if n := w.host.Open(); n != 0 {
		t.Errorf("%d open", n)
	}
}

func TestClosedWhileHeldEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, c := dial(t)
		c.Hold()
		_ = w.conn.Write([]byte("\x81\x01a"))
		_ = w.conn.Close(1009)
		start := time.Now()
		<-w.gone
		if got := time.Since(start); got != 5*time.Second {
			t.Errorf("gone after %v", got)
		}
	})
}

func TestDropAndBorrowedBytes(t *testing.T) {
	t.Parallel()
	w, c := dial(t)
	_ = c.Send("hello")
	if got := string(w.got[0]); strings.Contains(got, "hello") {
		t.Errorf("bytes %q are still there after the call", got)
	}
	c.Drop(nil)
	if err := <-w.gone; err != io.ErrUnexpectedEOF {
		t.Errorf("gone with %v", err)
	}
	if err := c.Send("x"); err == nil {
		t.Error("send after the end")
	}
}

func TestPark(t *testing.T) {
	t.Parallel()
	host := enginetest.NewHost()
	var reply engineio.Reply
	gone := make(chan error, 1)
	host.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("A", "of the handler")
		w.Header().Set("B", "of the handler")
		reply, _ = host.Park(w, r, func(err error) { gone <- err })
	}))
	e := host.Client().Poll()
	if e.Answered() || host.Open() != 1 {
		t.Error("not parked")
	}
	if err := reply(201, http.Header{"B": {"of the reply"}}, []byte("x")); err != nil {
		t.Error(err)
	}
	got := e.Wait()
	if got.Status != 201 || got.Body != "x" || got.Header.Get("A") != "of the handler" || got.Header.Get("B") != "of the reply" {
		t.Errorf("answer %+v", got)
	}
	e.Abort()
	e = host.Client().Poll()
	e.Abort()
	<-gone
	if err := reply(200, nil, nil); err != engineio.ErrClosed || host.Open() != 0 || host.Err() != nil {
		t.Errorf("late reply: %v", err)
	}
	if got := e.Wait(); got.Status != 0 {
		t.Errorf("answer %+v after an abort", got)
	}
}

func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := dial(t)
		if _, err := c.Recv(); err == nil {
			t.Error("received something")
		}
	})
}
