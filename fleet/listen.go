package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/transport"
)

// binding is a listener and the address that it is known by.
type binding struct {
	addr string // canonical host:port
	host string
	port int
	ln   transport.Listener
}

// Listener is what an instance accepts on.
type Listener = transport.Listener

// ListenTCP binds addr with plain options. Multipath TCP is off: the kernel lists such listeners elsewhere, and the pollers
// expect plain connections.
func ListenTCP(ctx context.Context, addr string) (transport.Listener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	network := "tcp"
	if a, err := netip.ParseAddrPort(addr); err == nil && a.Addr().Is4() {
		network = "tcp4" // or 0.0.0.0 would take all of IPv6 too
	}
	ln, err := lc.Listen(ctx, network, addr)
	if err != nil {
		return nil, plainListenError(addr, err)
	}
	return ln.(*net.TCPListener), nil
}

// plainListenError writes listen 127.0.0.1:80: permission denied, without the names of system calls.
func plainListenError(addr string, err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return fmt.Errorf("listen %s: %w", addr, errno)
	}
	return fmt.Errorf("listen %s: %w", addr, err)
}

// open binds one address for an instance. Port 0 is any.
func (f *Fleet) open(name, host string, port int) (*binding, error) {
	ln, err := f.o.Listen(context.Background(), name, address(host, port))
	if err != nil {
		return nil, err
	}
	if port == 0 {
		got, err := netip.ParseAddrPort(ln.Addr().String())
		if err != nil {
			ln.Close()
			return nil, fmt.Errorf("address of a new listener: %w", err)
		}
		port = int(got.Port())
	}
	return &binding{addr: address(host, port), host: host, port: port, ln: ln}, nil
}

// address is host:port in the one form that addresses are compared in.
func address(host string, port int) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// candidates are the ports that an instance may listen on, the best first: the one it has, the one it had, then the range
// in its order or, as 0, any.
func candidates(p config.Port, has, had int) []int {
	if p.Fixed() {
		return []int{p.First}
	}
	var list []int
	for _, port := range []int{has, had} {
		if port > 0 && (p.Auto || p.First <= port && port <= p.Last) && (len(list) == 0 || list[0] != port) {
			list = append(list, port)
		}
	}
	if p.Auto {
		return append(list, 0)
	}
	preferred := len(list)
	for port := p.First; port <= p.Last; port++ {
		if !slices.Contains(list[:preferred], port) {
			list = append(list, port)
		}
	}
	return list
}

// bind opens an address for e while nothing else is being moved: what another instance holds is in use.
func (l *loop) bind(e *entry) (*binding, error) {
	var last error
	ports := candidates(e.cfg.Port, 0, l.ports.get(e.name))
	for _, port := range ports {
		if owner := l.owner(e, port); owner != "" {
			last = &ownError{port, owner}
			continue
		}
		b, err := l.f.open(e.name, e.cfg.Host, port)
		if err == nil {
			l.chose(e.name, e.cfg.Port, b)
			return b, nil
		}
		last = err
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, err
		}
	}
	return l.bindYielded(e, ports, last)
}

// chose remembers a port that the file leaves open.
func (l *loop) chose(name string, p config.Port, b *binding) {
	if !p.Fixed() {
		l.ports.set(name, b.port)
	}
}
