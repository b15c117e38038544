package bench

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// target is a server that may be loaded.
type target struct {
	addr netip.AddrPort
	host string // for the Host header
	path string // of Engine.IO
}

// findTarget resolves the URL. A server that is neither on this machine nor in a private network is refused: this is a tool to measure one's own.
func findTarget(ctx context.Context, o *Options) (target, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return target{}, fmt.Errorf("url: %w", err)
	}
	switch {
	case u.Scheme == "https" || u.Scheme == "wss":
		return target{}, fmt.Errorf("url %s: TLS would be measured with it, and is not spoken here; name the server's plain port", o.URL)
	case u.Scheme != "http" && u.Scheme != "ws" || u.Hostname() == "":
		return target{}, fmt.Errorf("url %q: must be http://HOST:PORT or ws://HOST:PORT", o.URL)
	}
	t := target{host: u.Host, path: o.Path}
	if t.path == "" {
		t.path = u.EscapedPath()
	}
	if t.path == "" || t.path == "/" {
		t.path = "/socket.io/"
	}
	if u.RawQuery != "" && o.Path == "" {
		t.path += "?" + u.RawQuery
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return target{}, fmt.Errorf("url %s: %w", o.URL, err)
	}
	ip, err := resolve(ctx, u.Hostname(), o.YesReally)
	t.addr = netip.AddrPortFrom(ip, uint16(number))
	return t, err
}

// resolve prefers IPv4, as servers on localhost often listen there alone.
func resolve(ctx context.Context, host string, public bool) (netip.Addr, error) {
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, err
	}
	best := found[0].Unmap()
	for _, ip := range found {
		ip = ip.Unmap()
		if !public && !isOwn(ip) {
			return netip.Addr{}, fmt.Errorf("%s (%s) is a public address: loading a server that is not yours is an attack; --yes-really if it is yours", host, ip)
		}
		if ip.Is4() && !best.Is4() {
			best = ip
		}
	}
	return best, nil
}

// isOwn takes 0.0.0.0 for what it means to connect there: this machine.
func isOwn(ip netip.Addr) bool { return ip.IsLoopback() || ip.IsPrivate() || ip.IsUnspecified() }

// portsPerSource is how many connections share one loopback source address: the kernel has about 28,000 ports for each.
const portsPerSource = 20000

// source is the local address of the nth connection, invalid if the kernel shall choose.
func (t *target) source(nth int) netip.Addr {
	block := nth / portsPerSource
	if block == 0 || !t.addr.Addr().Is4() || !t.addr.Addr().IsLoopback() {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte{127, 0, byte((1 + block) >> 8), byte(1 + block)})
}

// query is the request target of a handshake.
func (t *target) query(transport string) string {
	join := "?"
	if strings.Contains(t.path, "?") {
		join = "&"
	}
	return t.path + join + "EIO=4&transport=" + transport
}
