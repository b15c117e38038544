package worker_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/worker"
)

type answer struct {
	id   uint64
	args json.RawMessage
}

// sink records what the worker says.
type sink struct {
	acks chan answer
	lost chan uint64
	said chan string // everything else, in short
	busy func() bool // makes Emit answer ErrBusy

	mu    sync.Mutex
	emits []worker.Emit
}

func newSink() *sink {
	return &sink{acks: make(chan answer, 5000), lost: make(chan uint64, 5000), said: make(chan string, 5000)}
}

func (s *sink) Emit(e worker.Emit) error {
	if s.busy != nil && s.busy() {
		return worker.ErrBusy
	}
	s.mu.Lock()
	if len(s.emits) < 1000 {
		s.emits = append(s.emits, e)
	}
	s.mu.Unlock()
	s.note("emit " + e.Name)
	return nil
}

func (s *sink) note(text string) {
	select {
	case s.said <- text:
	default:
	}
}

func (s *sink) Ack(id uint64, args json.RawMessage) { s.acks <- answer{id, args} }
func (s *sink) Join(m worker.Membership)            { s.note("join " + m.SID + m.Namespace + m.Rooms[0]) }
func (s *sink) Leave(m worker.Membership)           { s.note("leave " + m.SID + m.Namespace + m.Rooms[0]) }
func (s *sink) Disconnect(sid, ns string)           { s.note("disconnect " + sid + ns) }
func (s *sink) Accept(uint64)                       { s.note("accept") }
func (s *sink) Lost(id uint64, _ string)            { s.lost <- id }
func (s *sink) Refuse(_ uint64, message string, data json.RawMessage) {
	s.note("refuse " + message + string(data))
}

// receive waits for a value, for real time at most ten seconds.
func receive[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	select {
	case v := <-c:
		return v
	case <-limit.C:
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}
