package worker_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/worker"
)

func TestWorkerThatDoesNotReadFillsTheQueue(t *testing.T) {
	t.Parallel()
	o := selfOptions("deaf", t.TempDir())
	o.StopTimeout = 50 * time.Millisecond
	s := newSink()
	w, stop := run(t, o, s)
	until(t, w, is(worker.Ready))
	big := json.RawMessage(`["` + strings.Repeat("x", 100_000) + `"]`)
	sent, err := 0, error(nil)
	for err == nil {
		if _, err = w.Send(worker.Event{Type: "event", Args: big}); err == nil {
			sent++
		}
	}
	if !errors.Is(err, worker.ErrFull) || sent < 100 || sent > 250 {
		t.Errorf("got %v after %d events of 100 kB, want %v at 16 MiB", err, sent, worker.ErrFull)
	}
	stop()
	if n := len(s.lost); n < sent-2 {
		t.Errorf("%d of %d events were reported lost", n, sent)
	}
	if n := w.Stats(); n.Waiting+n.Unanswered+n.Bytes != 0 {
		t.Errorf("something is left: %+v", n)
	}
}

func TestFloodWaitsForTheSink(t *testing.T) {
	t.Parallel()
	s := newSink()
	gate := make(chan struct{})
	s.busy = func() bool {
		select {
		case <-gate:
			return false
		default:
			return true
		}
	}
	w, stop := run(t, selfOptions("flood", t.TempDir()), s)
	until(t, w, is(worker.Ready))
	if n := w.Stats().Lines; n > 2 {
		t.Errorf("%d lines were read while the sink was busy", n)
	}
	close(gate)
	for range 100 {
		receive(t, s.said, "an emit")
	}
	stop()
}
