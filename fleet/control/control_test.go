package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/fleet/control"
)

// backend answers with what it was given and notes what it was asked.
type backend struct {
	status control.Status
	report control.Report
	err    error
	asked  chan control.ReloadOptions
	block  bool
	orders chan string // what instances were asked for
}

func (b *backend) order(ctx context.Context, what string, names []string) error {
	if b.orders != nil {
		b.orders <- what + " " + strings.Join(names, ",")
	}
	if b.block {
		<-ctx.Done()
		return ctx.Err()
	}
	return b.err
}

func (b *backend) Start(ctx context.Context, names []string) error {
	return b.order(ctx, "start", names)
}

func (b *backend) Stop(ctx context.Context, names []string) error { return b.order(ctx, "stop", names) }

func (b *backend) Restart(ctx context.Context, names []string) error {
	return b.order(ctx, "restart", names)
}

func (b *backend) Shutdown() { _ = b.order(context.Background(), "shutdown", nil) }

func (b *backend) Wait(ctx context.Context, names []string, goal control.Goal) (control.Status, error) {
	return b.status, b.order(ctx, "wait for "+string(goal), names)
}

func (b *backend) Status() control.Status { return b.status }

func (b *backend) Reload(ctx context.Context, o control.ReloadOptions) (control.Report, error) {
	if b.asked != nil {
		b.asked <- o
	}
	if b.block {
		<-ctx.Done()
		return control.Report{}, ctx.Err()
	}
	return b.report, b.err
}

// serve runs b on a socket of its own until the test ends.
func serve(t *testing.T, b control.Backend) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "c.sock")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(ctx, ln, b) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return socket
}

func TestStatusTravelsWhole(t *testing.T) {
	t.Parallel()
	want := example()
	want.Fleet.Pending = []string{"fleet.pollers"}
	got, err := control.Dial(serve(t, &backend{status: want})).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestReloadTravelsWhole(t *testing.T) {
	t.Parallel()
	fault := control.Fault{File: "sockd.toml", Line: 3, Col: 1, Message: "m", Hint: "h", Snippet: "s"}
	b := &backend{asked: make(chan control.ReloadOptions, 1), report: control.Report{
		Outcome: control.Rejected, Revision: 2, TookMS: 1.5, Pending: []string{"fleet.pollers"}, Error: &fault, Errors: []control.Fault{fault},
		Steps:   []control.Step{{Action: "start", Instance: "a", Detail: "d"}},
		Unready: []control.Unready{{Instance: "a", State: "backoff", Note: "n"}},
	}}
	o := control.ReloadOptions{DryRun: true, Yes: true}
	got, err := control.Dial(serve(t, b)).Reload(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if asked := <-b.asked; asked != o {
		t.Errorf("asked %+v, want %+v", asked, o)
	}
	if !reflect.DeepEqual(got, b.report) {
		t.Errorf("got  %+v\nwant %+v", got, b.report)
	}
}

func TestReloadErrorIsTheDaemonsSentence(t *testing.T) {
	t.Parallel()
	_, err := control.Dial(serve(t, &backend{err: errors.New("fleet is stopping")})).Reload(t.Context(), control.ReloadOptions{})
	if err == nil || err.Error() != "fleet is stopping" {
		t.Errorf("got %v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	left := filepath.Join(dir, "left.sock") // its owner was killed
	ln, err := net.Listen("unix", left)
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	ln.Close()
	for _, socket := range []string{filepath.Join(dir, "none.sock"), left} {
		if _, err := control.Dial(socket).Status(t.Context()); !errors.Is(err, control.ErrUnreachable) {
			t.Errorf("%s: got %v, want ErrUnreachable", filepath.Base(socket), err)
		}
	}
}

func TestClientStopsWaitingWithItsContext(t *testing.T) {
	t.Parallel()
	b := &backend{asked: make(chan control.ReloadOptions, 1), block: true}
	ctx, cancel := context.WithCancel(t.Context())
	c := control.Dial(serve(t, b))
	go func() {
		<-b.asked
		cancel()
	}()
	if _, err := c.Reload(ctx, control.ReloadOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestServeCutsOffWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	// The backend waits for its request's context, which only the end of the connection cancels.
	b := &backend{asked: make(chan control.ReloadOptions, 1), block: true}
	socket := filepath.Join(t.TempDir(), "c.sock")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended, answered := make(chan error, 1), make(chan error, 1)
	go func() { ended <- control.Serve(ctx, ln, b) }()
	go func() {
		_, err := control.Dial(socket).Reload(t.Context(), control.ReloadOptions{})
		answered <- err
	}()
	<-b.asked
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := <-answered; err == nil {
		t.Error("the cut off reload has an answer")
	}
}

func TestServeTellsThatItsListenerDied(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "c.sock"))
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := control.Serve(t.Context(), ln, &backend{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want net.ErrClosed", err)
	}
}

// ask sends a request as a stranger would.
func ask(t *testing.T, socket, method, path, version, body string) (int, string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://x"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if version != "" {
		req.Header.Set("Sockd-Control", version)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	socket := serve(t, &backend{})
	tests := []struct {
		name, method, path, version, body string
		status                            int
		message                           string
	}{
		{"unknown path", "GET", "/v1/nothing", "1", "", 404, "no such request: GET /v1/nothing"},
		{"wrong method", "GET", "/v1/reload", "1", "", 404, "no such request: GET /v1/reload"},
		{"body that is no JSON", "POST", "/v1/reload", "1", "{", 400, "request body: unexpected EOF"},
		{"unknown option", "POST", "/v1/reload", "", `{"force":true}`, 400, `request body: json: unknown field "force"`},
		{"body without end", "POST", "/v1/reload", "", `{"x":"` + strings.Repeat("x", 1<<17), 400, "request body: http: request body too large"},
		{"newer client", "GET", "/v1/status", "2", "", 426, "the running daemon is older than this sockd (control protocol 1, needed 2)"},
		{"version that is none", "GET", "/v1/status", "x", "", 400, `header Sockd-Control: not a version: "x"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, answer := ask(t, socket, tt.method, tt.path, tt.version, tt.body)
			var body struct{ Error struct{ Message string } }
			if err := json.Unmarshal([]byte(answer), &body); err != nil {
				t.Fatalf("%v in %s", err, answer)
			}
			if status != tt.status || !strings.HasPrefix(body.Error.Message, tt.message) {
				t.Errorf("got %d %q, want %d %q", status, body.Error.Message, tt.status, tt.message)
			}
		})
	}
}

func TestClientKnowsWhoAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, version, want string }{
		{"a stranger", "", "control socket: whoever answers there is not sockd"},
		{"a daemon before versions", "0", "control socket: whoever answers there is not sockd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			socket := filepath.Join(t.TempDir(), "c.sock")
			ln, err := net.Listen("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Sockd-Control", tt.version)
				w.WriteHeader(http.StatusTeapot)
			}))
			srv.Listener.Close()
			srv.Listener = ln
			srv.Start()
			defer srv.Close()
			if _, err := control.Dial(socket).Status(t.Context()); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// The names and shapes here are a public contract: a change of this test is a change of Schema.
func TestStatusJSON(t *testing.T) {
	t.Parallel()
	s := example()
	s.Fleet.StartedAt = time.Date(2026, 3, 2, 2, 6, 7, 0, time.UTC)
	got, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "status.json", append(got, '\n'))
}
