package clients_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// seat is a client that does what no official one does: it stops reading, answers twice, or is one of a thousand.
type seat struct {
	t    *testing.T
	conn net.Conn
	sid  string
}

type joined struct {
	net.Conn
	r *bufio.Reader
}

func (j *joined) Read(p []byte) (int, error) { return j.r.Read(p) }

// seats has a client in the room that its auth names, and tells it when it is there.
const seats = `
on.connect = { join = "{auth.room}", emit = "seated", to = "sender", args = "[]", history = false }
`

// sit connects to the namespace / of an instance that has seats.
func sit(t *testing.T, url, auth string) *seat {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, br, _, err := ws.Dial(ctx, strings.Replace(url, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s := &seat{t: t, conn: conn}
	if br != nil {
		s.conn = &joined{conn, br}
	}
	s.say("40" + auth)
	for seated := false; !seated; {
		p, err := s.hear(patience)
		if err != nil {
			t.Fatalf("connect: %v", err)
		}
		if rest, ok := strings.CutPrefix(p, `40{"sid":"`); ok {
			s.sid, _, _ = strings.Cut(rest, `"`)
		}
		seated = p == `42["seated"]`
	}
	return s
}

func (s *seat) say(p string) { _ = wsutil.WriteClientText(s.conn, []byte(p)) }

// hear returns the next packet, but for pings, which it answers.
func (s *seat) hear(limit time.Duration) (string, error) {
	_ = s.conn.SetReadDeadline(time.Now().Add(limit))
	for {
		p, err := wsutil.ReadServerText(s.conn)
		if err != nil || string(p) != "2" {
			return string(p), err
		}
		s.say("3")
	}
}

// asked returns the id of the acknowledgement that the next packet asks for, and the rest of it.
func (s *seat) asked() (id, rest string) {
	s.t.Helper()
	p, err := s.hear(patience)
	if err != nil || !strings.HasPrefix(p, "42") {
		s.t.Fatalf("got %q, %v", p, err)
	}
	at := strings.IndexByte(p, '[')
	return p[2:at], p[at:]
}

// post sends one event to an ingest, which has to take it, and returns the answer.
func post(t *testing.T, url, body string) string {
	t.Helper()
	resp, answer := fetch(t, "POST", url, body, "Content-Type: application/json")
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("POST %.100s: %d %s", body, resp.StatusCode, answer)
	}
	return string(answer)
}
