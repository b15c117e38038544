package engineio_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
)

// Tests of this file each stand for one sentence about the reference server's behaviour that no other test is about.

func TestFirstFailureDecides(t *testing.T) {
	const (
		unknownTransport = `{"code":0,"message":"Transport unknown"}`
		badMethod        = `{"code":2,"message":"Bad handshake method"}`
		unsupported      = `{"code":5,"message":"Unsupported protocol version"}`
	)
	bad := http.Header{"Origin": {"http://a\x01"}}
	for _, c := range []struct {
		name, method, query string
		header              http.Header
		body                string
	}{
		{"webtransport is not enabled", "GET", "EIO=4&transport=webtransport", nil, unknownTransport},
		{"the transport comes before the origin", "GET", "EIO=4&transport=abc", bad, unknownTransport},
		{"the origin comes before an unknown session", "GET", "EIO=4&transport=polling&sid=x", bad, badRequest},
		{"the origin comes before the method", "POST", "EIO=4&transport=polling", bad, badRequest},
		{"an unknown session comes before the version", "GET", "EIO=3&transport=polling&sid=x", nil, unknownSession},
		{"an unknown session comes before the method", "DELETE", "EIO=4&transport=polling&sid=x", nil, unknownSession},
		{"the method comes before the transport of the handshake", "POST", "EIO=4&transport=websocket", nil, badMethod},
		{"the method comes before the version", "POST", "EIO=3&transport=polling", nil, badMethod},
		{"HEAD is no method for a handshake", "HEAD", "EIO=4&transport=polling", nil, badMethod},
		{"websocket over plain GET comes before the version", "GET", "EIO=3&transport=websocket", nil, badRequest},
		{"EIO must be 4 exactly", "GET", "EIO=04&transport=polling", nil, unsupported},
		{"EIO 5 is not supported", "GET", "EIO=5&transport=polling", nil, unsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, engineio.Options{}, func(r *rig) {
				answer := r.client.Do(c.method, c.query, c.header, nil).Wait()
				r.want(answer, 400, c.body)
				if got := answer.Header.Get("Content-Type"); got != "application/json" {
					t.Errorf("content type %q", got)
				}
			})
		})
	}
}

func TestRejectedUpgradeIsTextAndClosesTheConnection(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		_, err := r.client.DialQuery("EIO=4&transport=websocket&sid=x")
		refused(t, err, 400, "Session ID unknown")
		if got := err.(*enginetest.RefusedError).Response.Header.Get("Content-Type"); got != "text/html" {
			t.Errorf("content type %q", got)
		}
	})
}

func TestOpenPacketWithAllDefaults(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		answer := r.client.Get()
		o, err := enginetest.ParseOpen(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		r.want(answer, 200, fmt.Sprintf(`0{"sid":"%s","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`, o.SID))
	})
}

func TestSessionIDEndsInACounter(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		first, second := r.handshake().SID, r.handshake().SID
		if first[:16] == second[:16] || first[16:] == second[16:] || first[16] != 'A' && second[16] != 'A' {
			t.Errorf("%s and then %s", first, second)
		}
	})
}

func TestMaxPayloadDoesNotLimitWhatTheServerSends(t *testing.T) {
	bubble(t, engineio.Options{MaxPayload: 10}, func(r *rig) {
		r.handshake()
		s := r.session(0).socket
		for range 3 {
			_ = s.Send(text("0123456789"))
		}
		r.want(r.client.Get(), 200, "40123456789\x1e40123456789\x1e40123456789")
		c := r.upgrade()
		_ = s.Send(text("0123456789"))
		r.wantRecv(c, "40123456789")
	})
}

func TestAnyOtherContentTypeIsText(t *testing.T) {
	for _, contentType := range []string{"", "text/plain", "application/json", "application/x-www-form-urlencoded", "application/octet-stream; x=y"} {
		t.Run(contentType, func(t *testing.T) {
			bubble(t, engineio.Options{}, func(r *rig) {
				r.handshake()
				h := http.Header{}
				if contentType != "" {
					h.Set("Content-Type", contentType)
				}
				r.want(r.client.Do("POST", "EIO=4&transport=polling&sid="+r.client.SID, h, []byte("4a")).Wait(), 200, "ok")
				r.want(r.client.Get(), 200, "4a")
			})
		})
	}
}

func TestEmptyMessageOverAWebSocket(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		c := r.dial()
		r.send(c, "4")
		r.wantRecv(c, "4")
		_ = c.SendBinary("")
		r.wantRecv(c, "")
		if got := r.session(0).messages(); len(got) != 2 {
			t.Errorf("messages %q", got)
		}
	})
}

func TestBinaryFrameHasNoTypeByte(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		c := r.dial()
		_ = c.SendBinary("\x04\x01")
		r.wantRecv(c, "\x04\x01")
		if got := r.session(0).messages(); len(got) != 1 || got[0] != "\x04\x01" {
			t.Errorf("messages %q", got)
		}
	})
}

func TestPollingDoesNotWaitForMore(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		poll := r.client.Poll()
		start := time.Now()
		_ = r.session(0).socket.Send(text("a"))
		_ = r.session(0).socket.Send(text("b"))
		r.want(poll.Wait(), 200, "4a")
		r.want(r.client.Get(), 200, "4b")
		if d := time.Since(start); d != 0 {
			t.Errorf("answered after %v", d)
		}
	})
}

