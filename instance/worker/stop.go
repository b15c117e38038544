package worker

import (
	"syscall"
	"time"
)

// stop ends a process that runs: its input ends, its group gets TERM, and after the timeout KILL. One that has never become ready is killed at once.
func (l *loop) stop(s *session, why cause) {
	s.silence()
	if why == unready {
		s.proc.Signal(syscall.SIGKILL)
		<-s.proc.Exited()
		return
	}
	s.proc.Signal(syscall.SIGTERM)
	late := time.NewTimer(l.o.StopTimeout)
	defer late.Stop()
	select {
	case <-s.proc.Exited():
	case <-late.C:
		l.o.Log.Warn("worker killed", "reason", "did not stop in time", "took", l.o.StopTimeout)
		s.proc.Signal(syscall.SIGKILL)
		<-s.proc.Exited()
	}
}
