package instance_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sockd/sockd/config"
)

// TestCompressionAndCookie: the keys compression.* and cookie reach the wire, and an edit of them reaches the next client.
func TestCompressionAndCookie(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.Compression = config.Compression{HTTP: true, WebSocket: true, Threshold: 1000}
	c.Cookie = "io"
	r := run(t, loops(t), c)
	upgrade := []string{
		"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==",
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", "Sec-WebSocket-Protocol: a, b",
	}
	socket := strings.Replace(handshake, "polling", "websocket", 1)

	_, h, body := request(t, r.addr, "GET", handshake, "Accept-Encoding: gzip", "Origin: http://localhost:1")
	if len(body) < 29 || h.Get("Content-Encoding") != "" || h.Get("Vary") != "Origin" {
		t.Fatalf("header %v, body %q", h, body)
	}
	sid := body[9:29]
	if h.Get("Set-Cookie") != "io="+sid+"; Path=/; HttpOnly; SameSite=Lax" {
		t.Errorf("cookie %q of session %s", h.Get("Set-Cookie"), sid)
	}
	session := handshake + "&sid=" + sid
	namespace := "/" + strings.Repeat("a", 1000)
	resp, err := http.Post("http://"+r.addr+session, "text/plain", strings.NewReader("40"+namespace+","))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	_, h, body = request(t, r.addr, "GET", session, "Accept-Encoding: gzip", "Origin: http://localhost:1")
	if h.Get("Content-Encoding") != "gzip" || h.Get("Vary") != "Origin, Accept-Encoding" || h["Set-Cookie"] != nil {
		t.Errorf("header %v", h)
	}
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(z); err != nil || string(answer) != "44"+namespace+`,{"message":"Invalid namespace"}` {
		t.Errorf("body %q, %v", answer, err)
	}
	status, h, _ := request(t, r.addr, "GET", socket, upgrade...)
	if status != 101 || !strings.HasPrefix(h.Get("Sec-WebSocket-Extensions"), "permessage-deflate") || h.Get("Sec-WebSocket-Protocol") != "a" || h["Set-Cookie"] != nil {
		t.Errorf("handshake: %d %v", status, h)
	}

	off := defaults()
	off.Compression = config.Compression{Threshold: 1}
	if err := r.Apply(off); err != nil {
		t.Fatal(err)
	}
	_, h, body = request(t, r.addr, "GET", handshake, "Accept-Encoding: gzip")
	if h.Get("Content-Encoding") != "" || h.Get("Vary") != "Origin" || h["Set-Cookie"] != nil || !strings.HasPrefix(body, `0{"sid":"`) {
		t.Errorf("off: header %v, body %q", h, body)
	}
	if _, h, _ = request(t, r.addr, "GET", socket, upgrade...); h["Sec-Websocket-Extensions"] != nil {
		t.Errorf("off: %v", h)
	}
}
