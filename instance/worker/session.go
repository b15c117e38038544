package worker

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// counters are kept over the sessions of a Worker.
type counters struct {
	lines, malformed, unknown, refused atomic.Uint64
}

// session is the talk with one process: three goroutines, which end with its pipes.
type session struct {
	proc  process
	queue *queue
	sink  Sink
	log   *slog.Logger
	count *counters

	ready chan struct{} // closed by {"ready":true}
	quit  chan struct{} // closed when nothing is to be waited for any more
	torn  chan struct{} // closed when the process has let go of its input or its output
	tear  sync.Once

	reading sync.WaitGroup
	writing sync.WaitGroup
	last    string   // of its log, once reading has ended
	lost    []uint64 // while writing, once that has ended
}

func startSession(proc process, q *queue, sink Sink, log *slog.Logger, count *counters, first []byte) *session {
	s := &session{proc: proc, queue: q, sink: sink, log: log, count: count, ready: make(chan struct{}), quit: make(chan struct{}), torn: make(chan struct{})}
	s.reading.Go(s.read)
	s.reading.Go(func() { s.last = listen(proc.Stderr(), log) })
	s.writing.Go(func() { s.write(first) })
	return s
}

// rip tells that one of the two pipes is of no more use.
func (s *session) rip() { s.tear.Do(func() { close(s.torn) }) }

// silence ends the writing: the worker sees the end of its input.
func (s *session) silence() {
	s.queue.bar()
	s.proc.Stdin().Close()
}

// end waits for the goroutines, after the process has exited. What it had said is read first, unless something else holds its pipes open.
func (s *session) end() {
	s.silence()
	done := make(chan struct{})
	go func() {
		s.reading.Wait()
		close(done)
	}()
	late := time.NewTimer(drainTimeout)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
	}
	close(s.quit)
	s.proc.Stdout().Close()
	s.proc.Stderr().Close()
	<-done
	s.writing.Wait()
}

// write hands events over, once the worker is ready.
func (s *session) write(first []byte) {
	in := s.proc.Stdin()
	if _, err := in.Write(first); err != nil {
		s.rip()
		return
	}
	select {
	case <-s.ready:
	case <-s.quit:
		return
	}
	var buf []byte
	for {
		batch, out := s.queue.take(buf[:0])
		buf = out
		if len(batch) == 0 {
			select {
			case <-s.queue.wake:
				continue
			case <-s.quit:
				return
			}
		}
		n, err := in.Write(buf)
		full, cut := written(batch, n)
		s.lost = append(s.lost, s.queue.wrote(batch, full, cut)...)
		if err != nil {
			s.rip()
			return
		}
		if cap(buf) > 1<<20 {
			buf = nil
		}
	}
}

// written tells how many lines n bytes are, and whether they end within one.
func written(batch []*item, n int) (full int, cut bool) {
	for _, it := range batch {
		if n < it.size {
			return full, n > 0
		}
		n -= it.size
		full++
	}
	return full, false
}

// read takes the worker's lines until its output ends.
func (s *session) read() {
	defer s.rip()
	r := newLineReader(s.proc.Stdout(), maxLine)
	var pass ration
	for number := 1; ; number++ {
		line, whole, err := r.next()
		if err != nil {
			return
		}
		if len(line) == 0 {
			continue
		}
		s.count.lines.Add(1)
		if whole {
			err = s.hear(line)
		} else {
			err = errTooLong
		}
		if err == nil {
			continue
		}
		s.count.malformed.Add(1)
		if ok, before := pass.allow(); ok {
			if before > 0 {
				s.log.Warn("worker lines not understood and not shown", "n", before)
			}
			s.log.Warn("worker line not understood", "n", number, "err", err, "reason", brief(string(line)))
		}
	}
}

var (
	errTooLong = errors.New("longer than 16 MiB")
	errUnknown = errors.New("no such event is waiting for this answer")
)

// hear acts on one line.
func (s *session) hear(line []byte) error {
	m, err := decode(line)
	if err != nil {
		return err
	}
	switch {
	case m.Ready != nil:
		if *m.Ready && !closed(s.ready) {
			close(s.ready)
		}
	case m.Emit != nil:
		return s.emit(Emit{*m.Emit, m.Args, m.To, m.Except, m.Namespace})
	case m.Join != nil:
		s.sink.Join(Membership{m.SID, m.Namespace, *m.Join})
	case m.Leave != nil:
		s.sink.Leave(Membership{m.SID, m.Namespace, *m.Leave})
	case m.Disconnect != nil:
		s.sink.Disconnect(*m.Disconnect, m.Namespace)
	default:
		return s.answer(m)
	}
	return nil
}

// answer is an ack, accept or refuse.
func (s *session) answer(m *said) error {
	id, auth := m.Ack, false
	if m.Accept != nil {
		id, auth = m.Accept, true
	} else if m.Refuse != nil {
		id, auth = m.Refuse, true
	}
	known, wanted := s.queue.answered(*id, auth)
	switch {
	case !known:
		s.count.unknown.Add(1)
		return errUnknown
	case m.Accept != nil:
		s.sink.Accept(*id)
	case m.Refuse != nil:
		s.sink.Refuse(*id, m.Message, m.Data)
	case wanted:
		s.sink.Ack(*id, m.Args)
	}
	return nil
}

// emit offers an emit until the sink takes it, so that a worker that floods is held up by its own pipe.
func (s *session) emit(e Emit) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := s.sink.Emit(e)
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrBusy) || closed(s.quit) {
			s.count.refused.Add(1)
			return err
		}
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-s.quit:
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
