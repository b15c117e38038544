package worker_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/sockd/sockd/instance/worker"
)

func ignoreTerm() { signal.Ignore(syscall.SIGTERM) }

// playFlood emits as fast as it can.
func playFlood() {
	line := []byte(`{"emit":"tick","args":["` + fmt.Sprintf("%0100d", 0) + `"]}` + "\n")
	_, _ = os.Stdout.WriteString(`{"ready":true}` + "\n")
	for {
		if _, err := os.Stdout.Write(line); err != nil {
			return
		}
	}
}

// playDaemon runs a worker, prints the pids of it and of its child, and waits to be killed.
func playDaemon() {
	sink := newSink()
	w, err := worker.New(selfOptions("echo", filepath.Dir(os.Args[0])), sink)
	if err != nil {
		panic(err)
	}
	go w.Run(context.Background())
	id, _ := w.Send(worker.Event{Type: "event", Name: "child", Ack: true})
	args := <-sink.acks
	fmt.Println(id, w.Status().PID, string(args.args))
	block()
}

// selfOptions run this test binary as the worker.
func selfOptions(role, dir string) worker.Options {
	return worker.Options{Instance: "test", Project: dir, Command: []string{os.Args[0]}, Env: map[string]string{roleVar: role},
		URL: "http://127.0.0.1:3001", Port: 3001}
}
