package engineio_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/engineio"
)

// wantMessages expects the session to have got these messages, and no others.
func (n *note) wantMessages(want ...string) {
	n.r.Helper()
	synctest.Wait()
	if got := n.messages(); !slices.Equal(got, want) {
		n.r.Errorf("messages %q, want %q", got, want)
	}
}

// pauses makes the session pause within the message of that name.
func (r *rig) pauses(name string) {
	r.react = func(n *note, text string) bool {
		if text == name {
			n.socket.Pause()
		}
		return true
	}
}

func TestPausedWebSocket(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		c := r.dial()
		n := r.session(0)
		r.pauses("hold")
		r.send(c, "4a", "4hold", "4b", "4c")
		n.wantMessages("a", "hold")
		if got := c.Underway(); got != 2 {
			t.Errorf("%d messages under way, want 2", got)
		}
		n.socket.Pause()
		n.socket.Resume()
		n.wantMessages("a", "hold", "b", "c")
		r.send(c, "4d")
		n.wantMessages("a", "hold", "b", "c", "d")
		n.socket.Resume()
	})
}

func TestPausedPollingClient(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		n := r.session(0)
		r.pauses("hold")
		post := r.client.Do(http.MethodPost, "EIO=4&transport=polling&sid="+r.client.SID, nil, []byte("4a\x1e4hold\x1e4b\x1e4c"))
		n.wantMessages("a", "hold")
		if post.Answered() {
			t.Error("answered while the session is paused")
		}
		n.socket.Resume()
		n.wantMessages("a", "hold", "b", "c")
		r.want(post.Wait(), 200, "ok")
		if got := post.Wait().Header.Get("Content-Type"); got != "text/html" {
			t.Errorf("Content-Type %q", got)
		}

		n.socket.Pause()
		post = r.client.Do(http.MethodPost, "EIO=4&transport=polling&sid="+r.client.SID, nil, []byte("4d\x1e4hold\x1e4e"))
		n.wantMessages("a", "hold", "b", "c")
		n.socket.Resume()
		n.wantMessages("a", "hold", "b", "c", "d", "hold")
		n.socket.Resume()
		r.want(post.Wait(), 200, "ok")
		n.wantMessages("a", "hold", "b", "c", "d", "hold", "e")
	})
}

// TestPausedHeartbeat: a client that is held back is not late, one that could answer is.
func TestPausedHeartbeat(t *testing.T) {
	t.Run("websocket", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			c := r.dial()
			n := r.session(0)
			n.socket.Pause()
			r.wantRecv(c, "2")
			r.pass(time.Minute)
			if got := n.reasons(); len(got) != 0 {
				t.Fatalf("ended: %q", got)
			}
			n.socket.Resume()
			r.pass(fast.PingTimeout / 2)
			r.send(c, "3")
			r.wantRecv(c, "2")
			r.pass(2 * fast.PingTimeout)
			if got := n.reasons(); !slices.Equal(got, []engineio.Reason{engineio.PingTimeout}) {
				t.Errorf("ended: %q", got)
			}
		})
	})
	t.Run("a client that does not come back", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			c := r.dial()
			n := r.session(0)
			n.socket.Pause()
			r.wantRecv(c, "2")
			r.pass(time.Minute)
			n.socket.Resume()
			r.pass(2 * fast.PingTimeout)
			if got := n.reasons(); !slices.Equal(got, []engineio.Reason{engineio.PingTimeout}) {
				t.Errorf("ended: %q", got)
			}
		})
	})
	t.Run("polling", func(t *testing.T) {
		bubble(t, fast, func(r *rig) {
			r.handshake()
			n := r.session(0)
			n.socket.Pause()
			for range 3 {
				r.want(r.client.Get(), 200, "2")
				r.want(r.client.Post("3"), 200, "ok")
			}
			post := r.client.Do(http.MethodPost, "EIO=4&transport=polling&sid="+r.client.SID, nil, []byte("4a"))
			r.pass(time.Minute)
			if got := n.reasons(); len(got) != 0 {
				t.Fatalf("ended: %q", got)
			}
			n.socket.Resume()
			r.want(post.Wait(), 200, "ok")
			n.wantMessages("a")
			n.socket.Pause()
			r.pass(time.Minute)
			if got := n.reasons(); !slices.Equal(got, []engineio.Reason{engineio.PingTimeout}) {
				t.Errorf("ended: %q", got)
			}
		})
	})
}

