package socketio_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// mute is a host whose websockets cost nothing and say nothing, for benchmarks and crowds.
type mute struct {
	engine *engineio.Server
	writes atomic.Int64
}

func newMute(io *socketio.Server) *mute { return newMuteFor(io.Accept) }

func newMuteFor(accept engineio.Accept) *mute {
	m := new(mute)
	m.engine = engineio.NewServer(accept, m, engineio.Options{})
	return m
}

type muteConn struct {
	host  *mute
	frame func(bool, []byte)
	gone  func(error)
}

func (c *muteConn) Write([]byte) error { c.host.writes.Add(1); return nil }
func (*muteConn) Buffered() int        { return 0 }
func (*muteConn) Close(uint16) error   { return nil }

type muteWriter struct {
	httptest.ResponseRecorder
	conn *muteConn
}

// Upgrade implements engineio.Host.
func (m *mute) Upgrade(w http.ResponseWriter, _ *http.Request, frame func(bool, []byte), gone func(error)) (engineio.Conn, error) {
	c := &muteConn{m, frame, gone}
	w.(*muteWriter).conn = c
	return c, nil
}

// Park implements engineio.Host.
func (*mute) Park(http.ResponseWriter, *http.Request, func(error)) (engineio.Reply, error) {
	return nil, engineio.ErrClosed
}

// dial opens a session.
func (m *mute) dial(t testing.TB) *muteConn {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4&transport=websocket", nil)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	w := new(muteWriter)
	m.engine.ServeHTTP(w, r)
	if w.conn == nil {
		t.Fatal("no websocket")
	}
	return w.conn
}
