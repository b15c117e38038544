package transport_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/sockd/sockd/instance/transport"
)

// What waits for a reader is counted until it is read, or until the reader is gone.
func TestBacklog(t *testing.T) {
	t.Parallel()
	const size = 16 << 20
	r := newRig(t, transport.Options{}, func(_ *rig, w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, size)) })
	reader, other := r.dial(), r.dial()
	for _, c := range []*client{reader, other} {
		c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	}
	until(t, "both wait", func() bool { return r.Backlog() > size && r.Stats().Requests == 2 })
	if n := r.Backlog(); n > 2*(size+1000) {
		t.Errorf("backlog of two: %d", n)
	}
	other.Close()
	until(t, "what waited for one is gone", func() bool { return r.Len() == 1 && r.Backlog() <= size+1000 })
	if _, err := io.Copy(io.Discard, reader.in); err != nil {
		t.Error(err)
	}
	until(t, "nothing waits", func() bool { return r.Backlog() == 0 })
}