func TestPausedSessionEnds(t *testing.T) {
	t.Run("by the server", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			n := r.session(0)
			n.socket.Pause()
			post := r.client.Do(http.MethodPost, "EIO=4&transport=polling&sid="+r.client.SID, nil, []byte("4a"))
			n.socket.Close(engineio.ForcedClose)
			r.want(post.Wait(), 200, "ok")
			n.wantMessages()
			n.socket.Pause()
			n.socket.Resume()
		})
	})
	t.Run("its poster leaves", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			n := r.session(0)
			n.socket.Pause()
			r.client.Do(http.MethodPost, "EIO=4&transport=polling&sid="+r.client.SID, nil, []byte("4a")).Abort()
			if got := n.reasons(); !slices.Equal(got, []engineio.Reason{engineio.TransportError}) {
				t.Errorf("ended: %q", got)
			}
			n.socket.Resume()
			n.wantMessages()
		})
	})
	t.Run("a second POST", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			n := r.session(0)
			n.socket.Pause()
			post := r.client.Do(http.MethodPost, "EIO=4&transport=polling&sid="+r.client.SID, nil, []byte("4a"))
			r.want(r.client.Post("4b"), 400, "")
			r.want(post.Wait(), 200, "ok")
			if got := n.reasons(); !slices.Equal(got, []engineio.Reason{engineio.TransportError}) {
				t.Errorf("ended: %q", got)
			}
			n.wantMessages()
		})
	})
}

// TestPauseOutlivesTheUpgrade: the websocket that takes over is paused, too.
func TestPauseOutlivesTheUpgrade(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		n := r.session(0)
		n.socket.Pause()
		c := r.upgrade()
		r.send(c, "4a", "4b")
		n.wantMessages()
		n.socket.Resume()
		n.wantMessages("a", "b")
	})
}

func TestBodiesOverlap(t *testing.T) {
	request := func(r *rig) *http.Request {
		q, err := http.NewRequest(http.MethodPost, "http://sockd.test/socket.io/?EIO=4&transport=polling&sid="+r.client.SID, strings.NewReader("4a"))
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	ended := []engineio.Reason{engineio.TransportError}
	for _, c := range []struct {
		name   string
		run    func(*rig, *http.Request, func(error))
		reason []engineio.Reason
	}{
		{"another in one piece", func(r *rig, _ *http.Request, _ func(error)) { r.want(r.client.Post("4b"), 400, "") }, ended},
		{"another in pieces", func(r *rig, _ *http.Request, _ func(error)) {
			if gone := r.server.Receiving(request(r)); gone != nil {
				r.Error("a second body is waited for")
			}
		}, ended},
		{"its client leaves", func(_ *rig, _ *http.Request, gone func(error)) { gone(io.EOF) }, ended},
		{"it is too large", func(r *rig, _ *http.Request, gone func(error)) {
			gone(fmt.Errorf("refused: %w", &http.MaxBytesError{Limit: 1}))
			r.want(r.client.Post("4b"), 200, "ok")
			r.session(0).wantMessages("b")
		}, nil},
		{"another handler refuses it", func(r *rig, _ *http.Request, gone func(error)) {
			gone(nil)
			r.want(r.client.Post("4b"), 200, "ok")
			r.session(0).wantMessages("b")
		}, nil},
		{"it comes to its end, and is held", func(r *rig, q *http.Request, gone func(error)) {
			n := r.session(0)
			n.socket.Pause()
			first := r.client.Serve(q)
			gone(nil)
			r.want(r.client.Post("4b"), 400, "")
			r.want(first.Wait(), 200, "ok")
			n.wantMessages()
		}, ended},
		{"it comes to its end", func(r *rig, q *http.Request, _ func(error)) {
			r.want(r.client.Serve(q).Wait(), 200, "ok")
			r.want(r.client.Post("4b"), 200, "ok")
			r.session(0).wantMessages("a", "b")
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, engineio.Options{}, func(r *rig) {
				r.handshake()
				q := request(r)
				gone := r.server.Receiving(q)
				if gone == nil {
					t.Fatal(errors.New("the body is not waited for"))
				}
				c.run(r, q, gone)
				if got := r.session(0).reasons(); !slices.Equal(got, c.reason) {
					t.Errorf("ended %q, want %q", got, c.reason)
				}
			})
		})
	}
}
