package engineio_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/engineio"
)

// The tests of this file are those of the protocol's own suite, in its order:
// https://github.com/socketio/socket.io/tree/main/docs/engine.io-protocol/v4-test-suite

func TestSuiteHandshake(t *testing.T) {
	t.Run("polling opens with exactly five keys", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			answer := r.client.Get()
			var open map[string]any
			if err := json.Unmarshal([]byte(strings.TrimPrefix(answer.Body, "0")), &open); err != nil {
				t.Fatalf("%q: %v", answer.Body, err)
			}
			keys := slices.Sorted(maps.Keys(open))
			if want := []string{"maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"}; !slices.Equal(keys, want) {
				t.Errorf("keys %q, want %q", keys, want)
			}
			if len(open["sid"].(string)) != 20 || open["pingInterval"] != 300.0 || open["pingTimeout"] != 200.0 || open["maxPayload"] != 1e6 {
				t.Errorf("open packet %v", open)
			}
			if u := open["upgrades"].([]any); len(u) != 1 || u[0] != "websocket" {
				t.Errorf("upgrades %v", u)
			}
		})
	})
	t.Run("websocket opens without upgrades", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			c := r.probe()
			if got := r.recv(c); !strings.Contains(got, `"upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}`) {
				t.Errorf("open packet %q", got)
			}
		})
	})
}

