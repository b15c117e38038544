package socketio_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
	"github.com/sockd/sockd/instance/socketio"
)

// fast are the engine options of the reference suite.
var fast = engineio.Options{PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond}

// rig is a server in memory, in fake time. Clients are synchronous: when send has returned, the server has handled the packet, and
// what it answered can be taken.
type rig struct {
	*testing.T
	host   *enginetest.Host
	io     *socketio.Server
	engine *engineio.Server
}

// bubble runs f with a running server. Afterwards nothing may be left of any client.
func bubble(t *testing.T, o socketio.Options, f func(*rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, host: enginetest.NewHost(), io: socketio.NewServer(o)}
		r.engine = engineio.NewServer(r.io.Accept, r.host, fast)
		r.host.Serve(r.engine)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 2)
		go func() { ended <- r.io.Run(ctx) }()
		go func() { ended <- r.engine.Run(ctx) }()
		f(r)
		r.finish()
		cancel()
		for range 2 {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("Run returned %v", err)
			}
		}
	})
}

func (r *rig) finish() {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Minute)
	defer cancel()
	if err := r.engine.Drain(ctx, 0, engineio.ServerShuttingDown); err != nil {
		r.Errorf("drain: %v", err)
	}
	synctest.Wait()
	r.clean()
	if n := r.io.Waiting(); n != 0 {
		r.Errorf("%d connections wait to join", n)
	}
	if err := r.host.Err(); err != nil {
		r.Error(err)
	}
}

// clean checks that no namespace holds anything.
func (r *rig) clean() {
	r.Helper()
	for _, ns := range r.io.Namespaces() {
		if sockets, ids, rooms := ns.Residue(); sockets+ids+rooms != 0 {
			r.Errorf("left in %s: %d sockets, %d ids, %d rooms", ns.Path(), sockets, ids, rooms)
		}
	}
}

// peer is one client with a websocket.
type peer struct {
	testing.TB
	conn *enginetest.Conn
}

// dial opens a session. The open packet is taken.
func (r *rig) dial() *peer {
	r.Helper()
	c := r.host.Client()
	c.Patience = 1 // the server is synchronous
	conn, err := c.Dial()
	if err != nil {
		r.Fatal(err)
	}
	p := &peer{r.T, conn}
	if got := p.take(); len(got) != 1 || got[0][0] != '0' {
		r.Fatalf("handshake: got %q", got)
	}
	return p
}

// join opens a session and joins a namespace, given as a prefix such as "" or "/chat,". It returns the socket's id, too.
func (r *rig) join(prefix string) (*peer, string) {
	r.Helper()
	p := r.dial()
	return p, p.join(prefix)
}

// socket opens a session, joins a namespace and returns the server's side of it, too.
func (r *rig) socket(path string) (*peer, *socketio.Socket) {
	r.Helper()
	ns := r.io.Of(path)
	p, id := r.join(strings.TrimPrefix(path+",", "/,"))
	return p, ns.Lookup(id)
}

func (p *peer) join(prefix string) string {
	p.Helper()
	p.send("0" + prefix)
	for _, got := range p.take() {
		if id, ok := strings.CutPrefix(got, "40"+prefix+`{"sid":"`); ok {
			return strings.TrimSuffix(id, `"}`)
		}
	}
	p.Fatalf("no answer to CONNECT %s", prefix)
	return ""
}

// send sends packets: the "4" of Engine.IO is added. To a closed connection they are lost.
func (p *peer) send(packets ...string) {
	for _, s := range packets {
		_ = p.conn.Send("4" + s)
	}
}

func (p *peer) sendBinary(blobs ...string) {
	for _, s := range blobs {
		_ = p.conn.SendBinary(s)
	}
}

// take returns what was received since the last call: text with the "4" of Engine.IO, binary with the prefix "b:". Pings are answered.
func (p *peer) take() (all []string) {
	for p.conn.Pending() > 0 {
		f, _ := p.conn.Recv()
		switch {
		case f.Text && f.Data == "2":
			_ = p.conn.Send("3")
		case f.Text:
			all = append(all, f.Data)
		default:
			all = append(all, "b:"+f.Data)
		}
	}
	return all
}

// want checks what was received since the last look.
func (p *peer) want(want ...string) {
	p.Helper()
	got := p.take()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		p.Errorf("got  %q\nwant %q", got, want)
	}
}

// closed reports whether the server has closed the connection, by an empty close frame. What was not taken is dropped.
func (p *peer) closed() bool {
	p.take()
	_, err := p.conn.Recv()
	var c *enginetest.CloseError
	return errors.As(err, &c) && c.Code == 1005
}

func (p *peer) wantOpen() {
	p.Helper()
	if p.closed() {
		p.Error("the connection was closed")
	}
}

func (p *peer) wantClosed() {
	p.Helper()
	if !p.closed() {
		p.Error("the connection was not closed")
	}
}

// leave cuts the connection and waits until the server has noticed.
func (p *peer) leave() {
	p.conn.Drop(nil)
	synctest.Wait()
}

// pass lets fake time pass.
func pass(d time.Duration) { <-time.After(d) }
