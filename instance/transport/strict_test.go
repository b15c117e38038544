package transport_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/transport"
)

const get11 = "GET / HTTP/1.1\r\nHost: a\r\n"

// TestStrictCheck has each row of the strict check, and of what nbio's own parser was seen to accept: each is answered and closed, and
// nothing behind it is executed.
func TestStrictCheck(t *testing.T) {
	t.Parallel()
	r := newRig(t, transport.Options{}, func(_ *rig, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/smuggled" {
			t.Error("smuggled request was executed")
		}
		echo(w, r)
	})
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, tt := range []struct {
		name, request string
		status        int
	}{
		{"length and chunked", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		{"chunked and length", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + smuggled, 400},
		{"space before the colon", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello", 400},
		{"space in a name", get11 + "Foo Bar: x\r\n\r\n", 400},
		{"empty name", get11 + ": x\r\n\r\n", 400},
		{"no colon", get11 + "Foo\r\n\r\n", 400},
		{"folded line hides a coding", "POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		{"line begins with a tab", get11 + "\tX: y\r\n\r\n", 400},
		{"first header line begins with a space", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
		{"two different lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
		{"two equal lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
		{"length with a sign", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", 400},
		{"negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
		{"list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello", 400},
		{"empty length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400},
		{"hexadecimal length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello", 400},
		{"length that overflows", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
		{"unknown coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400},
		{"list of codings", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
		{"coding twice", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		{"coding in 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		{"identity coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400},
		{"no host", "GET / HTTP/1.1\r\n\r\n", 400},
		{"two hosts", get11 + "Host: b\r\n\r\n", 400},
		{"two equal hosts", get11 + "Host: a\r\n\r\n", 400},
		{"two hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400},
		{"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
		{"host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
		{"host with user info", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
		{"host with a bad port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400},
		{"host with two ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", 400},
		{"host with a broken bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
		{"nul in a value", get11 + "X: a\x00b\r\n\r\n", 400},
		{"control in a value", get11 + "X: a\x01b\r\n\r\n", 400},
		{"delete in a value", get11 + "X: a\x7fb\r\n\r\n", 400},
		{"bare CR in a value", get11 + "X: a\rb\r\n\r\n", 400},
		{"control in a name", get11 + "X\x01: a\r\n\r\n", 400},
		{"byte over 127 in a name", get11 + "X\xff: a\r\n\r\n", 400},
		{"HTTP/9.9", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", 400},
		{"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400},
		{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 400},
		{"HTTP/0.9", "GET /\r\n\r\n", 400},
		{"lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
		{"junk behind the version", "GET / HTTP/1.1 junk\r\nHost: a\r\n\r\n", 400},
		{"space behind the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
		{"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"tab instead of a space", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"lower-case method", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"unknown method", "FOO / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"PUT", "PUT / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"absolute form", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"no slash", "GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"nul in the target", "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"byte over 127 in the target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"fragment in the target", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"bad escape in the target", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"bare LF in the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
		{"bare LF in the header", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400},
		{"bare LF at the end", get11 + "\n", 400},
		{"two empty lines before", "\r\n\r\n" + get11 + "\r\n", 400},
		{"LF before", "\n" + get11 + "\r\n", 400},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
		{"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400},
		{"target too long", "GET /" + strings.Repeat("a", 20<<10), 414},
		{"header too long", get11 + "X: " + strings.Repeat("a", 20<<10), 431},
		{"too many fields", get11 + strings.Repeat("X: y\r\n", 101) + "\r\n", 431},
		{"unknown expectation", "POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 5\r\n\r\n", 417},
		{"length over the limit", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 413},
		{"chunk over the limit", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n", 413},
		{"largest chunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n", 413},
		{"chunk size over 64 bits", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000000000001\r\n", 400},
		{"chunk size with 0x", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", 400},
		{"chunk without a size", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 400},
		{"LF inside a chunk extension", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n0\r\n\r\n", 400},
		{"bare LF behind a chunk size", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400},
		{"chunk longer than its size", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n", 400},
		{"trailer without a colon", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX\r\n\r\n", 400},
		{"folded trailer", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n z\r\n\r\n", 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := r.on(t).dial()
			c.send(tt.request)
			resp := c.wantStatus(tt.status)
			if !resp.Close {
				t.Error("answer without Connection: close")
			}
			c.wantEnd()
		})
	}
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	r := echoRig(t, transport.Options{})
	for _, tt := range []struct{ name, request, body string }{
		{"plain", get11 + "\r\n", "GET / "},
		{"one empty line before", "\r\n" + get11 + "\r\n", "GET / "},
		{"query", "GET /a?b=%20c&d HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a?b=%20c&d "},
		{"white space around a value", "GET / HTTP/1.1\r\nHost: \t a:80 \r\n\r\n", "GET / "},
		{"IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "GET / "},
		{"empty value", get11 + "X:\r\n\r\n", "GET / "},
		{"latin-1 and tab in a value", get11 + "X: \xe4\tb\r\n\r\n", "GET / "},
		{"1.0 without host", "GET / HTTP/1.0\r\n\r\n", "GET / "},
		{"a hundred fields", get11 + strings.Repeat("X: y\r\n", 99) + "\r\n", "GET / "},
		{"length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "POST / hello"},
		{"length with zeros", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 005\r\n\r\nhello", "POST / hello"},
		{"length 0", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "POST / "},
		{"POST without a body", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / "},
		{"GET with a body", get11 + "Content-Length: 2\r\n\r\nhi", "GET / hi"},
		{"OPTIONS", "OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS /x "},
		{
			"chunks with extensions and trailers",
			"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=\"y\"\r\nhello\r\n0A\r\n wonderful\r\n0\r\nX: y\r\nZ:\r\n\r\n",
			"POST / hello wonderful",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := r.on(t).dial()
			c.send(tt.request)
			c.want(200, tt.body)
			slow := r.on(t).dial()
			for _, b := range []byte(tt.request) {
				slow.send(string(b))
			}
			slow.want(200, tt.body)
		})
	}
}
