package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"reflect"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/config/watch"
	"github.com/sockd/sockd/fleet"
)

// spareFiles are those that the process itself needs besides one per client.
const spareFiles = 100

// checkState looks at the folder of lock, socket and log.
func checkState(p *patient) finding {
	f := finding{Check: "state folder", Verdict: fine, Detail: p.place.dir}
	if p.place.dir == "" {
		f.Detail = "not known without a file"
		return f
	}
	for _, folder := range append([]string{p.place.dir}, p.place.shared...) {
		err := checkPrivate(folder)
		switch {
		case err == nil:
		case errors.Is(err, fs.ErrNotExist):
			f.Detail = folder + " is not there yet, the first start makes it"
		default:
			return finding{Check: f.Check, Verdict: wrong, Detail: err.Error(), Remedy: "chmod 700 " + folder + ", as the user who runs sockd"}
		}
	}
	return f
}

// checkLeftovers tells a daemon that was killed, which harms nothing, from one that hangs.
func checkLeftovers(p *patient) finding {
	f := finding{Check: "daemon", Verdict: fine, Detail: "not running"}
	if p.place.lock == "" {
		return f
	}
	taken, err := held(p.place.lock)
	who := ownerOf(p.place.lock)
	switch {
	case err != nil:
		return finding{Check: f.Check, Verdict: wrong, Detail: err.Error(), Remedy: "run it as the user whose daemon that is"}
	case p.status != nil:
		f.Detail = "running" + who
	case taken:
		return finding{Check: f.Check, Verdict: wrong, Detail: "a daemon" + who + " has the lock but does not answer", Remedy: "sockd fleet stop --force"}
	case who != "":
		f.Detail = "not running; the last one" + who + " was killed, the next start tidies up"
	}
	return f
}

// checkClock compares the clock with what was written by it: tokens expire by the wall clock.
func checkClock(p *patient) finding {
	f := finding{Check: "clock", Verdict: fine, Detail: time.Now().UTC().Format(time.RFC3339)}
	if p.cfg == nil {
		return f
	}
	info, err := os.Stat(p.cfg.Path)
	if err == nil && time.Until(info.ModTime()) > time.Minute {
		f.Verdict, f.Remedy = wrong, "set the clock, or touch the file"
		f.Detail = fmt.Sprintf("%s, but the file was saved at %s", f.Detail, info.ModTime().UTC().Format(time.RFC3339))
	}
	return f
}

// checkFiles compares the limit of open files with the clients that may come: each has one.
func checkFiles(cfg *config.Config) finding {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return finding{Check: "open files", Verdict: doubt, Detail: err.Error()}
	}
	most, all := 0, 0
	for _, in := range cfg.Instances {
		if in.Enabled {
			most, all = max(most, in.Limits.Clients), all+in.Limits.Clients
		}
	}
	allowed := int(min(limit.Max, mostFiles))
	f := finding{Check: "open files", Verdict: fine, Detail: fmt.Sprintf("%d allowed, limits.clients of all instances add up to %d", allowed, all)}
	remedy := "raise the hard limit (ulimit -Hn, LimitNOFILE= of a systemd unit), or lower limits.clients"
	switch {
	case most+spareFiles > allowed:
		f.Verdict, f.Remedy = wrong, remedy
		f.Detail = fmt.Sprintf("%d allowed, one instance alone may have %d clients", allowed, most)
	case all+spareFiles > allowed:
		f.Verdict, f.Remedy = doubt, remedy
	}
	return f
}

// checkWatch tries whether the system tells of edits. Without that they are found by polling.
func checkWatch(ctx context.Context, cfg *config.Config) finding {
	f := finding{Check: "file events", Verdict: fine, Detail: "edits are seen at once"}
	if cfg.Fleet.Watch != watch.Auto {
		f.Detail = "fleet.watch is " + strconv.Quote(cfg.Fleet.Watch)
		return f
	}
	if mountedAlone(cfg.Path) {
		return finding{f.Check, doubt, cfg.Path + " is mounted alone: an edit that replaces the file is not seen", mountRemedy}
	}
	w, err := watch.New(0)
	if err == nil {
		err = w.Set(cfg.Files)
	}
	if err != nil {
		return finding{Check: f.Check, Verdict: doubt, Detail: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	select {
	case err := <-w.Trouble():
		f.Verdict, f.Detail = doubt, err.Error()
		f.Remedy = "raise sysctl fs.inotify.max_user_instances and fs.inotify.max_user_watches; until then edits are seen within 2 s"
	case <-ctx.Done():
	}
	cancel()
	<-ended
	return f
}

// checkSecrets finds files with secrets that others may read.
func checkSecrets(cfg *config.Config) []finding {
	var list []finding
	for _, path := range secretFiles(cfg) {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			list = append(list, finding{"secret", wrong, err.Error(), "make the file, or take the key out"})
		case info.Mode().Perm()&0o077 != 0:
			list = append(list, finding{"secret", wrong, fmt.Sprintf("%s: mode %#o, others may read it", path, info.Mode().Perm()), "chmod 600 " + path})
		default:
			list = append(list, finding{Check: "secret", Verdict: fine, Detail: path})
		}
	}
	return list
}

// secretFiles are the values of all keys that name the file of a secret or of a private key, each once, by name.
func secretFiles(cfg *config.Config) []string {
	found := make(map[string]bool)
	collect(reflect.ValueOf(cfg.Admin), found)
	for _, in := range cfg.Instances {
		collect(reflect.ValueOf(in), found)
	}
	return slices.Sorted(maps.Keys(found))
}

// collect follows the tag path:"secret", by which the file is read too.
func collect(v reflect.Value, found map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			collect(v.Elem(), found)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			collect(v.MapIndex(key), found)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.Tag.Get("path") == "secret" || field.Tag.Get("toml") == "key_file" {
				if name := v.Field(i).String(); name != "" {
					found[name] = true
				}
			} else if field.IsExported() {
				collect(v.Field(i), found)
			}
		}
	}
}

// checkPort binds what the instance would bind, unless it has it.
func checkPort(ctx context.Context, p *patient, name string, in *config.Instance) finding {
	f := finding{Check: "port of " + name, Verdict: fine, Detail: in.Addr()}
	if p.status != nil {
		for _, i := range p.status.Instances {
			if i.Name == name && (i.State == "ready" || i.State == "degraded") {
				f.Detail = i.Address + ", " + i.State
				return f
			}
		}
	}
	if in.Port.Auto {
		return f
	}
	var lc net.ListenConfig
	var last error
	for port := in.Port.First; port <= in.Port.Last; port++ {
		ln, err := lc.Listen(ctx, "tcp", net.JoinHostPort(in.Host, strconv.Itoa(port)))
		if err == nil {
			_ = ln.Close() // nobody has connected
			f.Detail += ", free"
			return f
		}
		last = err
	}
	f.Verdict, f.Detail, f.Remedy = wrong, last.Error(), "choose another port or address"
	if errors.Is(last, syscall.EADDRINUSE) && in.Port.Fixed() {
		f.Detail, f.Remedy = in.Addr()+": in use", "stop that process, or choose another port"
		if pid, command := fleet.Holder(in.Host, in.Port.First); pid > 0 {
			f.Detail += fmt.Sprintf(" by pid %d (%s)", pid, command)
		}
	}
	return f
}
