package config

import (
	"maps"
	"net/netip"
	"slices"
)

// Exposed reports whether other machines can reach the instance and nobody asks them who they are.
func (x *Instance) Exposed() bool {
	addr, err := netip.ParseAddr(x.Host)
	loopback := x.Host == "localhost" || err == nil && addr.Unmap().IsLoopback()
	return x.Enabled && !loopback && x.Auth == nil
}

// Warnings returns what is allowed in c but hardly meant, by the names of the instances. They have the form of faults.
func Warnings(c *Config) []*Error {
	var list []*Error
	for _, name := range slices.Sorted(maps.Keys(c.Instances)) {
		if !c.Instances[name].Exposed() {
			continue
		}
		at := c.origins[name].host
		if at.line == 0 {
			at = c.origins[name].table
		}
		list = append(list, &Error{
			File: at.file, Line: at.line, Col: at.col, Key: keyPath{"instance", name, "host"}.String(),
			Message: "other machines can reach it, and without [" + keyPath{"instance", name, "auth"}.String() + "] anybody may connect",
		})
	}
	return list
}
