package instance

import "time"

// Pace is the bucket of one client.
type Pace = pace

// Take is take.
func (p *pace) Take(now time.Time, rate, burst float64) bool { return p.take(now, rate, burst) }

// SetBacklog replaces maxBacklog; before Run.
func (in *Instance) SetBacklog(n int64) { in.backlog = n }

// Hurry sets the time limits of requests, which no key of the file sets, to d, until the next Apply.
func (in *Instance) Hurry(d time.Duration) {
	o := in.settings.Load().transport(in.env.Log)
	o.HeadTimeout, o.BodyTimeout, o.IdleTimeout = d, d, d
	in.http.Configure(o)
}

// Spaces returns the namespaces that exist.
func (in *Instance) Spaces() (paths []string) {
	for _, ns := range in.io.Namespaces() {
		paths = append(paths, ns.Path())
	}
	return paths
}