func TestSuiteRefusals(t *testing.T) {
	for _, c := range []struct{ name, method, query, body string }{
		{"EIO is missing", "GET", "transport=polling", `{"code":5,"message":"Unsupported protocol version"}`},
		{"EIO is abc", "GET", "EIO=abc&transport=polling", `{"code":5,"message":"Unsupported protocol version"}`},
		{"transport is missing", "GET", "EIO=4", `{"code":0,"message":"Transport unknown"}`},
		{"transport is abc", "GET", "EIO=4&transport=abc", `{"code":0,"message":"Transport unknown"}`},
		{"POST without sid", "POST", "EIO=4&transport=polling", `{"code":2,"message":"Bad handshake method"}`},
		{"PUT without sid", "PUT", "EIO=4&transport=polling", `{"code":2,"message":"Bad handshake method"}`},
		{"OPTIONS without sid", "OPTIONS", "EIO=4&transport=polling", `{"code":2,"message":"Bad handshake method"}`},
		{"websocket over plain GET", "GET", "EIO=4&transport=websocket", badRequest},
		{"unknown sid", "GET", "EIO=4&transport=polling&sid=abc", unknownSession},
		{"sid __proto__", "GET", "EIO=4&transport=polling&sid=__proto__", unknownSession},
		{"unknown sid, PUT", "PUT", "EIO=4&transport=polling&sid=abc", unknownSession},
		{"the transport is asked for first", "POST", "sid=abc", `{"code":0,"message":"Transport unknown"}`},
		{"two transports", "GET", "EIO=4&transport=polling&transport=polling", `{"code":0,"message":"Transport unknown"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, fast, func(r *rig) {
				answer := r.client.Do(c.method, c.query, nil, nil).Wait()
				r.want(answer, 400, c.body)
				if got := answer.Header.Get("Content-Type"); got != "application/json" {
					t.Errorf("content type %q", got)
				}
			})
		})
	}
}

func TestSuiteWebSocketRefusals(t *testing.T) {
	for _, c := range []struct{ name, query, body string }{
		{"EIO is missing", "transport=websocket", "Unsupported protocol version"},
		{"EIO is abc", "EIO=abc&transport=websocket", "Unsupported protocol version"},
		{"transport is missing", "EIO=4", "Transport unknown"},
		{"transport is abc", "EIO=4&transport=abc", "Transport unknown"},
		{"transport is polling", "EIO=4&transport=polling", "Bad request"},
		{"unknown sid", "EIO=4&transport=websocket&sid=abc", "Session ID unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, fast, func(r *rig) {
				_, err := r.client.DialQuery(c.query)
				refused(t, err, 400, c.body)
			})
		})
	}
}

func TestSuiteMessages(t *testing.T) {
	t.Run("text over polling", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			r.handshake()
			r.want(r.client.Post("4hello"), 200, "ok")
			r.want(r.client.Get(), 200, "4hello")
		})
	})
	t.Run("three packets come back in one answer", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			r.handshake()
			r.want(r.client.Post("4test1\x1e4test2\x1e4test3"), 200, "ok")
			r.want(r.client.Get(), 200, "4test1\x1e4test2\x1e4test3")
		})
	})
	t.Run("text and binary over polling", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			r.handshake()
			r.want(r.client.Post("4hello\x1ebAQIDBA=="), 200, "ok")
			r.want(r.client.Get(), 200, "4hello\x1ebAQIDBA==")
		})
	})
	t.Run("an invalid payload closes the session", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			r.handshake()
			r.want(r.client.Post("abc"), 200, "ok")
			r.wantGone()
			r.wantEnd(engineio.ParseError)
		})
	})
	t.Run("a second poll closes the session", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			r.handshake()
			first := r.client.Poll()
			r.pass(5 * time.Millisecond)
			r.want(r.client.Get(), 400, "")
			r.want(first.Wait(), 200, "1")
			r.wantGone()
			r.wantEnd(engineio.TransportError)
		})
	})
	t.Run("an aborted poll closes the session", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			r.handshake()
			r.client.Poll().Abort()
			synctest.Wait()
			r.wantGone()
			r.wantEnd(engineio.TransportError)
		})
	})
	t.Run("text and binary over websocket", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			c := r.dial()
			r.send(c, "4hello")
			r.wantRecv(c, "4hello")
			if err := c.SendBinary("\x01\x02\x03"); err != nil {
				t.Fatal(err)
			}
			if f, err := c.Recv(); err != nil || f.Text || f.Data != "\x01\x02\x03" {
				t.Errorf("received %+v, %v", f, err)
			}
		})
	})
	t.Run("an invalid packet closes the websocket", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			c := r.dial()
			r.send(c, "abc")
			r.wantClosed(c, 1005)
			r.wantEnd(engineio.ParseError)
		})
	})
}

func TestSuiteHeartbeat(t *testing.T) {
	t.Run("polling ping and pong, three times", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			r.handshake()
			for range 3 {
				r.want(r.client.Get(), 200, "2")
				r.want(r.client.Post("3"), 200, "ok")
			}
		})
	})
	t.Run("polling times out", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			r.handshake()
			r.pass(500 * time.Millisecond)
			r.wantGone()
			r.wantEnd(engineio.PingTimeout)
		})
	})
	t.Run("websocket ping and pong, three times", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			c := r.dial()
			for range 3 {
				r.wantRecv(c, "2")
				r.send(c, "3")
			}
		})
	})
	t.Run("websocket times out", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			c := r.dial()
			r.wantRecv(c, "2")
			r.wantClosed(c, 1005)
			r.wantEnd(engineio.PingTimeout)
		})
	})
}

func TestSuiteClose(t *testing.T) {
	t.Run("polling", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			r.handshake()
			poll := r.client.Poll()
			r.want(r.client.Post("1"), 200, "ok")
			r.want(poll.Wait(), 200, "6")
			r.wantGone()
			r.wantEnd(engineio.TransportClose)
		})
	})
	t.Run("polling, the poll comes a little later", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			r.handshake()
			r.want(r.client.Post("1"), 200, "ok")
			r.pass(99 * time.Millisecond)
			r.want(r.client.Post("4late"), 400, unknownSession)
			r.want(r.client.Get(), 200, "6")
			r.wantGone()
		})
	})
	t.Run("polling, the poll comes too late", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			r.handshake()
			r.want(r.client.Post("1"), 200, "ok")
			r.pass(100 * time.Millisecond)
			r.wantGone()
		})
	})
	t.Run("websocket", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			c := r.dial()
			r.send(c, "1")
			r.wantClosed(c, 1005)
			r.wantEnd(engineio.TransportClose)
		})
	})
}

func TestSuiteUpgrade(t *testing.T) {
	t.Run("from polling to websocket", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			r.handshake()
			c := r.probe()
			r.send(c, "2probe")
			r.wantRecv(c, "3probe")
			r.want(r.client.Get(), 200, "6")
			r.send(c, "5", "4hello")
			r.wantRecv(c, "4hello")
			if got := r.session(0).socket.Transport(); got != "websocket" {
				t.Errorf("transport %q", got)
			}
		})
	})
	t.Run("polling is refused afterwards", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			r.handshake()
			c := r.probe()
			r.send(c, "2probe", "5")
			r.want(r.client.Get(), 400, badRequest)
			r.want(r.client.Post("4hello"), 400, badRequest)
			r.send(c, "4hello")
			r.wantRecv(c, "3probe", "4hello")
		})
	})
	t.Run("a second websocket is closed", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			r.handshake()
			c := r.upgrade()
			r.wantClosed(r.probe(), 1005)
			r.send(c, "4hello")
			r.wantRecv(c, "4hello")
		})
	})
}
