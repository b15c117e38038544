package transport_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sockd/sockd/instance/transport"
)

func TestDrain(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	idle := r.on(t).dial()
	idle.send(get11 + "\r\n")
	idle.want(200, "GET / ")
	fresh := r.on(t).dial()
	half := r.on(t).dial()
	half.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
	parked, p := r.park(t)
	socket := r.on(t).dial()
	socket.upgrade("")
	conn := get(t, r.sockets)
	until(t, "all accepted", func() bool { return r.Len() == 5 })
	r.settled()

	drained := make(chan error, 1)
	go func() { drained <- r.Drain(within(t)) }()
	idle.wantEnd()
	fresh.wantEnd()
	half.send("lo")
	if resp := half.want(200, "POST / hello"); !resp.Close {
		t.Error("no Connection: close")
	}
	half.wantEnd()
	if err := p.reply(200, nil, []byte("late")); err != nil {
		t.Fatal(err)
	}
	if resp := parked.want(200, "late"); !resp.Close {
		t.Error("no Connection: close")
	}
	socket.send(masked(ws.OpText, true, "hi"))
	socket.wantFrame(ws.OpText, "hi")
	late := r.on(t).dial()
	late.wantGone()
	if len(drained) > 0 {
		t.Error("drain has ended before the websocket")
	}
	half.Close()
	parked.Close()
	conn.Close(1001)
	socket.wantClose(1001)
	socket.Close()
	if err := get(t, drained); err != nil {
		t.Errorf("drain: %v", err)
	}
	if r.Len() != 0 || r.refused(transport.RefusedDraining) != 1 {
		t.Errorf("%d left, refused %v", r.Len(), r.Stats().Refused)
	}
}

func TestDrainOfNothing(t *testing.T) {
	t.Parallel()
	r := echoRig(t, transport.Options{})
	for range 2 {
		if err := r.Drain(within(t)); err != nil {
			t.Errorf("drain: %v", err)
		}
	}
}

func TestDrainCutsAtTheEnd(t *testing.T) {
	t.Parallel()
	r := newParkRig(t, transport.Options{})
	parked, p := r.park(t)
	socket := r.on(t).dial()
	socket.upgrade("")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Drain(ctx); !errors.Is(err, transport.ErrCut) {
		t.Errorf("drain: %v, want ErrCut", err)
	}
	if r.Len() != 0 {
		t.Errorf("%d connections left", r.Len())
	}
	if get(t, p.gone) == nil || get(t, r.gone) == nil {
		t.Error("gone without an error")
	}
	parked.wantGone()
	socket.wantGone()
}
