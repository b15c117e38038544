package main

import (
	"log/slog"
	"net"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/admin"
)

// adminSettings are what the file says about the admin address. The default address gives way to the ports that instances want.
func adminSettings(cfg *config.Config) admin.Settings {
	s := admin.Settings{Listen: cfg.Admin.Listen, Fixed: cfg.Admin.Written, Token: string(cfg.Admin.Token)}
	for _, in := range cfg.Instances {
		if in.Enabled && in.Port.Fixed() {
			s.Reserved = append(s.Reserved, in.Port.First)
		}
	}
	return s
}

// configureAdmin applies the file to the admin address. What it refuses, the check of the file should have refused: the fleet runs on.
func configureAdmin(a *admin.Server, cfg *config.Config, log *slog.Logger) {
	if err := a.Configure(adminSettings(cfg)); err != nil {
		log.Error("admin address refused", "err", err)
	}
}

// yieldAdmin has the admin address make way for an instance that finds no other: the default one, not one that the file names.
func yieldAdmin(a *admin.Server, host string, port int, rehearsal bool) bool {
	own, _, err := net.SplitHostPort(a.Address())
	switch {
	case err != nil || !config.Overlap(own, host):
		return false
	case rehearsal:
		return a.MayYield(port)
	}
	return a.Yield(port)
}
