package engineio_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/engineio"
)

func TestNoopIsRepeatedUntilTheUpgrade(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		c := r.probe()
		r.send(c, "2probe")
		start := time.Now()
		for i := range 5 {
			r.want(r.client.Get(), 200, "6")
			if got, want := time.Since(start).Truncate(ms), time.Duration(i+1)*100*ms; got != want {
				t.Errorf("noop %d after %v, want %v", i, got, want)
			}
		}
		r.send(c, "5", "4hello")
		r.wantRecv(c, "3probe", "4hello")
	})
}

func TestNoNoopBeforeTheProbe(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		poll := r.client.Poll()
		c := r.probe()
		r.pass(time.Second)
		synctest.Wait()
		if poll.Answered() {
			t.Error("the poll was answered")
		}
		r.send(c, "2probe")
		r.want(poll.Wait(), 200, "6")
	})
}

func TestMessagesUsePollingUntilTheUpgrade(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		s := r.session(0).socket
		poll := r.client.Poll()
		c := r.probe()
		r.send(c, "2probe")
		for _, m := range []string{"a", "b", "c"} {
			if err := s.Send(engineio.Text([]byte(m))); err != nil {
				t.Fatal(err)
			}
		}
		r.want(poll.Wait(), 200, "4a")
		r.want(r.client.Post("4d"), 200, "ok")
		r.send(c, "5")
		r.wantRecv(c, "3probe", "4b", "4c", "4d")
	})
}

func TestPollPendingAtTheUpgrade(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		c := r.probe()
		poll := r.client.Poll()
		r.send(c, "2probe", "5")
		r.want(poll.Wait(), 400, badRequest)
		if got := poll.Wait().Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("content type %q", got)
		}
		poll.Abort() // after its answer: nothing
		r.wantAlive()
		r.send(c, "4hello")
		r.wantRecv(c, "3probe", "4hello")
	})
}

func TestClientLeavesItsPollAndUpgrades(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		r.hold = make(chan struct{})
		c := r.probe()
		r.client.Poll().Abort()
		r.send(c, "5")
		close(r.hold) // the host tells only now
		r.wantAlive()
		r.send(c, "4hello")
		r.wantRecv(c, "4hello")
	})
}

func TestUpgradeWithoutAProbe(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		c := r.probe()
		r.send(c, "5", "4hello")
		r.wantRecv(c, "4hello")
	})
}

func TestFailedProbeLeavesPollingUnharmed(t *testing.T) {
	for _, first := range []string{"4hello", "2other", "3", "x", ""} {
		t.Run("first packet "+first, func(t *testing.T) {
			bubble(t, engineio.Options{}, func(r *rig) {
				r.handshake()
				c := r.probe()
				r.send(c, first)
				r.wantClosed(c, 1005)
				r.want(r.client.Post("4still here"), 200, "ok")
				r.want(r.client.Get(), 200, "4still here")
				r.wantAlive()
				r.send(r.upgrade(), "4again")
			})
		})
	}
	t.Run("binary", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			c := r.probe()
			if err := c.SendBinary("5"); err != nil {
				t.Fatal(err)
			}
			r.wantClosed(c, 1005)
			r.wantAlive()
		})
	})
	t.Run("the client closes it", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			c := r.probe()
			r.send(c, "2probe")
			c.Close(1000)
			poll := r.client.Poll()
			r.pass(time.Second)
			if synctest.Wait(); poll.Answered() {
				t.Error("a noop without a probe")
			}
			r.send(r.upgrade(), "4again")
			if got := r.server.Stats().Unfinished; got != 1 {
				t.Errorf("%d unfinished upgrades", got)
			}
		})
	})
	t.Run("the connection is cut", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			r.probe().Drop(nil)
			r.wantAlive()
		})
	})
}

