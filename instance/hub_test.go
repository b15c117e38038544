package instance_test

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gobwas/ws/wsutil"

	"github.com/sockd/sockd/instance"
)

func TestHubRelaysToTheOthersInOrder(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), defaults())
	a, b, c := dial(t, r.addr, ""), dial(t, r.addr, ""), dial(t, r.addr, "")
	const n = 2000
	for i := range n {
		a.send(`42["tick",` + strconv.Itoa(i) + `]`)
	}
	for _, other := range []*client{b, c} {
		for i := range n {
			other.want(`42["tick",` + strconv.Itoa(i) + `]`)
		}
	}
	b.send(`42["back"]`) // the first thing that the sender gets
	a.want(`42["back"]`)
	c.want(`42["back"]`)
	eventually(t, "all is counted", func() bool { return r.Status().EventsOut == 2*(n+1) }) // a moment after it is sent
	if st := r.Status(); st.Clients != 3 || st.EventsIn != n+1 {
		t.Errorf("status: %+v", st)
	}
}

func TestEveryoneSeesOneOrder(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), defaults())
	const senders, each = 6, 200
	watchers := []*client{dial(t, r.addr, ""), dial(t, r.addr, "")}
	done := make(chan struct{}, senders)
	for s := range senders {
		c := dial(t, r.addr, "")
		go func() {
			for i := range each {
				c.send(`42["e",` + strconv.Itoa(s) + `,` + strconv.Itoa(i) + `]`)
			}
			done <- struct{}{}
			for range (senders - 1) * each { // keep reading, so that nobody is slow
				if _, err := c.read(); err != nil {
					return
				}
			}
		}()
	}
	for range senders {
		<-done
	}
	for i := range senders * each {
		if x, y := watchers[0].recv(), watchers[1].recv(); x != y {
			t.Fatalf("event %d: %q and %q", i, x, y)
		}
	}
}

func TestNamespacesAreApart(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.Namespaces = []string{"/", "/custom", "/room-*"}
	r := run(t, loops(t), c)
	a, b := dial(t, r.addr, "/custom,"), dial(t, r.addr, "")
	x, y := dial(t, r.addr, "/room-1,"), dial(t, r.addr, "/room-1,")
	a.send(`42/custom,["here"]`)
	x.send(`42/room-1,["there"]`)
	y.want(`42/room-1,["there"]`)
	b.send("40/nope,")
	b.want(`44/nope,{"message":"Invalid namespace"}`)
}

func TestRemovedNamespaceLeavesTheOthers(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.Namespaces = []string{"/", "/old"}
	r := run(t, loops(t), c)
	old, a, b := dial(t, r.addr, "/old,"), dial(t, r.addr, ""), dial(t, r.addr, "")
	next := *c
	next.Namespaces = []string{"/", "/new"}
	if err := r.Apply(&next); err != nil {
		t.Fatal(err)
	}
	old.want("41/old,")
	old.send("40/new,")
	if got := old.recv(); !strings.HasPrefix(got, "40/new,{") {
		t.Errorf("the connection of a removed namespace cannot join another: %q", got)
	}
	a.send(`42["still"]`)
	b.want(`42["still"]`)
}

func TestListenerMovesAndClientsStay(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), defaults())
	a := dial(t, r.addr, "")
	ln := listen(t)
	r.Serve(ln)
	_ = r.ln.Close()
	b := dial(t, ln.Addr().String(), "")
	b.send(`42["across"]`)
	a.want(`42["across"]`)
	if conn, err := net.Dial("tcp", r.addr); err == nil {
		_ = conn.Close()
		t.Error("the old address still takes connections")
	}
}

func TestDrainClosesTheTransportWithoutADisconnectPacket(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), defaults())
	clients := []*client{dial(t, r.addr, ""), dial(t, r.addr, ""), dial(t, r.addr, "")}
	if err := r.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	for _, c := range clients {
		p, err := c.read()
		var closed wsutil.ClosedError
		if p != "" || !errors.As(err, &closed) || closed.Code != 1005 {
			t.Errorf("got %q, %v; want an empty close frame", p, err)
		}
	}
	if st := r.Status(); st.State != instance.Draining || st.Clients != 0 {
		t.Errorf("after the drain: %+v", st)
	}
}

