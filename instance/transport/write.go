package transport

import (
	"errors"
	"net"
	"syscall"

	"github.com/sockd/sockd/instance/engineio"
)

// errSlow is what gone gets for a client that did not read: engineio's own word for it.
var errSlow = engineio.ErrSlow

// send gives b to the client; c.mu is held, and b is not kept. During the connection's own turn what is sent is gathered, so that answers to what
// came together leave together, and a handshake together with what its handler says; see cork.
func (c *conn) send(b []byte) error {
	switch {
	case c.late:
		return engineio.ErrClosed
	case !c.corked || c.queued.Load() > 0:
		return c.give(b)
	}
	p := c.probe
	if len(p.gathered)+len(b) > maxGathered {
		if err := c.release(); err != nil {
			return err
		}
		if len(b) > maxGathered || c.queued.Load() > 0 {
			return c.give(b)
		}
	}
	p.gathered = append(p.gathered, b...)
	return nil
}

// give gives b to the kernel, and what that does not take to nbio's queue; c.mu is held. b is not kept.
//
// The first write is ours. nbio's own closes the file on the writer's goroutine when the peer is gone, which must not happen (see close.go);
// with bytes in its queue it only appends.
func (c *conn) give(b []byte) error {
	n, err := c.sendNow(b)
	if err != nil {
		c.shutLocked(err)
		return engineio.ErrClosed
	}
	if n == len(b) {
		return nil
	}
	c.queued.Add(int64(len(b) - n))
	c.server.backlog.Add(int64(len(b) - n))
	if _, err := c.nc.Write(b[n:]); err != nil {
		c.shutLocked(err)
		return engineio.ErrClosed
	}
	if c.stopped {
		c.watch(false) // nbio now asks for bytes, too
	}
	return nil
}

// sendNow writes what the kernel takes at once: nothing if something is queued already.
func (c *conn) sendNow(b []byte) (int, error) {
	c.nc.Lock()
	defer c.nc.Unlock()
	if closed, _ := c.nc.IsClosed(); closed {
		return 0, net.ErrClosed
	}
	if c.queued.Load() > 0 {
		return 0, nil
	}
	for {
		n, err := writeNow(c.nc.Hash(), b)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil
		case !errors.Is(err, syscall.EINTR):
			return 0, err
		}
	}
}

// taken is called by nbio, with its lock of the connection held, when the kernel has taken n bytes of the queue.
func (c *conn) taken(n int) {
	c.server.backlog.Add(int64(-n))
	if c.queued.Add(int64(-n)) > 0 {
		return
	}
	if c.finish.Load() {
		syscall.Shutdown(c.nc.Hash(), syscall.SHUT_WR)
	}
	if c.drains.Load() {
		c.probe.schedule(c)
	}
}

// overfull tells whether n more bytes would be too many; the first bytes in an empty queue never are.
func (c *conn) overfull(n int) bool {
	queued := c.queued.Load()
	return queued > 0 && queued+int64(n) > int64(c.server.options.Load().MaxBuffered)
}
