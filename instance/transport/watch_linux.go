package transport

import (
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const (
	wantBytes = syscall.EPOLLIN | syscall.EPOLLPRI | syscall.EPOLLRDHUP // as nbio asks for them
	wantRoom  = syscall.EPOLLOUT

	tcpUserTimeout = 18 // TCP_USER_TIMEOUT, which package syscall does not have everywhere
)

// States of a connection (tcp_states.h) in which the peer can still send.
const (
	tcpEstablished = 1
	tcpFinWait2    = 5 // and what is in between
)

// findPoll returns the epoll file in which fd is registered, or -1. nbio hides it.
func findPoll(fd int) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	for _, e := range entries {
		kind, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || !strings.HasPrefix(kind, "anon_inode:[eventpoll") {
			continue
		}
		poll, err := strconv.Atoi(e.Name())
		if err == nil && setEvents(poll, fd, wantBytes) == nil {
			return poll
		}
	}
	return -1
}

func setEvents(poll, fd int, events uint32) error {
	return syscall.EpollCtl(poll, syscall.EPOLL_CTL_MOD, fd, &syscall.EpollEvent{Fd: int32(fd), Events: events})
}

// watch says whether the poller looks for bytes and for the FIN of the peer; it always looks for errors, and for room as long as something is
// queued. It returns false if it cannot be told. c.mu is held, so that nobody queues meanwhile and the ledger says what nbio wants itself.
func (c *conn) watch(on bool) bool {
	c.nc.Lock()
	defer c.nc.Unlock()
	if closed, _ := c.nc.IsClosed(); closed {
		return true
	}
	if c.probe.poll < 0 {
		return false
	}
	var events uint32
	if on {
		events = wantBytes
	}
	if c.queued.Load() > 0 {
		events |= wantRoom
	}
	return setEvents(c.probe.poll, c.nc.Hash(), events) == nil
}

// peerDone tells whether the peer's FIN, or a reset, has arrived, behind whatever bytes.
func (c *conn) peerDone() bool {
	c.nc.Lock()
	defer c.nc.Unlock()
	if closed, _ := c.nc.IsClosed(); closed {
		return true
	}
	info, err := syscall.GetsockoptInt(c.nc.Hash(), syscall.IPPROTO_TCP, syscall.TCP_INFO)
	if err != nil {
		return true
	}
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], uint32(info))
	state := b[0] // tcp_info begins with it
	return state < tcpEstablished || state > tcpFinWait2
}

// expectLife has the kernel end the connection if the peer's host does not acknowledge anything for some milliseconds; 0 = as the system does.
func (c *conn) expectLife(ms int) {
	c.nc.Lock()
	defer c.nc.Unlock()
	if closed, _ := c.nc.IsClosed(); !closed {
		syscall.SetsockoptInt(c.nc.Hash(), syscall.IPPROTO_TCP, tcpUserTimeout, ms)
	}
}
