package transport_test

import (
	"io"
	"net/http"
	"net/netip"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sockd/sockd/instance/transport"
)

func TestConnectionsOfOneAddress(t *testing.T) {
	t.Parallel()
	r := echoRig(t, transport.Options{PerAddress: 2})
	a, b := r.dial(), r.dial()
	for _, c := range []*client{a, b} {
		c.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
		c.want(200, "GET /x ")
	}
	r.dial().wantGone()
	if n := r.refused(transport.RefusedAddress); n != 1 {
		t.Errorf("refused: %d", n)
	}
	a.Close()
	until(t, "the place is free", func() bool { return r.Len() == 1 })
	c := r.dial()
	c.send("GET /y HTTP/1.1\r\nHost: a\r\n\r\n")
	c.want(200, "GET /y ")
	r.Configure(transport.Options{})
	d := r.dial()
	d.send("GET /z HTTP/1.1\r\nHost: a\r\n\r\n")
	d.want(200, "GET /z ")
}

func prefixes(all ...string) (list []netip.Prefix) {
	for _, p := range all {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}

func TestWhoTheClientIs(t *testing.T) {
	t.Parallel()
	serve := func(_ *rig, w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.RemoteAddr) }
	behind := newRig(t, transport.Options{Proxies: prefixes("127.0.0.0/8", "10.0.0.0/8", "2001:db8:1::/48")}, serve)
	direct := newRig(t, transport.Options{Proxies: prefixes("10.0.0.0/8")}, serve)
	const itself = ""
	tests := []struct{ name, header, want string }{
		{"no header", "", itself},
		{"one client", "X-Forwarded-For: 203.0.113.7", "203.0.113.7:0"},
		{"what a client invented before", "X-Forwarded-For: 198.51.100.1, 203.0.113.7", "203.0.113.7:0"},
		{"two lines", "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.7", "203.0.113.7:0"},
		{"several proxies", "X-Forwarded-For: 203.0.113.7,10.1.1.1 , 10.2.2.2", "203.0.113.7:0"},
		{"proxies only", "X-Forwarded-For: 10.1.1.1, 10.2.2.2", "10.1.1.1:0"},
		{"nonsense behind a client", "X-Forwarded-For: 203.0.113.7, unknown", itself},
		{"nonsense before a client", "X-Forwarded-For: unknown, 203.0.113.7", "203.0.113.7:0"},
		{"nonsense before a proxy", "X-Forwarded-For: unknown, 10.1.1.1", "10.1.1.1:0"},
		{"an empty element", "X-Forwarded-For: 203.0.113.7,", itself},
		{"with a port", "X-Forwarded-For: 203.0.113.7:5555", "203.0.113.7:0"},
		{"IPv6", "X-Forwarded-For: 2001:db8:2::1", "[2001:db8:2::1]:0"},
		{"IPv6 in brackets with a port", "X-Forwarded-For: [2001:db8:2::1]:99", "[2001:db8:2::1]:0"},
		{"a proxy by IPv6", "X-Forwarded-For: 203.0.113.7, 2001:db8:1::5", "203.0.113.7:0"},
		{"IPv4 in IPv6", "X-Forwarded-For: ::ffff:203.0.113.7", "203.0.113.7:0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			head := "GET / HTTP/1.1\r\nHost: a\r\n"
			if tt.header != "" {
				head += tt.header + "\r\n"
			}
			c, d := behind.on(t).dial(), direct.on(t).dial()
			c.send(head + "\r\n")
			d.send(head + "\r\n")
			if want := tt.want; want == itself {
				c.want(200, c.LocalAddr().String())
			} else {
				c.want(200, want)
			}
			d.want(200, d.LocalAddr().String())
		})
	}
}

func from(addr, path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + addr + "\r\n\r\n"
}

// Behind a proxy, a connection counts for the client whose request it carries, and for nobody between two requests.
func TestLimitBehindAProxy(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{PerAddress: 2, Proxies: prefixes("127.0.0.1/32")})
	for range 5 { // the proxy itself has no limit, and one client after the other fits
		c := r.dial()
		c.send(from("203.0.113.1", "/x"))
		c.want(200, "GET /x ")
	}
	a, b := r.dial(), r.dial()
	a.send(from("2001:db8::1", "/park"))
	first := get(t, r.parked)
	b.send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Forwarded-For: 2001:db8::2\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	b.wantStatus(101)

	c := r.dial()
	c.send(from("2001:db8::3", "/x")) // the same network
	c.wantStatus(503)
	c.wantEnd()
	if n := r.refused(transport.RefusedAddress); n != 1 {
		t.Errorf("refused: %d", n)
	}
	d := r.dial()
	d.send(from("2001:db8:0:1::1", "/x"))
	d.want(200, "GET /x ")

	if err := first.reply(200, nil, nil); err != nil {
		t.Fatal(err)
	}
	a.wantStatus(200)
	d.send(from("2001:db8::1", "/x"))
	d.want(200, "GET /x ")
	b.send(masked(ws.OpClose, true, ""))
	until(t, "the websocket ends", func() bool { return r.Stats().WebSockets == 0 })
	a.send(from("2001:db8::1", "/park"))
	get(t, r.parked)
	d.send(from("2001:db8::1", "/x"))
	d.want(200, "GET /x ")
}

// Whatever the header says, the client is the peer itself or an address that stands in the header, and the header of a stranger is not read.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"", "203.0.113.7", "a, 10.0.0.1", "203.0.113.7:80,\t10.0.0.1", "[2001:db8::1]:99", "::ffff:1.2.3.4", "fe80::1%eth0", ",,", "10.0.0.1,10.0.0.2"} {
		f.Add(s, s)
	}
	proxies := prefixes("10.0.0.0/8")
	proxy, stranger := netip.MustParseAddr("10.9.9.9"), netip.MustParseAddr("192.0.2.1")
	f.Fuzz(func(t *testing.T, first, second string) {
		lines := []string{first, second}
		if got := transport.Client(proxies, stranger, lines); got != stranger {
			t.Fatalf("a stranger became %s", got)
		}
		got := transport.Client(proxies, proxy, lines)
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Fatalf("client %q", got)
		}
		if got != proxy && transport.Client(proxies, proxy, append(lines, got.String())) != got {
			t.Fatalf("%s is not the client when it is last", got)
		}
	})
}
