package instance_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/config"
)

func recoverable() *config.Instance {
	c := defaults()
	c.Recovery.Window = config.Duration(time.Minute)
	c.History = config.History{Size: 100, MaxBytes: 1 << 20, Replay: "missed"}
	return c
}

// rejoin connects with this auth and returns what came before the answer, and the answer.
func rejoin(t *testing.T, addr, auth string) (missed []string, sid, pid string) {
	t.Helper()
	c := open(t, addr)
	c.send("40" + auth)
	for {
		p := c.recv()
		answer, ok := strings.CutPrefix(p, "40")
		if !ok {
			missed = append(missed, p)
			continue
		}
		var reply struct{ SID, PID string }
		if err := json.Unmarshal([]byte(answer), &reply); err != nil {
			t.Fatal(err)
		}
		return missed, reply.SID, reply.PID
	}
}

func TestClientRecoversOverANewConnection(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), recoverable())
	_, sid, pid := rejoin(t, r.addr, "") // it stays open: the next connection takes over
	b, c := dial(t, r.addr, ""), dial(t, r.addr, "")
	b.send(`42["one"]`)
	b.send(`42["two",{"n":1}]`)
	c.recv() // they are published, and lost on the way to a connection that nobody reads
	c.recv()
	missed, again, same := rejoin(t, r.addr, `{"pid":"`+pid+`"}`)
	if again != sid || same != pid || len(missed) != 2 || !strings.HasPrefix(missed[0], `42["one","`) || !strings.HasPrefix(missed[1], `42["two",{"n":1},"`) {
		t.Errorf("sid %s, was %s; pid %s, was %s; missed %q", again, sid, same, pid, missed)
	}
}

func TestRecoveryIsSwitchedLive(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), defaults())
	a, b := dial(t, r.addr, ""), dial(t, r.addr, "")
	a.send(`42["plain"]`)
	b.want(`42["plain"]`)
	if err := r.Apply(recoverable()); err != nil {
		t.Fatal(err)
	}
	a.send(`42["kept"]`)
	if got := b.recv(); !strings.HasPrefix(got, `42["kept","`) || !strings.HasSuffix(got, `-2"]`) {
		t.Errorf("on: %s", got)
	}
	_, sid, pid := rejoin(t, r.addr, "")
	if pid == "" {
		t.Error("on: no pid")
	}
	if err := r.Apply(defaults()); err != nil {
		t.Fatal(err)
	}
	if _, again, none := rejoin(t, r.addr, `{"pid":"`+pid+`"}`); again == sid || none != "" {
		t.Errorf("off: sid %s, was %s; pid %q", again, sid, none)
	}
	a.send(`42["plain"]`)
	b.want(`42["plain"]`)
}

func TestWithoutHistoryOnlyWhoMissedNothingRecovers(t *testing.T) {
	t.Parallel()
	c := recoverable()
	c.History.Replay = "none"
	r := run(t, loops(t), c)
	_, sid, pid := rejoin(t, r.addr, "")
	_, again, _ := rejoin(t, r.addr, `{"pid":"`+pid+`"}`)
	if again != sid {
		t.Error("nothing was missed, but it is a new socket")
	}
	a, b := dial(t, r.addr, ""), dial(t, r.addr, "")
	a.send(`42["e"]`)
	b.recv()
	if _, again, _ := rejoin(t, r.addr, `{"pid":"`+pid+`"}`); again == sid {
		t.Error("an event is lost, but it was recovered")
	}
}
