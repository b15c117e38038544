package instance

import (
	"maps"
	"math"
	"net/netip"
	"os"
	"slices"
	"time"
)

// facts are what programs outside of a namespace ask of the instance.
type facts Instance

// Instance implements [rule.Vars].
func (f *facts) Instance() map[string]any { return (*Instance)(f).vars() }

// History implements [rule.Vars].
func (f *facts) History(ns string) any {
	if r := f.spaces.find(ns); r != nil {
		return r.route.History(ns)
	}
	return nil
}

// Instance is what $instance holds: who this is and how it fares. It implements [rule.Vars].
func (r *route) Instance() map[string]any { return r.in.vars() }

// History is what $history holds: the events of the namespace that are kept, oldest first. It implements [rule.Vars].
func (r *route) History(string) any {
	records, _ := r.b.Records(0, maxRecords)
	all := make([]any, 0, len(records))
	for i := range records {
		rec, err := r.record(&records[i])
		if err != nil {
			continue
		}
		all = append(all, map[string]any{
			"id": rec.ID, "seq": rec.Seq, "event": rec.Event, "args": rec.Args, "time": rec.At.UTC().Format(time.RFC3339Nano),
		})
	}
	return all
}

// maxRecords is how many events a program or a request sees at most.
const maxRecords = 1000

// vars are the keys of $instance, which the templates of JSON answers know by their bare names.
func (in *Instance) vars() map[string]any {
	c := in.settings.Load().c
	st := in.Status()
	v := map[string]any{
		"name": in.name, "project": c.Project, "host": c.Host, "port": in.port(), "path": c.Path, "pid": os.Getpid(), "url": in.url(),
		"state": string(st.State), "clients": st.Clients, "rooms": st.Rooms, "events_in": st.EventsIn, "events_out": st.EventsOut,
		"history": in.spaces.kept(), "uptime": 0, "started_at": nil, "version": in.env.Version, "now": time.Now().UTC().Format(time.RFC3339),
	}
	if !st.Since.IsZero() {
		v["uptime"] = math.Floor(time.Since(st.Since).Seconds()*1000) / 1000
		v["started_at"] = st.Since.UTC().Format(time.RFC3339)
	}
	return v
}

// port is the one that is accepted on; 0 before there is one.
func (in *Instance) port() int {
	addr, err := netip.ParseAddrPort(in.accept.address())
	if err != nil {
		return 0
	}
	return int(addr.Port())
}

// url is where clients of this machine find the instance.
func (in *Instance) url() string {
	addr, err := netip.ParseAddrPort(in.accept.address())
	if err != nil {
		return ""
	}
	if addr.Addr().IsUnspecified() {
		addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), addr.Port())
	}
	return "http://" + addr.String()
}

// kept is how many events are in the histories of all namespaces.
func (sp *spaces) kept() (n int) {
	sp.mu.Lock()
	live := slices.Collect(maps.Values(sp.live))
	sp.mu.Unlock()
	for _, s := range live {
		n += s.b.Stats().History.Events
	}
	return n
}