func TestClientLimit(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.Limits.Clients = 2
	r := run(t, loops(t), c)
	dial(t, r.addr, "")
	dial(t, r.addr, "")
	if status, _, _ := request(t, r.addr, "GET", "/socket.io/?EIO=4&transport=polling"); status != 503 {
		t.Errorf("third client: %d, want 503", status)
	}
	next := *c
	next.Limits.Clients = 3
	if err := r.Apply(&next); err != nil {
		t.Fatal(err)
	}
	dial(t, r.addr, "")
}

// A client that fills the table of namespaces by pattern keeps nobody else out once it has left them.
func TestNamespacesByPatternAreGivenUp(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.Namespaces = []string{"/", "/room-*"}
	r := run(t, loops(t), c)
	greedy := dial(t, r.addr, "")
	last := ""
	for i := range 1100 {
		greedy.send("40/room-" + strconv.Itoa(i) + ",")
		last = greedy.recv()
	}
	if !strings.Contains(last, "Invalid namespace") {
		t.Errorf("the 1100th namespace: %q", last)
	}
	other := open(t, r.addr)
	other.send("40/room-x,")
	other.want(`44/room-x,{"message":"Invalid namespace"}`)
	greedy.send("41/room-7,")
	greedy.send("40/room-y,") // answered after the 41 was handled
	if got := greedy.recv(); !strings.HasPrefix(got, "40/room-y,{") {
		t.Errorf("into the place of one that was left: %q", got)
	}
	_ = greedy.conn.Close()
	again := dial(t, r.addr, "")
	for range 1000 { // until the server has noticed
		again.send("40/room-z,")
		if got := again.recv(); strings.HasPrefix(got, "40/room-z,{") {
			return
		}
	}
	t.Error("nobody can open a namespace any more")
}

// A smaller max_payload is for clients that come from now on; the others keep what their handshake said.
func TestMaxPayloadOfOpenClientsStays(t *testing.T) {
	t.Parallel()
	c := defaults()
	r := run(t, loops(t), c)
	old, other := dial(t, r.addr, ""), dial(t, r.addr, "")
	next := *c
	next.MaxPayload = 1000
	if err := r.Apply(&next); err != nil {
		t.Fatal(err)
	}
	large := `42["x","` + strings.Repeat("y", 5000) + `"]`
	old.send(large)
	other.want(large)
	fresh := dial(t, r.addr, "")
	fresh.send(large)
	_, err := fresh.read()
	var closed wsutil.ClosedError
	if !errors.As(err, &closed) || closed.Code != 1009 {
		t.Errorf("a new client: %v, want 1009", err)
	}
}

// A namespace that an edit names in full is not given up any more when patterns fill the table, and one that is refused gives up nothing.
func TestNamedNamespacesAreNotGivenUp(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.Namespaces = []string{"/", "/room-*"}
	r := run(t, loops(t), c)
	greedy := dial(t, r.addr, "")
	for i := range 1020 {
		greedy.send("40/room-" + strconv.Itoa(i) + ",")
		greedy.recv()
	}
	next := *c
	next.Namespaces = []string{"/", "/room-0", "/room-*"}
	if err := r.Apply(&next); err != nil {
		t.Fatal(err)
	}
	greedy.send("41/room-0,")
	greedy.send("41/room-1,")
	for _, p := range []string{"/forbidden", "/room-a", "/room-b", "/room-c", "/room-d"} {
		greedy.send("40" + p + ",")
		greedy.recv()
	}
	if spaces := r.Spaces(); !slices.Contains(spaces, "/room-0") || slices.Contains(spaces, "/room-1") {
		t.Errorf("/room-0 was given up, or /room-1 was not")
	}
}
