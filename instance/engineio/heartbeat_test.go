package engineio_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/engineio"
)

const ms = time.Millisecond

func TestPingIsCountedFromTheLastPong(t *testing.T) {
	bubble(t, fast, func(r *rig) {
		c := r.dial()
		start := time.Now()
		for i, want := range []time.Duration{300 * ms, 750 * ms, 1200 * ms} { // each pong takes 150 ms
			r.wantRecv(c, "2")
			if got := time.Since(start).Truncate(ms); got != want {
				t.Errorf("ping %d after %v, want %v", i, got, want)
			}
			r.pass(150 * ms)
			r.send(c, "3")
		}
	})
}

func TestPongThatNobodyAskedForIsIgnored(t *testing.T) {
	bubble(t, fast, func(r *rig) {
		c := r.dial()
		start := time.Now()
		r.pass(200 * ms)
		r.send(c, "3")
		r.wantRecv(c, "2")
		if got := time.Since(start).Truncate(ms); got != 300*ms {
			t.Errorf("ping after %v, want 300 ms", got)
		}
	})
}

func TestAnotherPacketRestartsTheTimeoutOnce(t *testing.T) {
	bubble(t, fast, func(r *rig) {
		c := r.dial()
		r.wantRecv(c, "2")
		r.pass(150 * ms)
		r.send(c, "4one")
		r.wantRecv(c, "4one")
		r.pass(150 * ms) // past the timeout of the ping, but not of the message
		synctest.Wait()
		r.wantAlive()
		r.send(c, "4two")
		r.wantRecv(c, "4two")
		r.pass(50 * ms)
		synctest.Wait()
		if err := c.Send("4three"); err == nil {
			t.Error("the second message restarted the timeout too")
		}
		r.wantClosed(c, 1005)
		r.wantEnd(engineio.PingTimeout)
	})
}

func TestRestartedTimeoutCountsForEachPing(t *testing.T) {
	bubble(t, fast, func(r *rig) {
		c := r.dial()
		for range 3 {
			r.wantRecv(c, "2")
			r.pass(150 * ms)
			r.send(c, "6")
			r.pass(150 * ms)
			r.send(c, "3")
		}
		r.wantAlive()
	})
}

func TestSilentPollingSessionDies(t *testing.T) {
	bubble(t, engineio.Options{}, func(r *rig) {
		r.handshake()
		r.pass(45*time.Second - ms)
		synctest.Wait()
		r.wantAlive()
		r.pass(ms)
		r.wantEnd(engineio.PingTimeout)
		if n := r.server.Len(); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
}

func TestPendingPollIsAnsweredAtTheTimeout(t *testing.T) {
	bubble(t, fast, func(r *rig) {
		r.handshake()
		r.want(r.client.Get(), 200, "2")
		r.want(r.client.Get(), 200, "1")
		r.wantGone()
		r.wantEnd(engineio.PingTimeout)
	})
}

func TestShortIntervalWithLongTimeout(t *testing.T) {
	bubble(t, engineio.Options{PingInterval: 50 * ms, PingTimeout: time.Second}, func(r *rig) {
		c := r.dial()
		start := time.Now()
		for range 4 {
			r.wantRecv(c, "2")
			r.send(c, "3")
		}
		if got := time.Since(start).Truncate(ms); got != 200*ms {
			t.Errorf("four pings took %v, want 200 ms", got)
		}
	})
}

func TestDeadlinesHoldWithoutTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t}
		r.start(fast) // and no Run
		r.handshake()
		r.pass(300 * ms)
		r.want(r.client.Get(), 200, "2")
		r.pass(200 * ms)
		r.wantGone()
		r.wantEnd(engineio.PingTimeout)
	})
}

func TestLatePingGivesTheWholeTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t}
		r.start(fast)
		c := r.dial()
		r.pass(450 * ms) // the clock was held up
		engineio.Ticks(r.server)
		r.wantRecv(c, "2")
		r.pass(199 * ms)
		engineio.Ticks(r.server)
		r.wantAlive()
		r.pass(2 * ms)
		engineio.Ticks(r.server)
		r.wantEnd(engineio.PingTimeout)
	})
}

func TestManySessionsEachHaveTheirOwnTime(t *testing.T) {
	bubble(t, engineio.Options{PingInterval: time.Second, PingTimeout: 500 * ms}, func(r *rig) {
		const n = 300
		for i := range n {
			c := r.host.Client()
			if _, err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			if i%3 == 0 {
				c.Post("1") // leaves from the middle of the heap
			}
			r.pass(time.Duration(i*37%11) * ms)
		}
		r.pass(2 * time.Second)
		synctest.Wait()
		st := r.server.Stats()
		if st.Open != 0 || st.Ended[engineio.PingTimeout] != n-n/3 || st.Ended[engineio.TransportClose] != n/3 {
			t.Errorf("stats %+v", st)
		}
	})
}
