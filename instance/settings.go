package instance

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/broadcast"
	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
	"github.com/sockd/sockd/instance/static"
	"github.com/sockd/sockd/instance/transport"
)

// settings is what an edit may change while clients stay connected. It is immutable and swapped whole.
type settings struct {
	c        *config.Instance
	path     string   // of the engine, with its trailing slash
	named    []string // namespaces that the file names in full
	patterns []string // and those that it names by a pattern
	origins  origins
	hosts    hosts
	proxies  []netip.Prefix
	client   *static.Client // nil = none is served
	site     *static.Site   // nil = none
	missing  []string       // folders of static files that are not there
	*programs
}

// compile makes settings of c. What takes long to make and has not changed is taken from old, which may be nil.
func compile(c *config.Instance, old *settings) (*settings, error) {
	o, err := compileOrigins(c.CORS)
	if err != nil {
		return nil, err
	}
	s := &settings{c: c, missing: c.Missing(), path: strings.TrimSuffix(c.Path, "/") + "/", origins: o, hosts: compileHosts(c)}
	if s.proxies, err = compileProxies(c.TrustedProxies); err != nil {
		return nil, err
	}
	if s.client, err = loadClient(c.ClientDir, old); err != nil {
		return nil, err
	}
	var before *programs
	if old != nil {
		before = old.programs
	}
	var faults []config.Complaint
	if s.programs, faults = compilePrograms(c, before); len(faults) > 0 {
		return nil, joined(faults)
	}
	if c.Protocol == "engine.io" {
		s.named = []string{"/"}
		return s, nil
	}
	for _, n := range c.Namespaces {
		if strings.Contains(n, "*") {
			s.patterns = append(s.patterns, n)
		} else {
			s.named = append(s.named, n)
		}
	}
	return s, nil
}

// compileProxies reads addresses and networks.
func compileProxies(list []string) ([]netip.Prefix, error) {
	proxies := make([]netip.Prefix, len(list))
	for i, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, err := netip.ParseAddr(s)
			if err != nil {
				return nil, fmt.Errorf("trusted_proxies: %q is neither an address nor a network", s)
			}
			p = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		}
		proxies[i] = p.Masked()
	}
	return proxies, nil
}

func loadClient(dir string, old *settings) (*static.Client, error) {
	if dir == "" {
		return nil, nil
	}
	var prev *static.Client
	if old != nil {
		prev = old.client
	}
	c, err := static.Load(dir, prev)
	if err != nil {
		return nil, fmt.Errorf("client_dir: %w", err)
	}
	return c, nil
}

// connections bounds the connections of an instance by its clients: one that polls has two, one more while it upgrades, and who has none yet
// needs one to be told so.
func connections(clients int) int {
	if clients <= 0 {
		return 0
	}
	return 4*clients + 256
}

// allows tells whether a client may connect to the namespace.
func (s *settings) allows(path string) bool {
	for _, n := range s.named {
		if n == path {
			return true
		}
	}
	for _, p := range s.patterns {
		if config.Match(p, path) {
			return true
		}
	}
	return false
}

// Below, the one place where configuration becomes the options of the packages that this one assembles.

func (s *settings) transport(log *slog.Logger) transport.Options {
	return transport.Options{
		MaxMessage:  int64(s.c.MaxPayload),
		MaxBuffered: int(s.c.Limits.Queue) + 4*int(s.c.MaxPayload), // the queue's own limit acts first
		MaxConns:    connections(s.c.Limits.Clients),
		PerAddress:  s.c.Limits.PerAddress,
		Proxies:     s.proxies,
		Deflate:     s.c.Compression.WebSocket,
		Log:         log,
	}
}

func (s *settings) engine() engineio.Options {
	o := engineio.Options{
		Transports:     s.c.Transports,
		PingInterval:   s.c.Ping.Interval.Std(),
		PingTimeout:    s.c.Ping.Timeout.Std(),
		UpgradeTimeout: s.c.UpgradeTimeout.Std(),
		MaxPayload:     int64(s.c.MaxPayload),
		MaxSockets:     s.c.Limits.Clients,
		Queue:          int(s.c.Limits.Queue),
		Uncompressed:   !s.c.Compression.HTTP,
		Threshold:      max(int(s.c.Compression.Threshold), 1),
		Cookie:         s.c.Cookie,
	}
	if s.c.Limits.OnFull == "drop" {
		o.OnFull = engineio.Drop
	}
	return o
}

func (s *settings) socketio(shards int, open func(*socketio.Namespace) bool) socketio.Options {
	return socketio.Options{
		ConnectTimeout: s.c.ConnectTimeout.Std(),
		MaxAttachments: s.c.Limits.Attachments,
		MaxPending:     int64(s.c.Limits.Attachments) * int64(s.c.MaxPayload),
		MaxRooms:       s.c.Limits.RoomsPerClient,
		Shards:         shards,
		Parser:         s.parser(),
		Open:           open,
	}
}

// broadcast bounds by limits.clients how many of them can come back. An engine.io instance has no CONNECT and so nobody who could.
func (s *settings) broadcast(ns string, crowded func() bool) broadcast.Options {
	h := s.c.History
	if own := s.c.Namespace[ns]; own != nil && own.History != nil {
		h = *own.History
	}
	r := s.c.Retry
	o := broadcast.Options{
		Window:   s.c.Recovery.Window.Std(),
		Crowded:  crowded,
		Sessions: s.c.Limits.Clients,
		Clients:  s.c.Limits.Clients,
		History:  broadcast.History{Size: orNone(h.Size), Bytes: orNone(int(h.MaxBytes)), TTL: h.TTL.Std()},
		Replay:   replay(h.Replay),
		Retry: broadcast.Retry{
			Attempts: r.Attempts, Initial: r.Initial.Std(), Max: r.Max.Std(), Factor: r.Factor, Jitter: r.Jitter, MaxAge: r.MaxAge.Std(),
			AckTimeout: r.AckTimeout.Std(), Capacity: r.Capacity, Dead: r.DeadLetter,
		},
	}
	if s.c.Journal.Enabled {
		o.Away = s.c.Journal.MaxAge.Std()
	}
	if s.c.Protocol == "engine.io" {
		o.Window = 0
	}
	return o
}

// replay is the meaning of the key, which was checked.
func replay(text string) broadcast.Replay {
	switch text {
	case "none":
		return broadcast.None
	case "missed":
		return broadcast.Missed
	case "all":
		return broadcast.All
	}
	n, _ := strconv.Atoi(strings.TrimPrefix(text, "last:"))
	return broadcast.Last(n)
}

// orNone makes "none" of a bound that is 0.
func orNone(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// parser is fixed for the life of an instance: its key is of the class restart.
func (s *settings) parser() socketio.Parser {
	switch {
	case s.c.Protocol == "engine.io":
		return socketio.Raw
	case s.c.Parser == "msgpack":
		return socketio.Msgpack
	}
	return socketio.Default
}
