package socketio_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/engineio/enginetest"
	"github.com/sockd/sockd/instance/socketio"
)

// A chat server as a library. The host is one in memory; a program would use one with a network.
func Example() {
	io := socketio.NewServer(socketio.Options{})
	var mux socketio.Mux
	mux.On("chat", func(s *socketio.Socket, e *socketio.Event) {
		_ = io.Of("/").Emit(socketio.Selector{Skip: s.ID()}, "chat", e.Args()[0]) // its error is about the arguments
		_ = e.Ack("sent")                                                         // or the client has left
	})
	io.Of("/").Handle(&mux)

	host := enginetest.NewHost()
	engine := engineio.NewServer(io.Accept, host, engineio.Options{})
	host.Serve(engine)

	ctx, cancel := context.WithCancel(context.Background())
	var clocks sync.WaitGroup
	clocks.Go(func() { _ = io.Run(ctx) })
	clocks.Go(func() { _ = engine.Run(ctx) })
	defer clocks.Wait()
	defer cancel()

	alice, bob := dial(host), dial(host)
	_ = alice.Send(`421["chat",{"text":"hello"}]`)
	for _, client := range []*enginetest.Conn{alice, bob} {
		frame, err := client.Recv()
		fmt.Println(frame.Data, err)
	}
	// Output:
	// 431["sent"] <nil>
	// 42["chat",{"text":"hello"}] <nil>
}

// dial opens a session and joins "/".
func dial(host *enginetest.Host) *enginetest.Conn {
	conn, err := host.Client().Dial()
	if err != nil {
		panic(err)
	}
	_ = conn.Send("40")
	for range 2 { // the open packet and the answer to CONNECT
		if _, err := conn.Recv(); err != nil {
			panic(err)
		}
	}
	return conn
}
