package service

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// Sockets are the TCP listeners that the process was born with. A nil set is empty.
type Sockets struct {
	mu   sync.Mutex
	list []*socket
}

// socket is one of them.
type socket struct {
	name  string // of an instance, or "admin"; "" = known by its address only
	addr  netip.AddrPort
	file  *os.File         // of one that stays with us, as the service manager keeps it open in any case; else nil
	ln    *net.TCPListener // of one that can be taken once
	taken bool
}

// Activated takes over the listeners that systemd hands to this process (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES), marks them close-on-exec and removes
// these variables. They stay open for the life of the process, since closing one would not free its port: each can be taken again and again. The error
// tells what of it is no TCP listener, which is closed; the set can be used all the same.
func Activated() (*Sockets, error) {
	s := &Sockets{}
	var faults []error
	for _, f := range activation.Files(true) {
		if err := s.keep(givenName(f.Name()), f); err != nil {
			faults = append(faults, fmt.Errorf("socket %q of the service manager: %w", f.Name(), err))
			f.Close()
		}
	}
	return s, errors.Join(faults...)
}

// givenName is "" for the names that systemd uses when the unit gives none.
func givenName(name string) string {
	if strings.HasPrefix(name, "LISTEN_FD_") || name == "unknown" || strings.HasSuffix(name, ".socket") {
		return ""
	}
	return name
}

// keep adds a socket that belongs to the service manager. It owns f unless there is an error.
func (s *Sockets) keep(name string, f *os.File) error {
	ln, err := listenerOf(f)
	if err != nil {
		return err
	}
	defer ln.Close() // the socket itself lives on in f
	s.list = append(s.list, &socket{name: name, addr: addrOf(ln), file: f})
	return nil
}

// give adds a socket that whoever takes it owns. It closes f. One that is there already, from the service manager, is not added.
func (s *Sockets) give(name string, f *os.File) error {
	defer f.Close()
	ln, err := listenerOf(f)
	if err != nil {
		return err
	}
	k := &socket{name: name, addr: addrOf(ln), ln: ln}
	if slices.ContainsFunc(s.list, func(o *socket) bool { return o.file != nil && o.addr == k.addr }) {
		return ln.Close()
	}
	s.list = append(s.list, k)
	return nil
}

func listenerOf(f *os.File) (*net.TCPListener, error) {
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, errors.New("not a listener")
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		ln.Close()
		return nil, fmt.Errorf("a %s listener, not tcp", ln.Addr().Network())
	}
	return tcp, nil
}

func addrOf(ln *net.TCPListener) netip.AddrPort {
	a := ln.Addr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// elsewhereError is a listener whose name fits and whose address does not.
type elsewhereError struct {
	name, addr  string
	inherited   netip.AddrPort
	anotherPort bool // of the same host
}

func (e *elsewhereError) Error() string {
	return fmt.Sprintf("listen %s: the listener %q was inherited on %s: make the file and the socket unit agree", e.addr, e.name, e.inherited)
}

// Is makes another port one that is in use, so that an instance with a range goes on to the one that it was given.
func (e *elsewhereError) Is(target error) bool { return e.anotherPort && target == syscall.EADDRINUSE }

// Take returns the listener that the instance name (or "admin") has inherited for addr, a host and port: the one of that name or, among those without a name,
// the one at that address. Port 0 takes the one of that name whatever its port is. An empty name takes by address alone. Nil without an error means that
// there is none, so the address is to be bound. A name whose listener the service manager keeps at another address is an error: binding beside it would leave
// clients waiting there, and a listener for all addresses must not stand in for one of this machine's own. After it was taken once that is no error any
// more, so that a reload can move the instance. The listener is the caller's.
func (s *Sockets) Take(name, addr string) (*net.TCPListener, error) {
	if s == nil {
		return nil, nil
	}
	host, port, err := splitAddr(addr)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.list {
		if k.goesTo(name, port) && k.on(host) && (port == 0 || port == k.addr.Port()) {
			return s.hand(k)
		}
	}
	return nil, s.elsewhere(name, host, addr)
}

// elsewhere needs mu.
func (s *Sockets) elsewhere(name, host, addr string) error {
	var fault error
	for _, k := range s.list {
		switch {
		case name == "" || k.name != name || k.file == nil:
		case k.taken:
			return nil
		case fault == nil:
			fault = &elsewhereError{name, addr, k.addr, k.on(host)}
		}
	}
	return fault
}

func splitAddr(addr string) (host string, port uint16, err error) {
	host, digits, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("address %s: the port is not a number from 0 to 65535", addr)
	}
	return host, uint16(n), nil
}

func (k *socket) goesTo(name string, port uint16) bool {
	if name == "" || k.name == "" {
		return port != 0
	}
	return k.name == name
}

// on reports whether the socket listens on exactly host. A name of a host is believed only of a predecessor, who resolved it.
func (k *socket) on(host string) bool {
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil:
		return ip.Unmap().WithZone("") == k.addr.Addr()
	case strings.EqualFold(host, "localhost"):
		return k.addr.Addr().IsLoopback()
	case host == "":
		return k.addr.Addr().IsUnspecified()
	}
	return k.file == nil
}

// hand needs mu.
func (s *Sockets) hand(k *socket) (*net.TCPListener, error) {
	k.taken = true
	if k.file != nil {
		return listenerOf(k.file)
	}
	s.list = slices.DeleteFunc(s.list, func(o *socket) bool { return o == k })
	return k.ln, nil
}

// Unclaimed says of each listener that nobody has taken why that may be; known are the names of all instances. It is of use once all have started.
func (s *Sockets) Unclaimed(known []string) (sentences []string) {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.list {
		switch {
		case k.taken:
		case k.name == "":
			sentences = append(sentences, fmt.Sprintf("inherited listener on %s: no instance has that address", k.addr))
		case k.name != adminName && !slices.Contains(known, k.name):
			sentences = append(sentences, fmt.Sprintf("inherited listener %q on %s: no instance has that name", k.name, k.addr))
		default:
			sentences = append(sentences, fmt.Sprintf("inherited listener %q on %s: not asked for", k.name, k.addr))
		}
	}
	return sentences
}

// adminName is the name of the listener that is the fleet's own.
const adminName = "admin"

// Close closes what a predecessor has left and nobody has taken, or who connects there would wait for ever. What the service manager keeps stays.
func (s *Sockets) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = slices.DeleteFunc(s.list, func(k *socket) bool { return k.ln != nil && k.ln.Close() == nil })
}

// Parts are the listeners of the service manager, for a successor. The files stay the set's.
func (s *Sockets) Parts() (parts []Part) {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.list {
		if k.file != nil {
			parts = append(parts, Part{Kind: Activation, Name: k.name, File: k.file})
		}
	}
	return parts
}
