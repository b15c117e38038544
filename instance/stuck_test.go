package instance_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance"
	"github.com/sockd/sockd/instance/transport"
)

// stuckHandler keeps the poller that calls it until it is let go.
type stuckHandler struct{ called, release chan struct{} }

func (stuckHandler) Limit(*http.Request) int64 { return 0 }

func (h stuckHandler) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	close(h.called)
	<-h.release
	w.WriteHeader(http.StatusNoContent)
}

func TestAPollerThatIsStuckIsTheCause(t *testing.T) {
	t.Parallel()
	all := loops(t)
	r := run(t, all, defaults())
	if st := r.Status(); st.State != instance.Ready || st.Cause != "" {
		t.Fatalf("before: %+v", st)
	}
	h := stuckHandler{make(chan struct{}), make(chan struct{})}
	other := transport.New(all, transport.Options{})
	other.Serve(h)
	ln := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- other.Accept(ctx, ln) }()
	t.Cleanup(func() { cancel(); <-ended })

	conn := raw(t, ln.Addr().String())
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	<-h.called
	eventually(t, "it is degraded", func() bool { return r.Status().State == instance.Degraded })
	if st := r.Status(); st.Cause != instance.CausePollers || !strings.Contains(st.Note, "poller 0") {
		t.Errorf("stuck: got %q, %q", st.Cause, st.Note)
	}
	close(h.release)
	eventually(t, "it is ready again", func() bool { st := r.Status(); return st.State == instance.Ready && st.Cause == "" })
}
