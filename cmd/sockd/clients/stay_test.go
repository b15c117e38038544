package clients_test

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/sockd/sockd/fleet/control"
)

// websocketOnly is for clients that stay: over polling a client of 4.x opens a new connection for each request, which finds
// nobody on a port that its server has left.
var websocketOnly = map[string]string{"TRANSPORTS": "websocket"}

func TestPortMove(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 3)
	file := func(one, two int) string {
		return settings + fmt.Sprintf("[instance.one]\nport = %d\n[instance.two]\nport = %d\n", one, two)
	}
	at := func(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }
	d := newDaemon(t, file(ports[0], ports[1]))
	c := converse(t, websocketOnly, "node", "testdata/stay.mjs")
	one := c.ask("open one %s", at(ports[0]))
	two := c.ask("open two %s", at(ports[1]))

	d.reload(file(ports[2], ports[1]))
	if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ports[0])); err == nil {
		conn.Close()
		t.Error("the old port still answers")
	}
	c.ask("open late %s", at(ports[2]))
	c.ask("relay one late")
	c.ask("relay late one")

	d.reload(file(ports[1], ports[2])) // swapped
	c.ask("open atone %s", at(ports[1]))
	c.ask("open attwo %s", at(ports[2]))
	c.ask("relay atone one")
	c.ask("relay one late")
	c.ask("relay two attwo")
	for name, id := range map[string]any{"one": one, "two": two} {
		if got := fmt.Sprint(c.ask("state %s", name)); got != fmt.Sprintf("map[connected:true drops:[] id:%v]", id) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// What an edit concerns, and what it does not.
func TestEdits(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	base := strings.Replace(settings, `port = "auto"`+"\n", "", 1)
	one := fmt.Sprintf("[instance.one]\nport = %d\n", port)
	two := "[instance.two]\nport = \"auto\"\n"
	d := newDaemon(t, base+one+two)
	c := converse(t, websocketOnly, "node", "testdata/stay.mjs")
	c.ask("open stays %s", d.url("two"))
	c.ask("open main %s", d.url("one"))
	c.ask("open chat %s /chat", d.url("one"))

	d.reload(base + one + "namespaces = [\"/\"]\n" + two)
	if got := c.ask("dropped chat"); got != "io server disconnect" {
		t.Errorf("the client of a removed namespace was told %q", got)
	}
	d.reload(base + two) // the instance is gone: its transport closes, and its clients look for it
	if got := c.ask("dropped main"); got != "transport close" {
		t.Errorf("the client of a removed instance was told %q", got)
	}
	d.reload(base + one + two) // and find it
	c.ask("back main")
	d.reload(base + one + "path = \"/elsewhere/\"\n" + two) // a new instance on the same listener
	if got := c.ask("dropped main"); got != "transport close" {
		t.Errorf("the client of a replaced instance was told %q", got)
	}
	if got := fmt.Sprint(c.ask("state stays")); !strings.HasPrefix(got, "map[connected:true drops:[]") {
		t.Errorf("the client of the other instance: %s", got)
	}
}

// A daemon that ends and comes back finds its clients again, whether it drained or was killed.
func TestRestart(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	d := newDaemon(t, settings+fmt.Sprintf("[instance.one]\nport = %d\n", port))
	c := converse(t, websocketOnly, "node", "testdata/stay.mjs")
	id := c.ask("open one http://127.0.0.1:%d", port)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		d.end(sig)
		if got := c.ask("dropped one"); got != "transport close" {
			t.Errorf("after %v the client was told %q", sig, got)
		}
		d.run()
		if back := c.ask("back one"); back == id {
			t.Errorf("after %v the client has the same id", sig)
		}
	}
}

// A broken save, and then a good one, both found by the watcher: clients notice neither.
func TestWatchedEdits(t *testing.T) {
	t.Parallel()
	base := settings + "[instance.one]\n"
	d := newDaemon(t, base)
	c := converse(t, websocketOnly, "node", "testdata/stay.mjs")
	id := c.ask("open a %s", d.url("one"))
	d.write(base + "prot = 1\n")
	d.until("the fault is shown", func(s control.Status) bool {
		return s.Fleet.ConfigState == control.ConfigRejected && s.Fleet.ConfigError != nil && s.Fleet.ConfigError.Line > 0
	})
	d.write(base + "connect_timeout = \"30s\"\n[instance.two]\n")
	d.until("the edit is applied", func(s control.Status) bool {
		return s.Fleet.ConfigState == control.ConfigApplied && len(s.Instances) == 2 && s.Instances[1].State == "ready"
	})
	if got := fmt.Sprint(c.ask("state a")); got != fmt.Sprintf("map[connected:true drops:[] id:%v]", id) {
		t.Errorf("the client: %s", got)
	}
}

var nextPort atomic.Int64

// freePorts returns ports that were free a moment ago, below the range from which the kernel takes those of clients.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for len(ports) < n {
		p := 12000 + int(nextPort.Add(1))
		if p >= 30000 {
			t.Fatal("no free ports")
		}
		if ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p)); err == nil {
			ln.Close()
			ports = append(ports, p)
		}
	}
	return ports
}
