// Command rawgo does what raw.c does, for machines without a C compiler: the bytes of a Socket.IO server with nothing behind them.
//
//	rawgo PORT
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

const (
	handshake = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
	opened = `0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	joined = `40{"sid":"x"}`
)

type conn struct {
	fd       int
	place    int // in loop.all
	upgraded bool
	tail     []byte
	queue    []byte // what the kernel has not taken
}

type loop struct {
	poll   int
	conns  map[int]*conn
	all    []*conn
	input  []byte
	batch  []byte // frames for everybody but author
	author *conn
}

func main() {
	if len(os.Args) < 2 {
		os.Exit(2)
	}
	port, _ := strconv.Atoi(os.Args[1])
	listener, err := listen(port)
	if err != nil {
		fmt.Fprintf(os.Stderr, "rawgo: %v\n", err)
		os.Exit(1)
	}
	runtime.LockOSThread()
	l := &loop{conns: map[int]*conn{}, input: make([]byte, 256<<10)}
	l.poll, _ = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	l.watch(syscall.EPOLL_CTL_ADD, listener, syscall.EPOLLIN)
	l.serve(listener)
}

func listen(port int) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, err
	}
	return fd, syscall.Listen(fd, 4096)
}

func (l *loop) watch(op, fd int, events uint32) {
	_ = syscall.EpollCtl(l.poll, op, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)})
}

func (l *loop) serve(listener int) {
	events := make([]syscall.EpollEvent, 512)
	for {
		n, _ := syscall.EpollWait(l.poll, events, -1)
		for _, ev := range events[:max(n, 0)] {
			if int(ev.Fd) == listener {
				l.accept(listener)
				continue
			}
			c := l.conns[int(ev.Fd)]
			if c != nil && ev.Events&syscall.EPOLLOUT != 0 {
				l.resume(c)
			}
			if c != nil && ev.Events&^uint32(syscall.EPOLLOUT) != 0 && !l.readable(c) {
				l.drop(c)
			}
		}
		l.relay()
	}
}

func (l *loop) accept(listener int) {
	for {
		fd, _, err := syscall.Accept4(listener, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
		c := &conn{fd: fd, place: len(l.all)}
		l.conns[fd] = c
		l.all = append(l.all, c)
		l.watch(syscall.EPOLL_CTL_ADD, fd, syscall.EPOLLIN)
	}
}

func (l *loop) drop(c *conn) {
	delete(l.conns, c.fd)
	last := l.all[len(l.all)-1]
	l.all[c.place], last.place = last, c.place
	l.all = l.all[:len(l.all)-1]
	if l.author == c {
		l.author = nil
	}
	_ = syscall.Close(c.fd)
}

func call(number uintptr, fd int, p []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(number, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), syscall.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// deliver leaves to the queue what the kernel does not take.
func (l *loop) deliver(c *conn, p []byte) {
	if len(c.queue) == 0 {
		n, errno := call(syscall.SYS_SENDTO, c.fd, p)
		if p = p[n:]; len(p) == 0 || errno != 0 && errno != syscall.EAGAIN {
			return
		}
		l.watch(syscall.EPOLL_CTL_MOD, c.fd, syscall.EPOLLIN|syscall.EPOLLOUT)
	}
	c.queue = append(c.queue, p...)
}

func (l *loop) resume(c *conn) {
	if len(c.queue) > 0 {
		n, _ := call(syscall.SYS_SENDTO, c.fd, c.queue)
		c.queue = c.queue[:copy(c.queue, c.queue[n:])]
	}
	if len(c.queue) == 0 {
		l.watch(syscall.EPOLL_CTL_MOD, c.fd, syscall.EPOLLIN)
	}
}

// relay ends the turn.
func (l *loop) relay() {
	if len(l.batch) == 0 {
		return
	}
	for _, c := range l.all {
		if c != l.author && c.upgraded {
			l.deliver(c, l.batch)
		}
	}
	l.batch, l.author = l.batch[:0], nil
}

func frame(dst, p []byte) []byte {
	if len(p) < 126 {
		dst = append(dst, 0x81, byte(len(p)))
	} else {
		dst = binary.BigEndian.AppendUint16(append(dst, 0x81, 126), uint16(len(p)))
	}
	return append(dst, p...)
}

// message takes one message of c, and appends what answers it.
func (l *loop) message(c *conn, p, answer []byte) []byte {
	switch {
	case bytes.HasPrefix(p, []byte("40")):
		return frame(answer, []byte(joined))
	case bytes.HasPrefix(p, []byte("42[")):
		if l.author != c {
			l.relay()
		}
		l.author = c
		l.batch = frame(l.batch, p)
	case bytes.HasPrefix(p, []byte("42")):
		id, _, _ := bytes.Cut(p[2:], []byte("["))
		return frame(answer, append(append([]byte("43"), id...), "[]"...))
	}
	return answer
}

func (l *loop) readable(c *conn) bool {
	kept := copy(l.input, c.tail)
	n, errno := call(syscall.SYS_RECVFROM, c.fd, l.input[kept:])
	if n == 0 {
		return errno == syscall.EAGAIN
	}
	p := l.input[:kept+n]
	var answer []byte
	if !c.upgraded {
		end := bytes.Index(p, []byte("\r\n\r\n"))
		if end < 0 {
			c.tail = append(c.tail[:0], p...)
			return true
		}
		c.upgraded, p = true, p[end+4:]
		answer = frame([]byte(handshake), []byte(opened))
	}
	for {
		op, payload, size := nextFrame(p)
		if size == 0 || op == 8 {
			break
		}
		answer = l.message(c, payload, answer)
		p = p[size:]
	}
	if len(answer) > 0 {
		l.deliver(c, answer)
	}
	c.tail = append(c.tail[:0], p...)
	return true
}

// nextFrame unmasks the first frame of p, which has less than 64 KiB.
func nextFrame(p []byte) (op byte, payload []byte, size int) {
	if len(p) < 6 {
		return 0, nil, 0
	}
	head, length := 6, int(p[1]&0x7f)
	if length == 126 {
		head, length = 8, int(binary.BigEndian.Uint16(p[2:]))
	}
	if len(p) < head+length {
		return 0, nil, 0
	}
	payload = p[head : head+length]
	for i := range payload {
		payload[i] ^= p[head-4+(i&3)]
	}
	return p[0] & 15, payload, head + length
}
