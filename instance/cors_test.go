package instance_test

import (
	"net/http"
	"strings"
	"testing"
)

// vary is the field as one list.
func vary(h http.Header) string { return strings.Join(h.Values("Vary"), ", ") }

const page = "Origin: http://localhost:5173"

// Each sentence about CORS of the reference server, where sockd does not refuse on purpose.
func TestCORS(t *testing.T) {
	t.Parallel()
	list := defaults()
	list.Hosts = []string{"*"}
	open := defaults()
	open.CORS.Origins, open.CORS.Credentials = []string{"*"}, false
	none := defaults()
	none.CORS.Origins = nil
	all := loops(t)
	pages, anyPage, noPage := run(t, all, list), run(t, all, open), run(t, all, none)
	const allow, credentials = "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"

	t.Run("a star is always said, without Vary", func(t *testing.T) {
		for _, header := range [][]string{nil, {"Origin: http://anywhere.test"}} {
			if _, h, _ := request(t, anyPage.addr, "GET", handshake, header...); h.Get(allow) != "*" || vary(h) != "" || h.Get(credentials) != "" {
				t.Errorf("%v: %v", header, h)
			}
		}
	})
	t.Run("a listed origin is echoed, with Vary", func(t *testing.T) {
		if _, h, _ := request(t, pages.addr, "GET", handshake, page); h.Get(allow) != "http://localhost:5173" || vary(h) != "Origin" || h.Get(credentials) != "true" {
			t.Errorf("header %v", h)
		}
	})
	t.Run("without an origin nothing is echoed, but caches are told", func(t *testing.T) {
		if _, h, _ := request(t, pages.addr, "GET", handshake); h.Get(allow) != "" || vary(h) != "Origin" || h.Get(credentials) != "true" {
			t.Errorf("header %v", h)
		}
	})
	t.Run("a stranger is refused and gets no headers", func(t *testing.T) {
		if status, h, _ := request(t, pages.addr, "GET", handshake, "Origin: http://evil.test"); status != 403 || h.Get(allow) != "" {
			t.Errorf("%d %v", status, h)
		}
		if status, h, _ := request(t, pages.addr, "OPTIONS", handshake, "Origin: http://evil.test", "Access-Control-Request-Method: POST",
			"Access-Control-Request-Private-Network: true"); status != 403 || h.Get("Access-Control-Allow-Private-Network") != "" {
			t.Errorf("preflight: %d %v", status, h)
		}
	})
	t.Run("error bodies carry them too", func(t *testing.T) {
		status, h, body := request(t, pages.addr, "GET", "/socket.io/?EIO=4&transport=polling&sid=nobody", page)
		if status != 400 || body != `{"code":1,"message":"Session ID unknown"}` || h.Get(allow) != "http://localhost:5173" || h.Get("Content-Type") != "application/json" {
			t.Errorf("%d %v %s", status, h, body)
		}
	})
	t.Run("a preflight", func(t *testing.T) {
		status, h, body := request(t, pages.addr, "OPTIONS", handshake, page, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type,x-a")
		if status != 204 || body != "" || h.Get("Content-Length") != "0" || h.Get(allow) != "http://localhost:5173" || h.Get(credentials) != "true" {
			t.Errorf("%d %v", status, h)
		}
		if h.Get("Access-Control-Allow-Methods") != "GET,HEAD,PUT,PATCH,POST,DELETE" || h.Get("Access-Control-Allow-Headers") != "content-type,x-a" ||
			vary(h) != "Origin, Access-Control-Request-Headers" || h.Get("Access-Control-Allow-Private-Network") != "" {
			t.Errorf("header %v", h)
		}
	})
	t.Run("a preflight that asks for no headers", func(t *testing.T) {
		status, h, _ := request(t, anyPage.addr, "OPTIONS", handshake, page, "Access-Control-Request-Method: GET")
		if status != 204 || h.Get(allow) != "*" || h.Get("Access-Control-Allow-Headers") != "" {
			t.Errorf("%d %v", status, h)
		}
	})
	t.Run("OPTIONS is a preflight whatever else it says", func(t *testing.T) {
		if status, _, _ := request(t, pages.addr, "OPTIONS", handshake); status != 204 {
			t.Errorf("got %d", status)
		}
	})
	t.Run("without allowed origins OPTIONS is a bad method", func(t *testing.T) {
		if status, _, body := request(t, noPage.addr, "OPTIONS", handshake); status != 400 || body != `{"code":2,"message":"Bad handshake method"}` {
			t.Errorf("%d %s", status, body)
		}
	})
	t.Run("a page of a public network may reach this private one", func(t *testing.T) {
		status, h, _ := request(t, pages.addr, "OPTIONS", handshake, page, "Access-Control-Request-Method: GET", "Access-Control-Request-Private-Network: true")
		if status != 204 || h.Get("Access-Control-Allow-Private-Network") != "true" {
			t.Errorf("%d %v", status, h)
		}
		if _, h, _ := request(t, pages.addr, "GET", handshake, page, "Access-Control-Request-Private-Network: true"); h.Get("Access-Control-Allow-Private-Network") != "" {
			t.Errorf("not a preflight: %v", h)
		}
	})
}
