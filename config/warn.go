package config

import (
	"errors"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"slices"
)

// Exposed reports whether other machines can reach the instance and nobody asks them who they are.
func (x *Instance) Exposed() bool {
	addr, err := netip.ParseAddr(x.Host)
	loopback := x.Host == "localhost" || err == nil && addr.Unmap().IsLoopback()
	return x.Enabled && !loopback && x.Auth == nil
}

// Warnings returns what is allowed in c but hardly meant, by the names of the instances. They have the form of faults. It looks on the disk for the
// folders of static files: one that is missing is left out by its instance until the next edit.
func Warnings(c *Config) []*Error {
	var list []*Error
	for _, name := range slices.Sorted(maps.Keys(c.Instances)) {
		x := c.Instances[name]
		if x.Exposed() {
			list = append(list, c.warning(name, "host", "other machines can reach it, and without ["+keyPath{"instance", name, "auth"}.String()+"] anybody may connect"))
		}
		for _, dir := range x.Missing() {
			list = append(list, c.warning(name, "static", quote(dir)+": no such folder"))
		}
	}
	return list
}

func (c *Config) warning(instance, key, message string) *Error {
	file, line, col := c.Position(instance, key)
	return &Error{File: file, Line: line, Col: col, Key: keyPath{"instance", instance, key}.String(), Message: message}
}

// Missing lists the folders of static files that do not exist.
func (x *Instance) Missing() (dirs []string) {
	if x.Static == nil {
		return nil
	}
	folders := []string{x.Static.Dir}
	for _, m := range x.Static.Mounts {
		folders = append(folders, m.Dir)
	}
	for _, dir := range folders {
		if _, err := os.Stat(dir); dir != "" && errors.Is(err, fs.ErrNotExist) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}