func TestSessionEndsAtOnceWhenAPollIsAborted(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		poll := r.client.Poll()
		start := time.Now()
		poll.Abort()
		synctest.Wait()
		r.wantEnd(engineio.TransportError)
		r.want(r.client.Get(), 400, unknownSession)
		if d := time.Since(start); d != 0 {
			t.Errorf("ended after %v", d)
		}
	})
}

func TestNothingIsSaidBeforeTheProbe(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		c := r.probe()
		_ = r.session(0).socket.Send(text("a"))
		r.pass(5 * time.Second)
		synctest.Wait()
		if n := c.Pending(); n != 0 {
			t.Errorf("%d messages on the websocket", n)
		}
		r.want(r.client.Get(), 200, "4a")
	})
}

func TestProbeIsAnsweredAtOnce(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		c := r.probe()
		start := time.Now()
		r.send(c, "2probe")
		r.wantRecv(c, "3probe")
		if d := time.Since(start); d != 0 {
			t.Errorf("answered after %v", d)
		}
	})
}

// TestNoopPostedDuringTheUpgrade: the Swift client posts one, and sends its upgrade packet only after its pending poll has returned.
func TestNoopPostedDuringTheUpgrade(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		poll := r.client.Poll()
		c := r.probe()
		r.send(c, "2probe")
		r.wantRecv(c, "3probe")
		r.want(r.client.Post("6"), 200, "ok")
		r.want(poll.Wait(), 200, "6")
		r.send(c, "5", "4hello")
		r.wantRecv(c, "4hello")
	})
}

// TestUpgradeBeforeAnyPoll: python-engineio opens the websocket before it polls again.
func TestUpgradeBeforeAnyPoll(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.accept = func(n *note) { _ = n.socket.Send(text("welcome")) }
		r.handshake()
		c := r.upgrade()
		r.wantRecv(c, "4welcome")
		r.send(c, "4hello")
		r.wantRecv(c, "4hello")
	})
}

func TestHeartbeatGoesOnAfterTheUpgrade(t *testing.T) {
	bubble(t, fast, func(r *rig) {
		r.handshake()
		c := r.upgrade()
		for range 3 {
			r.wantRecv(c, "2")
			r.send(c, "3")
		}
		r.wantRecv(c, "2")
		r.wantClosed(c, 1005)
		r.wantEnd(engineio.PingTimeout)
	})
}

func TestAbandonedUpgradeDoesNotStopTheHeartbeat(t *testing.T) {
	bubble(t, engineio.Options{PingInterval: time.Second, PingTimeout: time.Second}, func(r *rig) {
		r.handshake()
		r.send(r.probe(), "2probe")
		r.pass(2 * time.Second)
		r.wantEnd(engineio.PingTimeout)
	})
}

func TestEmptyCloseFrameForEveryEndButTooLarge(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*rig, *enginetest.Conn)
		code uint16
	}{
		"closed by the server":  {func(r *rig, _ *enginetest.Conn) { r.session(0).socket.Close(engineio.ForcedClose) }, 1005},
		"closed by the client":  {func(r *rig, c *enginetest.Conn) { r.send(c, "1") }, 1005},
		"a packet of no type":   {func(r *rig, c *enginetest.Conn) { r.send(c, "abc") }, 1005},
		"a ping":                {func(r *rig, c *enginetest.Conn) { r.send(c, "2") }, 1005},
		"the heartbeat":         {func(r *rig, _ *enginetest.Conn) { r.pass(45 * time.Second) }, 1005},
		"a message too large":   {func(r *rig, c *enginetest.Conn) { r.send(c, "4"+strings.Repeat("x", 1e6)) }, 1009},
		"base64 of one as well": {func(r *rig, c *enginetest.Conn) { r.send(c, "b"+strings.Repeat("A", 1e6)) }, 1009},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, engineio.Options{}, func(r *rig) {
				conn := r.dial()
				c.end(r, conn)
				for {
					f, err := conn.Recv()
					if err == nil && f.Data == "2" {
						continue
					}
					if e, ok := err.(*enginetest.CloseError); !ok || e.Code != c.code {
						t.Errorf("received %q and %v, want close code %d", f.Data, err, c.code)
					}
					return
				}
			})
		})
	}
}

func TestSessionEndsWhenABodyIsAborted(t *testing.T) {
	post := func(r *rig, method string) func(error) {
		query := "EIO=4&transport=polling&sid=" + r.client.SID
		return r.server.Receiving(&http.Request{Method: method, URL: &url.URL{Path: "/socket.io/", RawQuery: query}})
	}
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		poll := r.client.Poll()
		post(r, "POST")(io.EOF)
		r.wantEnd(engineio.TransportError)
		r.want(poll.Wait(), 200, "1")
		r.wantGone()
		if post(r, "POST") != nil || post(r, "GET") != nil {
			t.Error("somebody waits for a body of no session")
		}
	})
	t.Run("not if it has moved to a websocket", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			gone := post(r, "POST")
			r.upgrade()
			gone(io.EOF)
			r.wantAlive()
		})
	})
}
