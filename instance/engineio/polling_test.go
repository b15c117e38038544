package engineio_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
)

func TestPollingHeaders(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		check := func(what string, got enginetest.Response, contentType string) {
			t.Helper()
			if got.Header.Get("Content-Type") != contentType || got.Header.Get("Cache-Control") != "no-store" || len(got.Header) != 2 {
				t.Errorf("%s: headers %v", what, got.Header)
			}
		}
		const plain = "text/plain; charset=UTF-8"
		check("handshake", r.client.Get(), plain)
		r.handshake()
		check("post", r.client.Post("4a"), "text/html")
		check("poll with something waiting", r.client.Get(), plain)
		poll := r.client.Poll()
		r.client.Post("4b")
		check("parked poll", poll.Wait(), plain)
		r.client.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko")
		if got := r.client.Post("4c").Header.Get("X-Xss-Protection"); got != "0" {
			t.Errorf("X-XSS-Protection %q", got)
		}
	})
}

func TestPollGetsEverythingAtOnce(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		s := r.session(0).socket
		var want []string
		for range 500 {
			_ = s.Send(engineio.Batch(text("a"), engineio.Batch(engineio.Binary([]byte("\x00")), text("ü"))))
			want = append(want, "4a", "bAA==", "4ü")
		}
		r.want(r.client.Get(), 200, strings.Join(want, "\x1e"))
		poll := r.client.Poll()
		_ = s.Send(engineio.Batch(engineio.Binary(nil), text(""), engineio.Batch()))
		r.want(poll.Wait(), 200, "b\x1e4")
		_ = s.Send(engineio.Batch())
		if s.Buffered() != 0 {
			t.Errorf("an empty batch takes %d bytes", s.Buffered())
		}
	})
}

func TestPostedPackets(t *testing.T) {
	for _, c := range []struct {
		name, body string
		got        []string
		end        engineio.Reason
	}{
		{"an empty message", "4", []string{""}, ""},
		{"an empty binary message", "b", []string{""}, ""},
		{"what clients do not send is ignored", "0{}\x1e5\x1e6\x1e3\x1e4a", []string{"a"}, ""},
		{"a ping is an error", "4a\x1e2\x1e4b", []string{"a"}, engineio.TransportError},
		{"an empty body", "", nil, engineio.ParseError},
		{"a trailing separator", "4a\x1e", []string{"a"}, engineio.ParseError},
		{"an empty packet", "4a\x1e\x1e4b", []string{"a"}, engineio.ParseError},
		{"an unknown type", "4a\x1e74b\x1e4c", []string{"a"}, engineio.ParseError},
		{"packets after close", "4a\x1e1\x1e4b", []string{"a"}, engineio.TransportClose},
		{"the old form of base64", "b4AQID", []string{"\xe0\x04\x08"}, ""},
		{"base64 without padding", "bAQIDBA", []string{"\x01\x02\x03\x04"}, ""},
		{"base64 of the other alphabet", "b-_-_", []string{"\xfb\xff\xbf"}, ""},
		{"base64 with other characters", "bA Q!ID", []string{"\x01\x02\x03"}, ""},
		{"text that begins with 4", "44\x1e4b", []string{"4", "b"}, ""},
		{"invalid UTF-8", "4a\xffb\xe2\x82c\xf0\x90", []string{"a\ufffdb\ufffdc\ufffd"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, engineio.Options{}, func(r *rig) {
				r.handshake()
				r.react = func(*note, string) bool { return true }
				r.want(r.client.Post(c.body), 200, "ok")
				if got := r.session(0).messages(); strings.Join(got, "|") != strings.Join(c.got, "|") || len(got) != len(c.got) {
					t.Errorf("messages %q, want %q", got, c.got)
				}
				if c.end != "" {
					r.wantEnd(c.end)
				} else {
					r.wantAlive()
				}
			})
		})
	}
}

func TestBinaryBodyIsRefused(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		h := http.Header{"Content-Type": {"application/octet-stream"}}
		r.want(r.client.Do("POST", "EIO=4&transport=polling&sid="+r.client.SID, h, []byte("4a")).Wait(), 400, "")
		r.wantGone()
		r.wantEnd(engineio.TransportError)
	})
}

