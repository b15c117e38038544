package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Class says what a changed key costs. It is the tag reload of each field.
type Class string

// The classes of a changed key, and below them what may happen to a whole instance.
const (
	Live    Class = "live"    // applies to the next event, no connection is touched
	New     Class = "new"     // applies to connections that are made from now on
	Rebind  Class = "rebind"  // another address: bound before the old one is given up; connections stay
	Worker  Class = "worker"  // the worker process is replaced; clients stay
	Restart Class = "restart" // the instance is drained and started again on its listener
	Process Class = "process" // waits for the next start of the daemon

	Added    Class = "added"
	Removed  Class = "removed"
	Enabled  Class = "enabled"
	Disabled Class = "disabled"
)

// Change is one key that differs between two revisions.
type Change struct {
	Instance string // "" for the tables of the fleet
	Key      string // below the instance, such as ping.interval; fleet.drain and so on without one; "" for Added and Removed
	Class    Class
	Old, New string // as in the file, secrets masked; "" where the key or table did not exist
}

// Diff returns what differs in meaning between two revisions: first the tables of the fleet, then the instances by name, in
// each the keys in the order of their names. An optional table that is set or removed is one change. nil is an empty
// configuration. The changes of an instance that is disabled before and after are listed too.
func Diff(old, new *Config) []Change {
	if old == nil {
		old = &Config{}
	}
	if new == nil {
		new = &Config{}
	}
	changes := diffLeaves("", fleetLeaves(old), fleetLeaves(new))
	names := maps.Clone(old.Instances)
	if names == nil {
		names = make(map[string]*Instance)
	}
	maps.Copy(names, new.Instances)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		changes = append(changes, diffInstance(name, old.Instances[name], new.Instances[name])...)
	}
	return changes
}

func diffInstance(name string, old, new *Instance) []Change {
	switch {
	case old == nil:
		return []Change{{Instance: name, Class: Added, New: new.Addr()}}
	case new == nil:
		return []Change{{Instance: name, Class: Removed, Old: old.Addr()}}
	case reflect.DeepEqual(old, new): // nearly all of them, in a large fleet
		return nil
	}
	changes := diffLeaves(name, leavesOf(nil, old), leavesOf(nil, new))
	changes = append(changes, diffFiles(name, old, new)...)
	slices.SortStableFunc(changes, func(a, b Change) int { return strings.Compare(a.Key, b.Key) })
	for i, c := range changes {
		switch {
		case c.Key != "enabled":
		case new.Enabled:
			changes[i].Class = Enabled
		default:
			changes[i].Class = Disabled
		}
	}
	return changes
}

// diffFiles returns the keys whose value is the same path as before, with another content behind it.
func diffFiles(name string, old, new *Instance) (changes []Change) {
	if old.ClientDir == new.ClientDir && old.ClientStamp != new.ClientStamp {
		changes = append(changes, Change{Instance: name, Key: "client_dir", Class: Live, Old: quote(old.ClientDir), New: "changed on disk"})
	}
	before := map[string]string{}
	for _, f := range old.files() {
		before[f.key] = f.path
	}
	for _, f := range new.files() {
		if before[f.key] == f.path && old.Contents[f.path] != new.Contents[f.path] {
			changes = append(changes, Change{Instance: name, Key: f.key, Class: f.class, Old: quote(f.path), New: "changed on disk"})
		}
	}
	return changes
}

// diffLeaves compares two sets of keys. What stands below a table that only one side has is not listed.
func diffLeaves(instance string, old, new map[string]leaf) []Change {
	keys := maps.Clone(old)
	maps.Copy(keys, new)
	var changes []Change
	toggled := "\x00"
	for _, key := range slices.SortedFunc(maps.Keys(keys), func(a, b string) int {
		return slices.Compare(keys[a].key, keys[b].key)
	}) {
		if strings.HasPrefix(key, toggled) {
			continue
		}
		a, inOld := old[key]
		b, inNew := new[key]
		if inOld && inNew && a.text() == b.text() {
			continue
		}
		c := Change{Instance: instance, Key: key, Class: Class(keys[key].field.Tag.Get("reload"))}
		if inOld {
			c.Old = a.shown()
		}
		if inNew {
			c.New = b.shown()
		}
		if keys[key].header {
			toggled = key + "."
		}
		changes = append(changes, c)
	}
	return changes
}

func leavesOf(prefix []string, table any) map[string]leaf {
	set := make(map[string]leaf)
	walk(prefix, reflect.ValueOf(table).Elem(), func(l leaf) { set[keyPath(l.key).String()] = l })
	return set
}

func fleetLeaves(c *Config) map[string]leaf {
	set := leavesOf([]string{"fleet"}, &c.Fleet)
	maps.Copy(set, leavesOf([]string{"admin"}, &c.Admin))
	maps.Copy(set, leavesOf([]string{"log"}, &c.Log))
	return set
}
