package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// claim is an address that somebody wants.
type claim struct {
	by   string // an instance's name, or what else it is
	at   *node  // where to report a clash
	host string
	port Port
}

// taken are the ports that are given to somebody.
type taken map[int][]claim

func (t taken) give(port int, c claim) { t[port] = append(t[port], c) }

// holder returns who has a port on an address that overlaps with host, or nil.
func (t taken) holder(host string, port int) *claim {
	for i, c := range t[port] {
		if Overlap(c.host, host) {
			return &t[port][i]
		}
	}
	return nil
}

// clashes reports enabled instances that cannot all have their address. Fixed ports are given first, in the order of the files;
// then every range gets the first port left in it, the one that ends first before the others. "auto" clashes with nobody.
func (l *loader) clashes(root *node, merged map[string]*node) {
	given := make(taken)
	if c, ok := l.adminClaim(root); ok {
		given.give(c.port.First, c)
	}
	fixed, ranges := l.claims(merged)
	given.share(fixed, ranges, func(c claim, other *claim) {
		fault := l.at(c.at, "%s", c.lost(other))
		fault.Key = "instance." + quoteKey(c.by) + ".port"
		if other != nil {
			where := other.at.src.fault(other.at.off, "")
			fault.Message += fmt.Sprintf(" (%s:%d)", where.File, where.Line)
		}
	})
}

// Clash returns why the enabled instances of c cannot all have their address, or nil. What [Load] returns never clashes; this is the
// same rule for a Config that was made otherwise.
func Clash(c *Config) error {
	var fixed, ranges []claim
	for _, name := range slices.Sorted(maps.Keys(c.Instances)) {
		x := c.Instances[name]
		switch one := (claim{by: name, host: x.Host, port: x.Port}); {
		case !x.Enabled || x.Port.First == 0:
		case x.Port.Fixed():
			fixed = append(fixed, one)
		default:
			ranges = append(ranges, one)
		}
	}
	slices.SortStableFunc(ranges, func(a, b claim) int { return cmp.Compare(a.port.Last, b.port.Last) })
	var faults []error
	make(taken).share(fixed, ranges, func(c claim, other *claim) {
		faults = append(faults, fmt.Errorf("instance.%s: %s", quoteKey(c.by), c.lost(other)))
	})
	return errors.Join(faults...)
}

// share gives each claim its address, and calls lost with each that gets none and, unless it is a range, with who has it. Fixed ports
// come first; ranges have to be in the order of their ends.
func (t taken) share(fixed, ranges []claim, lost func(c claim, other *claim)) {
	for _, c := range fixed {
		if other := t.holder(c.host, c.port.First); other != nil {
			lost(c, other)
			continue
		}
		t.give(c.port.First, named(c))
	}
	for _, c := range ranges {
		port := c.port.First
		for port <= c.port.Last && t.holder(c.host, port) != nil {
			port++
		}
		if port > c.port.Last {
			lost(c, nil)
			continue
		}
		t.give(port, named(c))
	}
}

// lost says that c gets no address, since other has it or, for a range, all others together.
func (c claim) lost(other *claim) string {
	if other == nil {
		return fmt.Sprintf("every port of %s on %s is the address of another instance", c.port, c.host)
	}
	return fmt.Sprintf("%s is also the address of %s", net.JoinHostPort(c.host, c.port.String()), other.by)
}

func named(c claim) claim {
	c.by = "instance " + quoteKey(c.by)
	return c
}

// claims returns the wishes of the enabled instances whose address is sound.
func (l *loader) claims(merged map[string]*node) (fixed, ranges []claim) {
	for name, n := range merged {
		x := l.config.Instances[name]
		if !x.Enabled || x.Port.First == 0 || !l.sound(n, []string{"port"}, []string{"host"}) {
			continue
		}
		c := claim{by: name, at: n.get("port"), host: x.Host, port: x.Port}
		if c.at.key[0] == "defaults" {
			c.at = &node{src: n.src, off: n.off, key: n.key} // it is not the default that is wrong
		}
		if x.Port.Fixed() {
			fixed = append(fixed, c)
		} else {
			ranges = append(ranges, c)
		}
	}
	place := func(a, b claim) int {
		return cmp.Or(cmp.Compare(a.at.src.order, b.at.src.order), cmp.Compare(a.at.off, b.at.off), strings.Compare(a.by, b.by))
	}
	slices.SortFunc(fixed, place)
	slices.SortFunc(ranges, func(a, b claim) int { return cmp.Or(cmp.Compare(a.port.Last, b.port.Last), place(a, b)) })
	return fixed, ranges
}

// adminClaim returns the address of [admin], if one is written: the default one gives way.
func (l *loader) adminClaim(root *node) (claim, bool) {
	n := root.get("admin", "listen")
	host, port, err := net.SplitHostPort(l.config.Admin.Listen)
	if n == nil || err != nil {
		return claim{}, false
	}
	p, err := parsePort(port)
	if err != nil || !p.Fixed() {
		return claim{}, false
	}
	return claim{by: "admin.listen", at: n, host: host, port: p}, true
}

// Overlap reports whether two hosts cannot both be bound on one port. "::" takes the IPv4 addresses too, as Go binds it; 127.0.0.1
// and ::1 coexist, and so do two addresses of 127.0.0.0/8. A name could be any address, so it overlaps only with itself and
// with what takes all; localhost is bound as 127.0.0.1.
func Overlap(a, b string) bool {
	x, y := address(a), address(b)
	switch {
	case all(a, x) && all(b, y):
		return true
	case all(a, x):
		return !(y.IsValid() && y.Is6() && x.Is4())
	case all(b, y):
		return !(x.IsValid() && x.Is6() && y.Is4())
	case x.IsValid() || y.IsValid():
		return x == y
	}
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

func all(host string, a netip.Addr) bool { return host == "" || a.IsUnspecified() }

func address(host string) netip.Addr {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	a, _ := netip.ParseAddr(host)
	return a.Unmap()
}