func TestRequestsOfASession(t *testing.T) {
	for _, c := range []struct {
		name, method, query string
		status              int
		body                string
	}{
		{"PUT", "PUT", "EIO=4&transport=polling", 500, ""},
		{"OPTIONS", "OPTIONS", "EIO=4&transport=polling", 500, ""},
		{"EIO differs", "GET", "EIO=3&transport=polling", 400, badRequest},
		{"EIO is missing", "POST", "transport=polling", 400, badRequest},
		{"another transport", "GET", "EIO=4&transport=websocket", 400, badRequest},
		{"transport is missing", "GET", "EIO=4", 400, `{"code":0,"message":"Transport unknown"}`},
		{"the id twice", "GET", "EIO=4&transport=polling&sid=abc", 400, unknownSession},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, engineio.Options{}, func(r *rig) {
				r.handshake()
				r.want(r.client.Do(c.method, c.query+"&sid="+r.client.SID, nil, nil).Wait(), c.status, c.body)
				r.wantAlive()
				r.want(r.client.Post("4a"), 200, "ok")
			})
		})
	}
}

func TestOriginWithControls(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.client.Header["Origin"] = []string{"http://a\x01"}
		r.want(r.client.Get(), 400, badRequest)
		r.client.Header["Origin"] = []string{"http://ä"}
		r.handshake()
	})
}

func TestTooLargeBody(t *testing.T) {
	bubble(t, engineio.Options{MaxPayload: 10}, func(r *rig) {
		r.handshake()
		r.want(r.client.Post("4123456789"), 200, "ok")
		r.want(r.client.Post("41234567890"), 413, "")
		r.wantAlive()
		r.want(r.client.Get(), 200, "4123456789")
	})
	t.Run("of a host that has no limit", func(t *testing.T) {
		bubble(t, engineio.Options{MaxPayload: 10}, func(r *rig) {
			r.host.Serve(http.HandlerFunc(r.server.ServeHTTP))
			r.handshake()
			r.want(r.client.Post("41234567890"), 413, "")
			r.wantAlive()
		})
	})
}

func TestTooLargeFrame(t *testing.T) {
	bubble(t, engineio.Options{MaxPayload: 10}, func(r *rig) {
		c := r.dial()
		r.send(c, "4123456789", "41234567890")
		r.wantRecv(c, "4123456789")
		r.wantClosed(c, 1009)
		r.wantEnd(engineio.TransportError)
	})
}

func TestOverlappingPosts(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		var second enginetest.Response
		r.react = func(*note, string) bool {
			second = r.client.Post("4second")
			return true
		}
		r.want(r.client.Post("4first\x1e4third"), 200, "ok")
		r.want(second, 400, "")
		r.wantEnd(engineio.TransportError)
		if got := r.session(0).messages(); len(got) != 1 {
			t.Errorf("messages %q", got)
		}
	})
}

func TestAbortAfterTheAnswerIsNothing(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		poll := r.client.Poll()
		r.client.Post("4a")
		poll.Abort()
		synctest.Wait()
		r.wantAlive()
	})
}

func TestWebSocketPackets(t *testing.T) {
	t.Run("base64 in text", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			c := r.dial()
			r.send(c, "bAQIDBA==")
			if f, err := c.Recv(); err != nil || f != (enginetest.Frame{Data: "\x01\x02\x03\x04"}) {
				t.Errorf("received %+v, %v", f, err)
			}
		})
	})
	t.Run("b64 in the query", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.client.Query = "b64=1"
			c := r.dial()
			_ = c.SendBinary("\x01\x02\x03\x04")
			r.send(c, "4hello")
			r.wantRecv(c, "bAQIDBA==", "4hello")
			_ = r.session(0).socket.Send(engineio.Batch(text("a"), engineio.Binary([]byte("b"))))
			r.wantRecv(c, "4a", "bYg==")
		})
	})
	for packet, want := range map[string]engineio.Reason{"": engineio.ParseError, "2": engineio.TransportError, "7": engineio.ParseError} {
		t.Run("packet "+packet, func(t *testing.T) {
			bubble(t, engineio.Options{}, func(r *rig) {
				c := r.dial()
				r.send(c, packet)
				r.wantClosed(c, 1005)
				r.wantEnd(want)
			})
		})
	}
	t.Run("what clients do not send is ignored", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			c := r.dial()
			r.send(c, "0", "5", "6", "3", "4hello")
			r.wantRecv(c, "4hello")
		})
	})
}

func TestRefuse(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.host.Serve(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { engineio.Refuse(w, q, engineio.Forbidden) }))
		r.want(r.client.Get(), 403, `{"code":4,"message":"Forbidden"}`)
		_, err := r.client.Dial()
		refused(t, err, 400, "Forbidden")
		if got := engineio.Code(9).String(); got != "code 9" {
			t.Error(got)
		}
	})
}
