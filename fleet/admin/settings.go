package admin

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Off is the [Settings].Listen that serves nothing.
const Off = "off"

// ErrNoToken is the fault of an address that other machines can reach while no token is set.
var ErrNoToken = errors.New("other machines can reach it, so it needs a token: write admin.token_file, or listen on 127.0.0.1")

// Settings are what an edit of the file may change while the process lives. They are never written to once they are given away.
type Settings struct {
	Listen   string // host:port; Off or "" = serve nothing
	Fixed    bool   // wait for that port; otherwise the next free one up to 8799 will do
	Reserved []int  // ports of instances, which are not taken unless Fixed
	Token    string // "" = none, then it has to be a loopback address
}

// Check says what makes s impossible to serve: an address without a port, or [ErrNoToken].
func (s *Settings) Check() error {
	if s.off() {
		return nil
	}
	host, _, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return fmt.Errorf("admin.listen %q: not an address with a port", s.Listen)
	}
	if s.Token == "" && !loopbackName(host) {
		return fmt.Errorf("admin.listen %s: %w", s.Listen, ErrNoToken)
	}
	return nil
}

func (s *Settings) off() bool { return s.Listen == "" || s.Listen == Off }

// proves reports whether given is the token that is set.
func (s *Settings) proves(given string) bool {
	return s.Token != "" && same(given, s.Token)
}

// same compares in a time that depends on the lengths at most.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// loopbackName reports whether host is a name of this machine that no other machine can have: localhost, a name below it, or a loopback address.
func loopbackName(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// hostOf cuts the port off a Host header.
func hostOf(header string) string {
	if host, _, err := net.SplitHostPort(header); err == nil {
		return host
	}
	return header
}
