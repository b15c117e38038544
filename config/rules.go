package config

import (
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// checkFleet fills in the fleet's name and checks what two keys say together.
func (l *loader) checkFleet(root *node) {
	c := l.config
	if c.Fleet.Name == "" {
		c.Fleet.Name = strings.Trim(filepath.Base(filepath.Dir(c.Path)), "/")
	}
	if fleet := root.table["fleet"]; fleet != nil {
		l.ordered(fleet, []string{"restart"}, c.Fleet.Restart.Initial, c.Fleet.Restart.Max)
	}
	listen := root.get("admin", "listen")
	c.Admin.Written = listen != nil
	if listen != nil && !listen.bad && c.Admin.Listen != "off" && c.Admin.Token == "" && !near(c.Admin.Listen) {
		l.at(listen, "other machines can reach it, so it needs a token: write admin.token_file, or listen on 127.0.0.1")
	}
}

// near reports whether only this machine can reach an address with a port.
func near(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// ordered checks initial and max of a backoff in the table below n.
func (l *loader) ordered(n *node, table []string, initial, maximum Duration) {
	if initial > maximum && l.sound(n, appended(table, "initial"), appended(table, "max")) {
		l.below(n, appended(table, "initial"), "%v is over max, which is %v", initial, maximum)
	}
}

// sound reports whether no fault was found yet in the keys that a check is about. A second fault in the same value helps nobody.
func (l *loader) sound(n *node, keys ...[]string) bool {
	for _, k := range keys {
		if c := n.get(k...); c != nil && c.bad {
			return false
		}
	}
	return true
}

// checkInstance checks what several keys of an instance say together.
func (l *loader) checkInstance(n *node, x *Instance) {
	l.checkPing(n, x)
	if x.MaxPayload > x.Limits.Queue && l.sound(n, []string{"max_payload"}, []string{"limits", "queue"}) {
		key := []string{"max_payload"}
		if n.get(key...) == nil {
			key = []string{"limits", "queue"}
		}
		l.below(n, key, "max_payload (%v) is over limits.queue (%v): such a message could never be delivered", x.MaxPayload, x.Limits.Queue)
	}
	if slices.Contains(x.CORS.Origins, "*") && x.CORS.Credentials && l.sound(n, []string{"cors", "origins"}, []string{"cors", "credentials"}) {
		l.below(n, []string{"cors", "origins"}, `"*" with credentials would let every web page act as your users: name the origins, or write credentials = false`)
	}
	if health := strings.TrimSuffix(x.Path, "/"); (health == "" || health == "/healthz" || health == "/readyz") && l.sound(n, []string{"path"}) {
		l.below(n, []string{"path"}, "%q is needed for other answers of the instance", x.Path)
	}
	if x.Protocol == "engine.io" && !slices.Equal(x.Namespaces, []string{"/"}) && l.sound(n, []string{"protocol"}, []string{"namespaces"}) {
		l.below(n, []string{"namespaces"}, `must be ["/"] with protocol = "engine.io", which knows no other`)
	}
	if x.Protocol == "engine.io" && x.Parser != "default" && l.sound(n, []string{"protocol"}, []string{"parser"}) {
		l.below(n, []string{"parser"}, `must be "default" with protocol = "engine.io", which has no packets to parse`)
	}
	l.ordered(n, []string{"retry"}, x.Retry.Initial, x.Retry.Max)
	l.checkTables(n, x)
}

// maxTimer is the longest wait of a JavaScript timer, 2³¹-1 ms. A longer one fires at once.
const maxTimer = Duration((1<<31 - 1) * time.Millisecond)

// checkPing holds the heartbeat within what a client's timer can wait: it waits for interval + timeout, told in milliseconds.
func (l *loader) checkPing(n *node, x *Instance) {
	interval, timeout := []string{"ping", "interval"}, []string{"ping", "timeout"}
	if !l.sound(n, interval, timeout) {
		return
	}
	least := Duration(time.Millisecond)
	switch {
	case x.Ping.Interval < least:
		l.below(n, interval, "must be at least 1ms")
	case x.Ping.Timeout < least:
		l.below(n, timeout, "must be at least 1ms")
	case x.Ping.Interval > maxTimer-min(x.Ping.Timeout, maxTimer):
		l.below(n, interval, "interval and timeout together must be below 24 days, no browser's timer waits longer")
	}
}

// checkTables checks the optional tables.
func (l *loader) checkTables(n *node, x *Instance) {
	if x.Auth != nil {
		l.checkAuth(n, []string{"auth"}, x.Auth, x.Worker != nil)
	}
	for name, space := range x.Namespace {
		if space.Auth != nil {
			l.checkAuth(n, []string{"namespace", name, "auth"}, space.Auth, x.Worker != nil)
		}
	}
	if x.Ingest != nil {
		l.freePath(n, x, []string{"ingest", "path"}, x.Ingest.Path)
	}
	for path := range x.JSON {
		l.freePath(n, x, []string{"json", path}, path)
		if x.Ingest != nil && x.Ingest.Path == path {
			l.below(n, []string{"json", path}, "%q is ingest.path", path)
		}
	}
	if x.Worker != nil {
		l.ordered(n, []string{"worker", "restart"}, x.Worker.Restart.Initial, x.Worker.Restart.Max)
	}
}

// freePath refuses a path that other answers of the instance need.
func (l *loader) freePath(n *node, x *Instance, key []string, path string) {
	switch {
	case path == "/healthz" || path == "/readyz":
		l.below(n, key, "%q is needed for other answers of the instance", path)
	case strings.HasPrefix(path+"/", strings.TrimSuffix(x.Path, "/")+"/") && l.sound(n, key, []string{"path"}):
		l.below(n, key, "%q lies inside path (%q)", path, x.Path)
	}
}

// checkAuth checks that a mode has what it needs. key leads to the table.
func (l *loader) checkAuth(n *node, key []string, a *Auth, worker bool) {
	at := n.get(key...)
	if at == nil || at.table == nil {
		return
	}
	switch {
	case a.Mode == "token" && len(a.Tokens) == 0 && a.TokensFile == "":
		l.below(n, key, `mode = "token" needs tokens or tokens_file`)
	case a.Mode == "jwt" && a.JWT == nil:
		l.below(n, key, `mode = "jwt" needs the table jwt`)
	case a.Mode == "worker" && !worker:
		l.below(n, key, `mode = "worker" needs the table worker`)
	}
	if a.JWT == nil {
		return
	}
	keys := 0
	for _, k := range []string{string(a.JWT.Secret) + a.JWT.SecretFile, a.JWT.PublicKeyFile, a.JWT.JWKSFile} {
		if k != "" {
			keys++
		}
	}
	if keys != 1 {
		l.below(n, appended(key, "jwt"), "needs exactly one of secret or secret_file, public_key_file and jwks_file")
	}
}
