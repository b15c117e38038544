package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/lesismal/nbio"
)

const (
	nonceSize   = 8
	watchEvery  = 2 * time.Second
	maxAttempts = 64 // to get a file number that belongs to a given poller
)

// probe is a socket pair of one poller. What is written to its outer end comes back through the poller's own dispatch, so it proves all of
// it: registration, wait, read and callback.
type probe struct {
	in     *nbio.Conn    // the inner end
	out    int           // the outer end, not blocking
	poll   int           // the poller's epoll file; -1 where there is none
	proven chan struct{} // closed by the first answer

	mu      sync.Mutex
	last    uint64                   // the nonce sent last
	sentAt  time.Time                // of the watchdog's nonce; zero = none is on its way
	watched uint64                   // that nonce
	took    time.Duration            // of the watchdog's last answer
	waiting map[uint64]chan struct{} // who waits for which nonce
	unsent  []uint64                 // nonces that found the socket full; each answer makes room for the next
	partial []byte                   // of a nonce that was read in two pieces; only the poller

	agenda   agenda
	gathered []byte // to be sent to the one connection that has its turn; guarded by that one's mu
}

// addProbes gives each of the n pollers of engine its probe. What was made before an error is returned with it.
func addProbes(engine *nbio.Engine, n, maxFiles int) ([]*probe, error) {
	var probes []*probe
	for i := range n {
		p, err := addProbe(engine, i, n, maxFiles)
		if err != nil {
			return probes, fmt.Errorf("probe of poller %d: %w", i, err)
		}
		probes = append(probes, p)
	}
	return probes, nil
}

func addProbe(engine *nbio.Engine, index, n, maxFiles int) (*probe, error) {
	for range maxAttempts {
		nc, out, err := pair(index, n)
		if err != nil {
			return nil, err
		}
		if nc.Hash()%n != index || nc.Hash() >= maxFiles { // somebody else opened a file meanwhile
			nc.Close()
			syscall.Close(out)
			continue
		}
		p := &probe{in: nc, out: out, poll: -1, proven: make(chan struct{}), waiting: map[uint64]chan struct{}{}}
		bind(nc, p)
		if _, err := engine.AddConn(nc); err != nil {
			syscall.Close(out)
			return nil, err
		}
		p.poll = findPoll(nc.Hash())
		return p, nil
	}
	return nil, errors.New("no file number for it")
}

// pair makes a socket pair whose inner end most likely has a number that leaves index when divided by n: nbio chooses the poller by that.
func pair(index, n int) (nc *nbio.Conn, out int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, 0, os.NewSyscallError("socketpair", err)
	}
	defer func() {
		if err != nil {
			syscall.Close(fds[1])
		}
	}()
	for _, fd := range fds {
		syscall.CloseOnExec(fd)
		syscall.SetNonblock(fd, true)
	}
	file := os.NewFile(uintptr(fds[0]), "probe")
	conn, err := net.FileConn(file)
	file.Close()
	if err != nil {
		return nil, 0, err
	}
	fillers := fill(fds[1], index, n)
	nc, err = nbio.NBConn(conn)
	for _, fd := range fillers {
		syscall.Close(fd)
	}
	if err != nil {
		conn.Close()
		return nil, 0, err
	}
	syscall.CloseOnExec(nc.Hash())
	return nc, fds[1], nil
}

// fill opens files until the next free number leaves index when divided by n, and returns what it opened.
func fill(fd, index, n int) (fillers []int) {
	for range 4 * n {
		d, err := syscall.Dup(fd)
		if err != nil {
			return fillers
		}
		if d%n == index {
			syscall.Close(d)
			return fillers
		}
		fillers = append(fillers, d)
	}
	return fillers
}

// ask sends a nonce of its own; the channel is closed when it has come back.
func (p *probe) ask() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := make(chan struct{})
	p.waiting[p.send()] = done
	return done
}

// forget ends the wait for an answer.
func (p *probe) forget(answer <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for nonce, ch := range p.waiting {
		if ch == answer {
			delete(p.waiting, nonce)
		}
	}
}

// send writes the next nonce, or, while the socket is full of those that the poller has not read yet, has it wait for its turn; p.mu is held.
func (p *probe) send() uint64 {
	p.last++
	p.unsent = append(p.unsent, p.last)
	p.flush()
	return p.last
}

// flush writes what the socket takes of the nonces that wait; p.mu is held.
func (p *probe) flush() {
	for len(p.unsent) > 0 {
		var b [nonceSize]byte
		binary.BigEndian.PutUint64(b[:], p.unsent[0])
		_, err := syscall.Write(p.out, b[:]) // on a stream socket so few bytes are written whole or not at all
		switch err {
		case nil:
			p.unsent = p.unsent[1:]
		case syscall.EINTR:
		default:
			return
		}
	}
	p.unsent = nil
}

// ping sends the watchdog's nonce unless one is on its way.
func (p *probe) ping() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sentAt.IsZero() {
		p.sentAt = time.Now()
		p.watched = p.send()
	}
}

// nudge wakes the poller.
func (p *probe) nudge() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.send()
}

func (p *probe) lag() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sentAt.IsZero() {
		return p.took
	}
	return max(p.took, time.Since(p.sentAt))
}

// readable is called by the poller.
func (p *probe) readable() {
	var b [probeBuffer]byte
	n, err := p.in.Read(b[:])
	if n <= 0 {
		if err == nil {
			p.in.CloseWithError(io.EOF)
		}
		return
	}
	p.receive(b[:n])
	p.run()
}

func (p *probe) receive(b []byte) {
	p.partial = append(p.partial, b...)
	for len(p.partial) >= nonceSize {
		p.answer(binary.BigEndian.Uint64(p.partial))
		p.partial = p.partial[nonceSize:]
	}
	p.partial = append([]byte(nil), p.partial...)
}

func (p *probe) answer(nonce uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flush()
	if ch := p.waiting[nonce]; ch != nil {
		close(ch)
		delete(p.waiting, nonce)
	}
	if nonce >= p.watched && !p.sentAt.IsZero() {
		p.took = time.Since(p.sentAt)
		p.sentAt = time.Time{}
	}
	select {
	case <-p.proven:
	default:
		close(p.proven)
	}
}

func (p *probe) ended(error) {}
