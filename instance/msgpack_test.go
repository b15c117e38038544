package instance_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws/wsutil"
)

func (c *client) sendBinary(p string) {
	c.t.Helper()
	if err := wsutil.WriteClientBinary(c.conn, []byte(p)); err != nil {
		c.t.Fatalf("send %x: %v", p, err)
	}
}

func (c *client) recvBinary() []byte {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	p, err := wsutil.ReadServerBinary(c.conn)
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return p
}

// wantBinary fails unless the next frame is binary and holds these bytes.
func (c *client) wantBinary(want string) {
	c.t.Helper()
	if got := c.recvBinary(); string(got) != want {
		c.t.Fatalf("got %x, want %x", got, want)
	}
}

func TestMsgpackHub(t *testing.T) {
	t.Parallel()
	conf := defaults()
	conf.Parser = "msgpack"
	r := run(t, loops(t), conf)
	join := func() *client {
		c := open(t, r.addr)
		c.sendBinary("\x83\xa4type\x00\xa4data\xd4\x00\x00\xa3nsp\xa1/")
		if got := c.recvBinary(); !bytes.HasPrefix(got, []byte("\x83\xa4type\x00\xa4data\x81\xa3sid\xb4")) {
			t.Fatalf("answer to CONNECT: %x", got)
		}
		return c
	}
	a, b := join(), join()
	a.sendBinary("\x84\xa4type\x02\xa4data\x93\xa4tick\x05\xc4\x03\x01\x02\x03\xa7options\x81\xa8compress\xc3\xa3nsp\xa1/")
	if got, want := string(b.recvBinary()), "\x83\xa4type\x02\xa4data\x93\xa4tick\x05\xc4\x03\x01\x02\x03\xa3nsp\xa1/"; got != want {
		t.Errorf("got %x, want %x", got, want)
	}
	a.send(`42["text"]`)
	var closed wsutil.ClosedError
	if _, err := wsutil.ReadServerBinary(a.conn); !errors.As(err, &closed) {
		t.Errorf("text on a msgpack instance: got %v", err)
	}
	if got := r.Status(); got.EventsIn != 1 || strings.Contains(string(got.State), "fail") {
		t.Errorf("status: %+v", got)
	}
}
