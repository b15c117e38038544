package fleet_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet"
	"github.com/sockd/sockd/fleet/control"
)

// patience bounds every wait for something real.
const patience = 20 * time.Second

// real is a fleet of real instances, with its file.
type real struct {
	*fleet.Fleet
	t    *testing.T
	path string
}

// runFile runs the fleet of a file until the test ends, and waits until it has settled.
func runFile(t *testing.T, text string) *real {
	t.Helper()
	r := &real{t: t, path: filepath.Join(t.TempDir(), "sockd.toml")}
	r.write(text)
	r.Fleet = fleet.New(fleet.Options{Load: func() (*config.Config, error) { return config.Load(r.path) }, MaxFiles: 1024})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	select {
	case <-r.Settled():
	case <-time.After(patience):
		t.Fatal("not settled")
	}
	return r
}

func (r *real) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.path, []byte("[admin]\nlisten = \"off\"\n[fleet]\ndrain = \"0s\"\n"+text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *real) edit(text string) control.Report {
	r.t.Helper()
	r.write(text)
	report, err := r.Reload(context.Background(), control.ReloadOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	return report
}

func (r *real) address(name string) string {
	for _, in := range r.Status().Instances {
		if in.Name == name {
			return in.Address
		}
	}
	r.t.Fatalf("no instance %s", name)
	return ""
}

// dial opens a websocket and connects to a namespace.
func dial(t *testing.T, addr, namespace string) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, br, _, err := ws.Dial(ctx, "ws://"+addr+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if br != nil {
		if early, err := br.Peek(br.Buffered()); err == nil && len(early) > 0 {
			conn = &resumed{Conn: conn, early: bytes.NewReader(bytes.Clone(early))}
		}
	}
	receive(t, conn, "0{")
	if namespace == "/" {
		send(t, conn, "40")
		receive(t, conn, "40{")
		return conn
	}
	send(t, conn, "40"+namespace+",")
	receive(t, conn, "40"+namespace+",")
	return conn
}

// resumed reads first what came with the handshake.
type resumed struct {
	net.Conn
	early *bytes.Reader
}

func (r *resumed) Read(p []byte) (int, error) {
	if r.early.Len() > 0 {
		return r.early.Read(p)
	}
	return r.Conn.Read(p)
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if err := wsutil.WriteClientText(conn, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, conn net.Conn, prefix string) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	got, err := wsutil.ReadServerText(conn)
	if err != nil || !strings.HasPrefix(string(got), prefix) {
		t.Fatalf("received %q, %v, want %s…", got, err, prefix)
	}
}

// The address of another instance cannot be had after ours was closed for it: nothing of the edit takes place, least of all what cannot be
// undone.
func TestRolledBackEditDisconnectsNobody(t *testing.T) {
	t.Parallel()
	stranger, port := strangerBeside(t)
	const a, names = "[instance.a]\nport = \"auto\"\n", `namespaces = ["/", "/x"]` + "\n"
	b := "[instance.b]\nport = " + port + "\n"
	r := runFile(t, a+names+b)
	one, other := dial(t, r.address("a"), "/x"), dial(t, r.address("a"), "/x")
	stays := dial(t, r.address("b"), "/")

	report := r.edit(a + b + `host = "0.0.0.0"` + "\n")
	if report.Outcome != control.RolledBack {
		t.Fatalf("got %+v, want rolled_back while %s is held", report, stranger)
	}
	send(t, one, `42/x,["still"]`)
	receive(t, other, `42/x,["still"]`)
	next := dial(t, r.address("b"), "/")
	send(t, next, `42["here"]`)
	receive(t, stays, `42["here"]`)
	f := report.Error
	if f == nil || f.File != r.path || f.Line != 9 || f.Col != 1 || f.Hint == "" || !strings.Contains(f.Message, "port "+port+" in use by pid "+strconv.Itoa(os.Getpid())) {
		t.Errorf("fault %+v, want it at the key host", f)
	}
}

// strangerBeside listens on one loopback address and returns a port that is free on another one, but not on all.
func strangerBeside(t *testing.T) (addr, port string) {
	t.Helper()
	for range 20 {
		ln, err := net.Listen("tcp", "127.0.0.2:0")
		if err != nil {
			t.Skipf("no second loopback address: %v", err)
		}
		_, port, _ = net.SplitHostPort(ln.Addr().String())
		free, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			ln.Close()
			continue
		}
		free.Close()
		t.Cleanup(func() { ln.Close() })
		return ln.Addr().String(), port
	}
	t.Fatal("no port is free on both addresses")
	return "", ""
}

// A fault that shows only when the address is bound has a place in the file.
func TestBusyAddressHasAPlace(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	r := runFile(t, "[instance.a]\nport = \"auto\"\n")
	report := r.edit("[instance.a]\n  # moved\n  port = " + port + "\n")
	f := report.Error
	if report.Outcome != control.Rejected || f == nil || f.File != r.path || f.Line != 7 || f.Col != 3 || f.Hint == "" {
		t.Errorf("got %+v, fault %+v", report, f)
	}
	if st := r.Status().Fleet.ConfigError; st == nil || st.Line != 7 {
		t.Errorf("config_error: %+v", st)
	}
}

// A move keeps the websocket clients and says how many others it costs their session.
func TestMoveCountsPollingClients(t *testing.T) {
	t.Parallel()
	_, port := strangerBeside(t)
	r := runFile(t, "[instance.a]\nport = \"auto\"\n")
	one, other := dial(t, r.address("a"), "/"), dial(t, r.address("a"), "/")
	for range 2 {
		res, err := http.Get("http://" + r.address("a") + "/socket.io/?EIO=4&transport=polling")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	report := r.edit("[instance.a]\nport = " + port + "\n")
	if report.Outcome != control.Applied || len(report.Steps) != 1 || !strings.HasSuffix(report.Steps[0].Detail, "→ 127.0.0.1:"+port+", 2 polling clients reconnect") {
		t.Errorf("got %+v", report)
	}
	send(t, one, `42["still"]`)
	receive(t, other, `42["still"]`)
}
