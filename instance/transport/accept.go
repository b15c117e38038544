package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/lesismal/nbio"
)

const (
	acceptBackoff    = 5 * time.Millisecond // doubled up to
	maxAcceptBackoff = time.Second
	warnEvery        = 10 * time.Second
	kickEvery        = 10 * time.Millisecond
)

var past = time.Unix(1, 0)

// Accept accepts connections until ctx ends and then returns nil; an error says why the listener is of no use any more. The loop is ended by a
// deadline, so ln stays open, who dials next waits in its backlog, and its deadline is clear again when Accept returns.
//
// Without a free file the loop waits, longer each time up to a second, instead of spinning.
func (s *Server) Accept(ctx context.Context, ln Listener) error {
	ended := make(chan struct{})
	cleared := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(cleared)
		kick(ln, ended)
	})
	err := s.acceptLoop(ctx, ln)
	close(ended)
	if !stop() {
		<-cleared
	}
	return err
}

// kick ends a blocked Accept. It does so again and again until the loop has ended: another loop on the same listener may clear the deadline
// in between.
func kick(ln Listener, ended <-chan struct{}) {
	defer ln.SetDeadline(time.Time{})
	again := time.NewTicker(kickEvery)
	defer again.Stop()
	for {
		ln.SetDeadline(past)
		select {
		case <-ended:
			return
		case <-again.C:
		}
	}
}

func (s *Server) acceptLoop(ctx context.Context, ln Listener) error {
	wait := acceptBackoff
	for ctx.Err() == nil {
		nc, err := ln.Accept()
		if err == nil {
			err = s.adopt(nc)
		}
		switch {
		case err == nil:
			wait = acceptBackoff
			continue
		case ctx.Err() != nil:
			return nil
		case !passing(err):
			return fmt.Errorf("accept on %s: %w", ln.Addr(), err)
		case isTimeout(err):
			wait = acceptBackoff // another loop's deadline
		case !errors.Is(err, syscall.ECONNABORTED):
			s.counters.refuse(noFile)
			if now := s.clock.now(); now > s.warnAt.Load() {
				s.warnAt.Store(now + int64(warnEvery))
				s.options.Load().Log.Warn("connections wait for a free file", "listen", ln.Addr().String(), "err", err)
			}
		}
		pause(ctx, wait)
		wait = min(2*wait, maxAcceptBackoff)
	}
	return nil
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// passing tells whether the listener may work again after err.
func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return isTimeout(err)
}

// adopt makes nc a connection of ours. It returns an error only if waiting may help; nc is closed then, too.
func (s *Server) adopt(nc net.Conn) error {
	o := s.options.Load()
	switch {
	case s.draining.Load():
		s.counters.refuse(drained)
		return nc.Close()
	case o.MaxConns > 0 && s.Len() >= o.MaxConns:
		s.counters.refuse(connLimit)
		return nc.Close()
	}
	t, ok := s.admit(o, nc)
	if !ok {
		s.counters.refuse(addressLimit)
		return nc.Close()
	}
	nb, err := detach(nc)
	if err != nil {
		s.tallies.give(t)
		nc.Close()
		return err
	}
	nb.SetReadBuffer(receiveBuffer)
	if o.SendBuffer > 0 {
		nb.SetWriteBuffer(o.SendBuffer)
	}
	s.counters.accepted.Add(1)
	c := newConn(s, nb, t)
	if err := s.loops.add(c); err != nil {
		nb.Close()
		c.ended(err)
		s.counters.refuse(noFile)
		o.Log.Debug("connection refused", "remote", nb.RemoteAddr().String(), "err", err)
	}
	if s.draining.Load() { // Drain may have missed it
		c.drain()
	}
	return nil
}

// detach takes the socket out of Go's own poller. The new file number is close-on-exec before a child can be started.
func detach(nc net.Conn) (*nbio.Conn, error) {
	if _, ok := nc.(*net.TCPConn); !ok {
		return nil, fmt.Errorf("%T is not a TCP connection", nc) // nbio loses data on other kinds
	}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	nb, err := nbio.NBConn(nc)
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(nb.Hash())
	return nb, nil
}