func TestUpgradeTimeout(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		c := r.probe()
		r.send(c, "2probe")
		r.wantRecv(c, "3probe")
		start := time.Now()
		r.wantClosed(c, 1005)
		if got := time.Since(start).Truncate(ms); got != 10*time.Second {
			t.Errorf("closed after %v, want 10 s", got)
		}
		r.wantAlive()
		r.send(r.upgrade(), "4again")
	})
}

func TestAbandonedUpgradesAreReclaimed(t *testing.T) {
	bubble(t, fast, func(r *rig) {
		for range 50 {
			r.client = r.host.Client()
			r.handshake()
			r.send(r.probe(), "2probe") // and never again
		}
		r.pass(time.Second)
		synctest.Wait()
		if n := r.server.Len() + r.host.Open(); n != 0 {
			t.Errorf("%d sessions and connections are left", n)
		}
	})
}

func TestPingGoesOverPollingDuringTheUpgrade(t *testing.T) {
	bubble(t, fast, func(r *rig) {
		r.handshake()
		c := r.probe()
		r.pass(300 * ms)
		r.want(r.client.Get(), 200, "2")
		r.want(r.client.Post("3"), 200, "ok")
		r.send(c, "2probe", "5")
		r.wantRecv(c, "3probe", "2")
	})
}

func TestSecondWebSocketWhileUpgrading(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		c := r.probe()
		r.wantClosed(r.probe(), 1005)
		r.send(c, "2probe", "5", "4hello")
		r.wantRecv(c, "3probe", "4hello")
	})
}

func TestWebSocketSessionCannotBeUpgraded(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		c := r.dial()
		r.client.SID = r.session(0).socket.ID()
		r.wantClosed(r.probe(), 1005)
		r.send(c, "4hello")
		r.wantRecv(c, "4hello")
	})
}

func TestCloseDuringTheUpgrade(t *testing.T) {
	t.Run("the client goes on to upgrade", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			s := r.session(0).socket
			c := r.probe()
			r.send(c, "2probe")
			_ = s.Send(engineio.Text([]byte("last words")))
			s.Close(engineio.ForcedClose)
			r.send(c, "5")
			r.wantRecv(c, "3probe", "4last words")
			r.wantClosed(c, 1005)
			r.wantGone()
			r.wantEnd(engineio.ForcedClose)
		})
	})
	t.Run("the client polls instead", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			c := r.probe()
			r.send(c, "2probe")
			r.session(0).socket.Close(engineio.ForcedClose)
			r.want(r.client.Get(), 200, "6\x1e1")
			r.wantRecv(c, "3probe")
			r.wantClosed(c, 1005)
		})
	})
	t.Run("a poll is pending", func(t *testing.T) {
		bubble(t, engineio.Options{}, func(r *rig) {
			r.handshake()
			poll := r.client.Poll()
			c := r.probe()
			r.session(0).socket.Close(engineio.ForcedClose)
			r.want(poll.Wait(), 200, "1")
			r.wantClosed(c, 1005)
		})
	})
}

func TestBadUpgradeHandshake(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		r.client.Header.Set("Sec-WebSocket-Version", "8")
		if _, err := r.client.Dial(); err == nil {
			t.Fatal("the handshake was accepted")
		}
		r.client.Header.Del("Sec-WebSocket-Version")
		r.send(r.upgrade(), "4hello")
	})
	t.Run("of a new session", func(t *testing.T) {
		bubble(t, engineio.Options{MaxSockets: 1}, func(r *rig) {
			r.client.Header.Set("Sec-WebSocket-Version", "8")
			for range 3 {
				if _, err := r.client.Dial(); err == nil {
					t.Fatal("the handshake was accepted")
				}
			}
			r.client.Header.Del("Sec-WebSocket-Version")
			r.dial()
		})
	})
}

func TestUpgradeDisabled(t *testing.T) {
	bubble(t, engineio.Options{Transports: []string{"polling"}}, func(r *rig) {
		if o := r.handshake(); len(o.Upgrades) != 0 {
			t.Errorf("upgrades %q", o.Upgrades)
		}
		_, err := r.client.Dial()
		refused(t, err, 400, "Transport unknown")
	})
}
