package bench

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// bindAddressNoPort lets the kernel choose a port that is free for this destination, not for all of them.
const bindAddressNoPort = 24

// poller is an epoll instance with a pipe that wakes it.
type poller struct {
	fd     int
	wakeup [2]int
	events [512]syscall.EpollEvent
}

// event is what happened to the link in a slot.
type event struct {
	slot, gen int32
	writable  bool
}

// wakeSlot is that of the pipe.
const wakeSlot = -1

func newPoller() (*poller, error) {
	p := new(poller)
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	p.fd = fd
	if err := syscall.Pipe2(p.wakeup[:], syscall.O_NONBLOCK|syscall.O_CLOEXEC); err != nil {
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("pipe2", err)
	}
	return p, p.control(syscall.EPOLL_CTL_ADD, p.wakeup[0], wakeSlot, 0, false)
}

func (p *poller) close() {
	for _, fd := range []int{p.fd, p.wakeup[0], p.wakeup[1]} {
		_ = syscall.Close(fd)
	}
}

// wake may be called by any goroutine.
func (p *poller) wake() { _, _ = syscall.Write(p.wakeup[1], []byte{0}) }

func (p *poller) control(op, fd int, slot, gen int32, write bool) error {
	ev := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP, Fd: slot, Pad: gen}
	if write {
		ev.Events |= syscall.EPOLLOUT
	}
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(p.fd, op, fd, &ev))
}

func (p *poller) add(fd int, slot, gen int32) error {
	return p.control(syscall.EPOLL_CTL_ADD, fd, slot, gen, true)
}

func (p *poller) watch(fd int, slot, gen int32, write bool) error {
	return p.control(syscall.EPOLL_CTL_MOD, fd, slot, gen, write)
}

// wait appends what has happened to out. Zero does not block and does not tell the scheduler.
func (p *poller) wait(timeout time.Duration, out []event) ([]event, error) {
	n, err := p.poll(timeout)
	if err == syscall.EINTR {
		return out, nil
	}
	if err != nil {
		return out, os.NewSyscallError("epoll_wait", err)
	}
	for _, ev := range p.events[:n] {
		if ev.Fd == wakeSlot {
			var drop [64]byte
			_, _ = syscall.Read(p.wakeup[0], drop[:])
			continue
		}
		out = append(out, event{slot: ev.Fd, gen: ev.Pad, writable: ev.Events&syscall.EPOLLOUT != 0})
	}
	return out, nil
}

func (p *poller) poll(timeout time.Duration) (int, error) {
	if timeout > 0 {
		return syscall.EpollWait(p.fd, p.events[:], int((timeout+time.Millisecond-1)/time.Millisecond))
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// dial begins to connect. The descriptor is writable when that is decided.
func dial(to netip.AddrPort, from netip.Addr) (int, error) {
	family := syscall.AF_INET6
	if to.Addr().Is4() {
		family = syscall.AF_INET
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if from.IsValid() {
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindAddressNoPort, 1)
		if err := syscall.Bind(fd, sockaddr(netip.AddrPortFrom(from, 0))); err != nil {
			_ = syscall.Close(fd)
			return -1, os.NewSyscallError("bind", err)
		}
	}
	if err := syscall.Connect(fd, sockaddr(to)); err != nil && err != syscall.EINPROGRESS {
		_ = syscall.Close(fd)
		return -1, os.NewSyscallError("connect", err)
	}
	return fd, nil
}

func sockaddr(a netip.AddrPort) syscall.Sockaddr {
	if a.Addr().Is4() {
		return &syscall.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &syscall.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// dialed is the outcome of dial.
func dialed(fd int) error {
	code, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err == nil && code != 0 {
		err = syscall.Errno(code)
	}
	return os.NewSyscallError("connect", err)
}

// errAgain means that nothing can be read or written now.
var errAgain error = syscall.EAGAIN

// read fills p, with io.EOF at the end and errAgain when there is nothing.
func read(fd int, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	switch {
	case errno == syscall.EINTR:
		return 0, errAgain
	case errno != 0:
		return 0, errno
	case n == 0:
		return 0, io.EOF
	}
	return int(n), nil
}

// write writes what the kernel takes.
func write(fd int, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), syscall.MSG_NOSIGNAL, 0, 0)
	switch {
	case errno == syscall.EINTR:
		return 0, errAgain
	case errno != 0:
		return 0, errno
	}
	return int(n), nil
}

// hangUp closes at once, so that the port is free again.
func hangUp(fd int) {
	_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	_ = syscall.Close(fd)
}

// raiseFiles makes room for n more descriptors than a small program needs.
func raiseFiles(n int) error {
	const spare = 64
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	want := uint64(n + spare)
	if limit.Cur >= want {
		return nil
	}
	raised := syscall.Rlimit{Cur: want, Max: max(limit.Max, want)}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised); err == nil {
		return nil
	}
	return fmt.Errorf("%d connections need %d open files, the limit is %d: raise it (ulimit -Hn) or ask for fewer", n, want, limit.Max)
}

// ownCPU is what this process has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// reason is a short name for what ended a connection, to count by.
func reason(err error) string {
	var number syscall.Errno
	switch {
	case errors.Is(err, io.EOF):
		return "closed by server"
	case errors.As(err, &number):
		return number.Error()
	}
	return err.Error()
}
