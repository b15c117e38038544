package broadcast_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// mute is a host whose websockets cost nothing and say nothing.
type mute struct{ engine *engineio.Server }

type muteConn struct{ frame func(bool, []byte) }

func (*muteConn) Write([]byte) error { return nil }
func (*muteConn) Buffered() int      { return 0 }
func (*muteConn) Close(uint16) error { return nil }

type muteWriter struct {
	httptest.ResponseRecorder
	conn *muteConn
}

// Upgrade implements [engineio.Host].
func (*mute) Upgrade(w http.ResponseWriter, _ *http.Request, frame func(bool, []byte), _ func(error)) (engineio.Conn, error) {
	c := &muteConn{frame}
	w.(*muteWriter).conn = c
	return c, nil
}

// Park implements [engineio.Host].
func (*mute) Park(http.ResponseWriter, *http.Request, func(error)) (engineio.Reply, error) {
	return nil, engineio.ErrClosed
}

// join opens a session and connects with this auth.
func (m *mute) join(b *testing.B, auth string) {
	r := httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4&transport=websocket", nil)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	w := new(muteWriter)
	m.engine.ServeHTTP(w, r)
	if w.conn == nil {
		b.Fatal("no websocket")
	}
	w.conn.frame(true, []byte("40"+auth))
}

// One event to 1000 sockets, from the call of Publish until all lanes have sent it. ns/op is for all of them.
func BenchmarkFanOut(b *testing.B) {
	for _, c := range []struct {
		name  string
		o     broadcast.Options
		named bool
	}{
		{"no history", broadcast.Options{History: broadcast.History{Size: -1}}, false},
		{"history", broadcast.Options{}, false},
		{"history, clients with ids", broadcast.Options{}, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			io := socketio.NewServer(socketio.Options{})
			ns := io.Of("/")
			bc, e := publishingIn(b, ns, c.o)
			ns.Handle(&doorman{st: &stack{b: bc}})
			host := new(mute)
			host.engine = engineio.NewServer(io.Accept, host, engineio.Options{})
			for i := range 1000 {
				auth := "{}"
				if c.named {
					auth = fmt.Sprintf(`{"client_id":"%d"}`, i)
				}
				host.join(b, auth)
			}
			if ns.Len() != 1000 {
				b.Fatalf("%d sockets", ns.Len())
			}
			e.To = socketio.Selector{}
			b.ReportAllocs()
			for n := bc.Sent(); b.Loop(); {
				bc.Publish(e, nil)
				for n += 1000; bc.Sent() < n; {
					runtime.Gosched()
				}
			}
		})
	}
}
