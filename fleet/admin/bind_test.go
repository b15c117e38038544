package admin_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/fleet/admin"
	"github.com/sockd/sockd/fleet/control"
)

// network is one in memory, of which some addresses are taken.
type network struct {
	mu    sync.Mutex
	taken map[string]bool
	order []string // what was opened and closed
	tries []time.Time
}

func newNetwork(taken ...string) *network {
	n := &network{taken: make(map[string]bool)}
	for _, a := range taken {
		n.taken[a] = true
	}
	return n
}

func (n *network) listen(_ context.Context, address string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tries = append(n.tries, time.Now())
	_, port, _ := net.SplitHostPort(address)
	for a := range n.taken {
		if strings.HasSuffix(a, ":"+port) {
			return nil, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
		}
	}
	n.taken[address] = true
	n.order = append(n.order, "open "+address)
	return &quiet{n: n, address: address, closed: make(chan struct{})}, nil
}

func (n *network) free(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.taken, address)
}

func (n *network) history() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.order, ", ")
}

// quiet is a listener that nobody dials.
type quiet struct {
	n       *network
	address string
	once    sync.Once
	closed  chan struct{}
}

func (q *quiet) Accept() (net.Conn, error) { <-q.closed; return nil, net.ErrClosed }

func (q *quiet) Close() error {
	q.once.Do(func() {
		q.n.free(q.address)
		q.n.mu.Lock()
		q.n.order = append(q.n.order, "close "+q.address)
		q.n.mu.Unlock()
		close(q.closed)
	})
	return nil
}

func (q *quiet) Addr() net.Addr {
	a, _ := net.ResolveTCPAddr("tcp", q.address)
	return a
}

// within runs a server on n in a bubble of time.
func within(t *testing.T, n *network, s admin.Settings, f func(*admin.Server)) {
	synctest.Test(t, func(t *testing.T) {
		x := admin.New(admin.Options{Backend: sample(), Settings: s, Listen: n.listen})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- x.Run(ctx) }()
		synctest.Wait()
		f(x)
		cancel()
		if err := <-ended; err != nil || x.Address() != "" {
			t.Errorf("Run: got %v, address %q", err, x.Address())
		}
	})
}

