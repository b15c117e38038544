package instance

import (
	"log/slog"
	"strings"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
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
}

func compile(c *config.Instance) (*settings, error) {
	o, err := compileOrigins(c.CORS)
	if err != nil {
		return nil, err
	}
	s := &settings{c: c, path: strings.TrimSuffix(c.Path, "/") + "/", origins: o, hosts: compileHosts(c)}
	for _, n := range c.Namespaces {
		if strings.Contains(n, "*") {
			s.patterns = append(s.patterns, n)
		} else {
			s.named = append(s.named, n)
		}
	}
	return s, nil
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
		Shards:         shards,
		Open:           open,
	}
}
