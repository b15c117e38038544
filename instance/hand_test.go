package instance_test

import (
	"strings"
	"testing"

	"github.com/sockd/sockd/instance"
	"github.com/sockd/sockd/instance/worker"
)

// handWorker lets in who says "please", answers questions, and tells everybody.
const handWorker = `
import sys, json
def say(**m): print(json.dumps(m), flush=True)
say(ready=True)
for line in sys.stdin:
    m = json.loads(line)
    if m.get("type") == "connect":
        if (m.get("auth") or {}).get("word") == "please": say(accept=m["id"])
        else: say(refuse=m["id"], message="say please", data={"code": 7})
    elif m.get("type") == "event":
        a = m["args"]
        if a and a[0] == "die": sys.exit(1)
        if a and a[0] == "join": say(join="r", sid=m["sid"])
        if a and a[0] == "out": say(disconnect=m["sid"])
        if m.get("ack"): say(ack=m["id"], args=[m["event"], a])
        say(emit="told", args=a, to="room:r")
`

func TestWorker(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, `
[instance.x.auth]
mode = "worker"
[instance.x.on.ask]
to = "none"
worker = true
[instance.x.worker]
command = ["python3", "w.py"]
interpreter = "system"
restart = { initial = "10ms", max = "20ms" }
`, "w.py", handWorker))
	_, got := connect(t, r.addr, "")
	if got != `44{"message":"say please","data":{"code":7}}` && got != `44{"message":"say please","data":{"code": 7}}` {
		t.Fatalf("refusal: got %s", got)
	}
	a, got := connect(t, r.addr, `{"word":"please"}`)
	if !strings.HasPrefix(got, `40{"sid":`) {
		t.Fatalf("got %s", got)
	}
	a.send(`421["ask","join"]`)
	a.want(`431["ask",["join"]]`)
	a.want(`42["told","join"]`)
	a.send(`452-2["ask",{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}}]`)
	a.sendBinary("\x01\x02")
	a.sendBinary("")
	if got := a.recv(); !strings.HasPrefix(got, `462-2["ask",[{"_placeholder":true,"num":0}`) {
		t.Errorf("binary: got %s", got)
	}
	a.wantBinary("\x01\x02")
	a.wantBinary("")
	if got := a.recv(); !strings.HasPrefix(got, `452-["told",`) {
		t.Errorf("binary: got %s", got)
	}
	a.wantBinary("\x01\x02")
	a.wantBinary("")

	a.send(`423["ask","die"]`)
	if got := a.recv(); !strings.HasPrefix(got, `433[{"error":{"code":"worker","message":`) {
		t.Errorf("an answer that never comes: got %s", got)
	}
	eventually(t, "the worker is back", func() bool { w := r.Status().Worker; return w != nil && w.State == worker.Ready && w.Restarts == 1 })
	a.send(`424["ask","again"]`)
	a.want(`434["ask",["again"]]`)
	a.want(`42["told","again"]`)
	a.send(`42["ask","out"]`)
	a.want("41")
}

// TestWorkerThatCannotStart leaves the instance serving, and says why it is degraded.
func TestWorkerThatCannotStart(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, `
[instance.x.on.ask]
worker = true
[instance.x.on.other]
to = "sender"
[instance.x.worker]
command = ["python3", "w.py"]
interpreter = "nowhere/python"
`))
	a := dial(t, r.addr, "")
	eventually(t, "it is degraded", func() bool { return r.Status().State == instance.Degraded })
	if st := r.Status(); st.Cause != instance.CauseWorker || !strings.Contains(st.Note, "nowhere/python") {
		t.Errorf("got %q, %q", st.Cause, st.Note)
	}
	a.send(`42["other"]`)
	a.want(`42["other"]`)
	a.send(`421["ask"]`)
	if got := a.recv(); !strings.HasPrefix(got, `431[{"error":{"code":"worker"`) {
		t.Errorf("got %s", got)
	}
}
