package socketio_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
	"github.com/sockd/sockd/instance/socketio"
)

// plainRig is a server for plain Engine.IO whose "/" has this handler.
func plainRig(t *testing.T, h socketio.Handler) (*socketio.Server, *enginetest.Host) {
	t.Helper()
	io := socketio.NewServer(socketio.Options{Parser: socketio.Raw})
	io.Of("/").Handle(h)
	host := enginetest.NewHost()
	host.Serve(engineio.NewServer(io.Accept, host, engineio.Options{}))
	return io, host
}

// plainDial opens a websocket and reads the open packet.
func plainDial(t *testing.T, host *enginetest.Host) *enginetest.Conn {
	t.Helper()
	c, err := host.Client().Dial()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Recv(); err != nil {
		t.Fatal(err)
	}
	return c
}

func wantFrame(t *testing.T, c *enginetest.Conn, text bool, data string) {
	t.Helper()
	f, err := c.Recv()
	if err != nil || f.Text != text || f.Data != data {
		t.Fatalf("got %v %q, %v; want %v %q", f.Text, f.Data, err, text, data)
	}
}

func TestRawEventsAreMessages(t *testing.T) {
	t.Parallel()
	var mux socketio.Mux
	seen := make(chan string, 10)
	mux.On("message", func(s *socketio.Socket, e *socketio.Event) {
		seen <- string(e.Payload)
		if e.WantsAck() || len(e.Args()) != 1 {
			t.Errorf("event %s", e.Payload)
		}
		p, err := s.Namespace().Relay(e, "other")
		if err != nil {
			t.Error(err)
		}
		_ = s.Send(p)
		values, err := e.Values()
		if err != nil {
			t.Error(err)
		}
		_ = s.Emit("again", values...)
	})
	_, host := plainRig(t, &mux)
	c := plainDial(t, host)
	texts := []struct{ sent, payload string }{
		{"hello", `["message","hello"]`},
		{"", `["message",""]`},
		{"a \"quoted\" \\ line\nß\u2028\x00", `["message","a \"quoted\" \\ line\nß` + "\u2028" + `\u0000"]`},
		{`42["x",{"_placeholder":true,"num":0}]`, `["message","42[\"x\",{\"_placeholder\":true,\"num\":0}]"]`},
	}
	for _, tt := range texts {
		_ = c.Send("4" + tt.sent)
		wantFrame(t, c, true, "4"+tt.sent)
		wantFrame(t, c, true, "4"+tt.sent)
		if got := <-seen; got != tt.payload {
			t.Errorf("%q came as %s", tt.sent, got)
		}
	}
	for _, b := range []string{"\x00\x01\xff", ""} {
		_ = c.SendBinary(b)
		wantFrame(t, c, false, b)
		wantFrame(t, c, false, b)
		<-seen
	}
}

func TestRawEmitTakesTheFirstArgument(t *testing.T) {
	t.Parallel()
	io, host := plainRig(t, new(socketio.Mux))
	c := plainDial(t, host)
	ns := io.Of("/")
	type blob struct{ Data []byte }
	tests := []struct {
		args []any
		text bool
		want string
	}{
		{[]any{"text", 2}, true, "4text"},
		{[]any{"broken \xff"}, true, "4broken \ufffd"},
		{[]any{[]byte{1, 2}}, false, "\x01\x02"},
		{[]any{json.RawMessage(`"a\u0041"`)}, true, "4aA"},
		{[]any{map[string]int{"a": 1}}, true, `4{"a":1}`},
		{[]any{7}, true, "47"},
		{[]any{nil}, true, "4null"},
		{[]any{json.RawMessage(` [1, 2]`)}, true, "4[1, 2]"},
		{[]any{blob{[]byte("x")}}, true, `4{"Data":{"_placeholder":true,"num":0}}`},
	}
	for _, tt := range tests {
		if err := ns.Emit(socketio.Selector{}, "any", tt.args...); err != nil {
			t.Fatal(err)
		}
		wantFrame(t, c, tt.text, tt.want)
	}
	if err := ns.Emit(socketio.Selector{}, "any"); err == nil {
		t.Error("an event without arguments was sent")
	}
	if _, err := ns.Prepare("any", func(*socketio.Socket, []json.RawMessage, [][]byte) {}, "x"); err == nil {
		t.Error("an acknowledgement was asked for")
	}
}

func TestRawOverPolling(t *testing.T) {
	t.Parallel()
	var mux socketio.Mux
	mux.On("message", func(s *socketio.Socket, e *socketio.Event) {
		p, _ := s.Namespace().Relay(e, "")
		_ = s.Send(p)
	})
	_, host := plainRig(t, &mux)
	c := host.Client()
	if _, err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if r := c.Post("4hello\x1ebAQIDBA=="); r.Status != 200 {
		t.Fatalf("POST: %d", r.Status)
	}
	if r := c.Get(); string(r.Body) != "4hello\x1ebAQIDBA==" {
		t.Errorf("GET: %q", r.Body)
	}
}

// refusing lets nobody in.
type refusing struct{ socketio.Mux }

func (*refusing) Connect(*socketio.Socket, json.RawMessage) error { return errors.New("no") }

func TestRawConnectionsEndWithTheirSocket(t *testing.T) {
	t.Parallel()
	io, host := plainRig(t, new(socketio.Mux))
	c := plainDial(t, host)
	io.Remove("/")
	var end *enginetest.CloseError
	if _, err := c.Recv(); !errors.As(err, &end) {
		t.Errorf("put out: %v", err)
	}
	d := plainDial(t, host) // there is no "/" any more
	if _, err := d.Recv(); !errors.As(err, &end) {
		t.Errorf("nothing to be in: %v", err)
	}
	_, host = plainRig(t, new(refusing))
	e := plainDial(t, host)
	if _, err := e.Recv(); !errors.As(err, &end) {
		t.Errorf("refused: %v", err)
	}
}

// What is relayed is what came, text or bytes.
func FuzzRaw(f *testing.F) {
	for _, s := range []string{"", "hello", "\"", `\u0041`, "\u2028", "\x00\x1e", `{"_placeholder":true,"num":0}`, "ß𝄞"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	var mux socketio.Mux
	mux.On("message", func(s *socketio.Socket, e *socketio.Event) {
		p, err := s.Namespace().Relay(e, "")
		if err == nil {
			err = s.Send(p)
		}
		if err != nil {
			panic(err)
		}
	})
	io := socketio.NewServer(socketio.Options{Parser: socketio.Raw})
	io.Of("/").Handle(&mux)
	host := enginetest.NewHost()
	host.Serve(engineio.NewServer(io.Accept, host, engineio.Options{}))
	f.Fuzz(func(t *testing.T, message string, isText bool) {
		c := plainDial(t, host)
		defer c.Close(1000)
		if isText {
			message = "4" + strings.ToValidUTF8(message, "?")
			_ = c.Send(message)
		} else {
			_ = c.SendBinary(message)
		}
		wantFrame(t, c, isText, message)
	})
}
