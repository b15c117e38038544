package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
	"github.com/sockd/sockd/instance/transport"
)

func main() {
	addr := "127.0.0.1:8765"
	if len(os.Args) > 1 {
		addr = os.Args[1]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", ln.Addr())
	if err := serve(ctx, ln.(*net.TCPListener), chat()); err != nil {
		log.Fatal(err)
	}
}

// chat is the application. It knows neither ports nor loops, so a test can run it in memory.
func chat() *socketio.Server {
	io := socketio.NewServer(socketio.Options{})
	var mux socketio.Mux
	mux.On("join", func(s *socketio.Socket, e *socketio.Event) {
		if room, ok := argument(e); ok {
			s.Join(room)
			_ = e.Ack(room) // who has left needs no answer
		}
	})
	mux.On("say", func(s *socketio.Socket, e *socketio.Event) {
		text, ok := argument(e)
		if !ok {
			return
		}
		rooms := s.Rooms()[1:] // the first is its own
		if len(rooms) > 0 {
			_ = io.Of("/").Emit(socketio.Selector{Rooms: rooms, Skip: s.ID()}, "said", s.ID(), text) // two strings are always encoded
		}
		_ = e.Ack(len(rooms))
	})
	io.Of("/").Handle(&mux)
	return io
}

// argument returns the first argument if it is a string.
func argument(e *socketio.Event) (string, bool) {
	values, err := e.Values()
	if err != nil || len(values) == 0 {
		return "", false
	}
	s, ok := values[0].(string)
	return s, ok
}

// serve runs io on event loops of its own until ctx ends.
func serve(ctx context.Context, ln transport.Listener, io *socketio.Server) error {
	defer ln.Close()
	loops := transport.NewLoops(0, 0)
	host := transport.New(loops, transport.Options{})
	engine := engineio.NewServer(io.Accept, host, engineio.Options{})
	host.Serve(engine)

	// The heartbeats: pollers with their clock, pings and timeouts, and connections that join nothing.
	err := loops.Start()
	defer loops.Stop()
	if err != nil {
		return err
	}
	clocks, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = engine.Run(clocks) })
	running.Go(func() { _ = io.Run(clocks) })
	defer running.Wait()
	defer stop()

	if _, err := loops.Ready(ctx); err != nil {
		return err
	}
	err = host.Accept(ctx, ln)

	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = engine.Drain(ctx, 0, engineio.ServerShuttingDown) // who does not come for the close packet is cut
	_ = host.Drain(ctx)
	return err
}
