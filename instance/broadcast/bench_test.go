package broadcast_test

import (
	"context"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/lane"
	"github.com/sockd/sockd/instance/socketio"
)

// publishing is a broadcaster without clients, and an event to relay.
func publishing(b testing.TB, o broadcast.Options) (*broadcast.Broadcaster, broadcast.Event) {
	b.Helper()
	return publishingIn(b, socketio.NewServer(socketio.Options{}).Of("/"), o)
}

func publishingIn(b testing.TB, ns *socketio.Namespace, o broadcast.Options) (*broadcast.Broadcaster, broadcast.Event) {
	b.Helper()
	pool := lane.New(ns.Shards(), 0, nil)
	o.Depth, o.Bytes = 1<<20, 1<<30
	bc := broadcast.New(proof(time.Now()), ns, pool, o)
	pool.Start()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		_ = bc.Run(ctx)
		close(done)
	}()
	b.Cleanup(func() {
		cancel()
		<-done
		pool.Stop()
	})
	for bc.Stats().Started.IsZero() {
		runtime.Gosched()
	}
	payload := json.RawMessage(`["tick",{"id":12345,"text":"` + strings.Repeat("x", 90) + `"}]`)
	return bc, broadcast.Event{Relay: &socketio.Event{Name: "tick", Payload: payload}, To: socketio.Selector{Skip: "sender"}}
}

// One event, from the call of Publish to the outboxes, while the lanes empty them.
func BenchmarkPublish(b *testing.B) {
	bc, e := publishing(b, broadcast.Options{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		bc.Publish(e, nil)
		for i%256 == 0 && bc.Stats().Waiting > 0 { // so that the outboxes do not grow
			runtime.Gosched()
		}
	}
}

// The same with connection state recovery: the offset, and the event kept.
func BenchmarkPublishRecoverable(b *testing.B) {
	bc, e := publishing(b, broadcast.Options{Window: time.Minute})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		bc.Publish(e, nil)
		for i%256 == 0 && bc.Stats().Waiting > 0 {
			runtime.Gosched()
		}
	}
}