func configure(t *testing.T, x *admin.Server, s admin.Settings) {
	t.Helper()
	if err := x.Configure(s); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func TestTheDefaultAddressTakesTheNextFreePort(t *testing.T) {
	n := newNetwork("127.0.0.1:8700", "127.0.0.1:8701")
	within(t, n, admin.Settings{Listen: "127.0.0.1:8700", Reserved: []int{8702}}, func(x *admin.Server) {
		if got := x.Address(); got != "127.0.0.1:8703" || x.Note() != "" {
			t.Errorf("got %q, note %q", got, x.Note())
		}
		n.free("127.0.0.1:8700")
		configure(t, x, admin.Settings{Listen: "127.0.0.1:8700", Reserved: []int{8702}})
		if got := x.Address(); got != "127.0.0.1:8703" {
			t.Errorf("after an edit of something else: got %q, want the same address", got)
		}
		configure(t, x, admin.Settings{Listen: "127.0.0.1:8700", Reserved: []int{8703}})
		if got := x.Address(); got != "127.0.0.1:8700" {
			t.Errorf("after an instance wants the port: got %q", got)
		}
	})
}

func TestTheDefaultAddressYields(t *testing.T) {
	n := newNetwork("127.0.0.1:8700")
	settings := admin.Settings{Listen: "127.0.0.1:8700"}
	within(t, n, settings, func(x *admin.Server) {
		if x.Yield(8700) || x.MayYield(8700) || x.Address() != "127.0.0.1:8701" {
			t.Errorf("a port that is not its own: got %q", x.Address())
		}
		if !x.MayYield(8701) || x.Address() != "127.0.0.1:8701" {
			t.Errorf("before it is asked: got %q", x.Address())
		}
		if !x.Yield(8701) {
			t.Error("its own port: got false")
		}
		synctest.Wait()
		if got := x.Address(); got != "127.0.0.1:8702" || x.Note() != "" {
			t.Errorf("after it has yielded, and nobody has come: got %q, note %q", got, x.Note())
		}
		configure(t, x, settings)
		if got := x.Address(); got != "127.0.0.1:8702" {
			t.Errorf("after an edit: got %q", got)
		}
	})
	if x := admin.New(admin.Options{Backend: sample(), Settings: settings, Listen: n.listen}); x.Yield(8700) || x.MayYield(8700) {
		t.Error("one that does not run has yielded")
	}
	within(t, newNetwork(), admin.Settings{Listen: "127.0.0.1:8700", Fixed: true}, func(x *admin.Server) {
		if x.Yield(8700) || x.MayYield(8700) || x.Address() != "127.0.0.1:8700" {
			t.Errorf("a written address: got %q", x.Address())
		}
	})
}

func TestAWrittenAddressIsWaitedFor(t *testing.T) {
	n := newNetwork("127.0.0.1:9000")
	within(t, n, admin.Settings{Listen: "127.0.0.1:9000", Fixed: true}, func(x *admin.Server) {
		<-time.After(time.Minute)
		if x.Address() != "" || !strings.Contains(x.Note(), "127.0.0.1:9000 is in use") {
			t.Errorf("got %q, note %q", x.Address(), x.Note())
		}
		for i := range n.tries[1:] {
			if gap := n.tries[i+1].Sub(n.tries[i]); gap > 5*time.Second || gap < 200*time.Millisecond {
				t.Errorf("tried again after %v", gap)
			}
		}
		n.free("127.0.0.1:9000")
		<-time.After(5 * time.Second)
		synctest.Wait()
		if x.Address() != "127.0.0.1:9000" || x.Note() != "" {
			t.Errorf("after it is free: got %q, note %q", x.Address(), x.Note())
		}
	})
}

func TestANewAddressIsOpenBeforeTheOldOneIsClosed(t *testing.T) {
	for _, c := range []struct {
		name string
		n    *network
		next admin.Settings
		want string // what was opened and closed
		at   string
	}{
		{"another port", newNetwork(), admin.Settings{Listen: "127.0.0.1:9001", Fixed: true},
			"open 127.0.0.1:9000, open 127.0.0.1:9001, close 127.0.0.1:9000", "127.0.0.1:9001"},
		{"a port that is in use", newNetwork("127.0.0.1:9001"), admin.Settings{Listen: "127.0.0.1:9001", Fixed: true},
			"open 127.0.0.1:9000", "127.0.0.1:9000"},
		{"the same port of another host", newNetwork(), admin.Settings{Listen: "0.0.0.0:9000", Fixed: true, Token: secret},
			"open 127.0.0.1:9000, close 127.0.0.1:9000, open 0.0.0.0:9000", "0.0.0.0:9000"},
		{"off", newNetwork(), admin.Settings{Listen: admin.Off}, "open 127.0.0.1:9000, close 127.0.0.1:9000", ""},
		{"only the token", newNetwork(), admin.Settings{Listen: "127.0.0.1:9000", Fixed: true, Token: secret}, "open 127.0.0.1:9000", "127.0.0.1:9000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			within(t, c.n, admin.Settings{Listen: "127.0.0.1:9000", Fixed: true}, func(x *admin.Server) {
				configure(t, x, c.next)
				if got := c.n.history(); got != c.want || x.Address() != c.at {
					t.Errorf("got %s at %q\nwant %s at %q", got, x.Address(), c.want, c.at)
				}
			})
		})
	}
}

func TestRequestsUnderWayEndInTheirOwnTime(t *testing.T) {
	b := &slow{backend: sample(), begun: make(chan struct{}), end: make(chan struct{})}
	x := run(t, admin.Options{Backend: b, Settings: admin.Settings{Listen: "127.0.0.1:0"}})
	old := x.await(func(a string) bool { return a != "" })
	answered := make(chan error, 1)
	go func() {
		answer, err := x.client.Get("http://" + old + "/api/status")
		if err == nil {
			answer.Body.Close()
		}
		answered <- err
	}()
	<-b.begun
	if err := x.Configure(admin.Settings{Listen: "localhost:0"}); err != nil {
		t.Fatal(err)
	}
	x.await(func(a string) bool { return a != old && a != "" })
	if got := x.get("/healthz"); got.status != http.StatusOK {
		t.Errorf("the new address: got %d", got.status)
	}
	close(b.end)
	if err := <-answered; err != nil {
		t.Errorf("the request of the old address: %v", err)
	}
}

// slow is a fleet whose status takes its time.
type slow struct {
	*backend
	once       sync.Once
	begun, end chan struct{}
}

func (s *slow) Metrics() control.Metrics {
	s.once.Do(func() { close(s.begun) })
	<-s.end
	return s.backend.Metrics()
}
