package instance_test

import "testing"

func TestHealth(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), defaults())
	tests := []struct {
		target string
		status int
		body   string
	}{
		{"/healthz", 200, `{"status":"ok"}`},
		{"/readyz", 200, `{"state":"ready"}`},
		{"/nothing", 404, `{"error":"not found"}`},
		{"/socket.io", 404, `{"error":"not found"}`},
	}
	for _, tt := range tests {
		if status, _, body := request(t, r.addr, "GET", tt.target); status != tt.status || body != tt.body {
			t.Errorf("GET %s: got %d %s, want %d %s", tt.target, status, body, tt.status, tt.body)
		}
	}
}

const handshake = "/socket.io/?EIO=4&transport=polling"

func TestOriginsAndHosts(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.Hosts = []string{"dev.example.test"}
	c.CORS.Origins = append(c.CORS.Origins, "https://*.example.com", "http://app.test:8080")
	r := run(t, loops(t), c)
	tests := []struct {
		name   string
		header []string
		status int
	}{
		{"no origin", nil, 200},
		{"a port of localhost", []string{"Origin: http://localhost:3000"}, 200},
		{"localhost without a port", []string{"Origin: http://localhost"}, 200},
		{"an address of another scheme", []string{"Origin: https://127.0.0.1:3000"}, 403},
		{"a stranger", []string{"Origin: http://evil.test"}, 403},
		{"a name that only begins like an allowed one", []string{"Origin: http://localhost.evil.test:80"}, 403},
		{"an allowed one and a stranger", []string{"Origin: http://localhost:3000", "Origin: http://evil.test"}, 403},
		{"null", []string{"Origin: null"}, 403},
		{"a star", []string{"Origin: http://*:1"}, 403},
		{"a subdomain by pattern", []string{"Origin: https://a.example.com"}, 200},
		{"the pattern's own domain", []string{"Origin: https://example.com"}, 403},
		{"a written port", []string{"Origin: http://app.test:8080"}, 200},
		{"another port", []string{"Origin: http://app.test:8081"}, 403},
		{"a page of the instance itself", []string{"Host: dev.example.test:99", "Origin: http://dev.example.test:99"}, 200},
		{"a name that was rebound to this machine", []string{"Host: evil.test"}, 403},
		{"localhost by name", []string{"Host: localhost:1"}, 200},
		{"a name below localhost", []string{"Host: app.localhost"}, 200},
		{"IPv6 loopback", []string{"Host: [::1]:80"}, 200},
		{"a listed host", []string{"Host: DEV.example.test"}, 200},
		{"upgrade of a stranger", []string{"Origin: http://evil.test", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA=="}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, _, body := request(t, r.addr, "GET", handshake, tt.header...)
			if status != tt.status {
				t.Errorf("got %d %s, want %d", status, body, tt.status)
			}
			if status == 403 && body != `{"code":4,"message":"Forbidden"}` {
				t.Errorf("body %s", body)
			}
		})
	}
}

func TestCORSHeaders(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), defaults())
	_, h, _ := request(t, r.addr, "GET", handshake, "Origin: http://localhost:5173")
	if h.Get("Access-Control-Allow-Origin") != "http://localhost:5173" || h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Vary") != "Origin" {
		t.Errorf("header %v", h)
	}
	status, h, _ := request(t, r.addr, "OPTIONS", handshake, "Origin: http://localhost:5173",
		"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type,x-a")
	if status != 204 || h.Get("Access-Control-Allow-Methods") != "GET,HEAD,PUT,PATCH,POST,DELETE" || h.Get("Access-Control-Allow-Headers") != "content-type,x-a" {
		t.Errorf("preflight: %d %v", status, h)
	}
	c := defaults()
	c.CORS.Origins, c.CORS.Credentials = []string{"*"}, false
	if err := r.Apply(c); err != nil {
		t.Fatal(err)
	}
	status, h, _ = request(t, r.addr, "GET", handshake, "Origin: http://any.test")
	if status != 200 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("any origin: %d %v", status, h)
	}
}
