package engineio

import (
	"context"
	"time"
)

// pause is the shortest that Drain sleeps between two sessions it closes.
const pause = 10 * time.Millisecond

// Drain lets nobody in any more and closes all sessions for the reason r, spread over a time so that the clients do not all
// return at once. It waits until none is left. When ctx ends, the rest is cut off and the error of ctx returned. A drained
// server stays closed.
func (s *Server) Drain(ctx context.Context, over time.Duration, r Reason) error {
	s.draining.CompareAndSwap(nil, &r)
	s.closeAll(ctx, over, r)
	for s.live.Load() > 0 {
		select {
		case <-s.idle:
		case <-ctx.Done():
			for _, k := range s.sessions.all() {
				k.end(r, cutOff)
			}
			return ctx.Err()
		}
	}
	s.leftIdle()
	return nil
}

// closeAll closes the sessions at even distances. When ctx ends, it closes the rest at once.
func (s *Server) closeAll(ctx context.Context, over time.Duration, r Reason) {
	all := s.sessions.all()
	timer := time.NewTimer(over)
	defer timer.Stop()
	start := time.Now()
	for i, k := range all {
		at := over * time.Duration(i) / time.Duration(len(all))
		if wait := at - time.Since(start); wait >= pause {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				over = 0
			}
		}
		k.Close(r)
	}
}

// leftIdle wakes another Drain that waits.
func (s *Server) leftIdle() {
	select {
	case s.idle <- struct{}{}:
	default:
	}
}
