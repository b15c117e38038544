package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"testing"

	"github.com/sockd/sockd/instance/worker"
)

// BenchmarkAsk hands events to a real process, as many as the queue takes, and waits for their answers.
func BenchmarkAsk(b *testing.B) {
	s := newSink()
	w, err := worker.New(selfOptions("echo", b.TempDir()), s)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { _ = w.Run(ctx); close(done) }()
	e := worker.Event{Type: "event", SID: "abcdefghijklmnop", Name: "ask", Args: json.RawMessage(`[{"text":"hello","n":1}]`), Ack: true}
	answers := make(chan struct{})
	go func() {
		for range b.N {
			<-s.acks
		}
		close(answers)
	}()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for {
			if _, err := w.Send(e); !errors.Is(err, worker.ErrFull) {
				break
			}
			runtime.Gosched()
		}
	}
	<-answers
	b.StopTimer()
	cancel()
	<-done
}
