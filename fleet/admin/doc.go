// Package admin serves what an operator wants to see of a fleet over HTTP: a dashboard, the health of all instances, metrics, and a JSON API.
//
// # Ownership
//
// [Server.Run] owns the listener, the goroutine that serves it, and net/http's goroutine per connection of an operator; all have ended, or
// were cut off after [graceTime], when it returns. After a change of the address the new one answers before the old one stops; only the same
// port on another host is closed first, and taken back if that does not help.
//
// # Concurrency
//
// All methods of a [Server] may be called from any goroutine. What a request is judged by stands in one immutable [Settings] behind an atomic
// pointer. The [Backend] is asked from many goroutines at once, and answers each with a snapshot of its own: everything in one answer, be it
// the page, the health, the status or the metrics, is of one moment.
//
// # Protocol
//
//	GET  /healthz              200 while the process lives
//	GET  /readyz               200 when every enabled instance is ready or degraded, else 503; the body has the reasons
//	GET  /metrics              https://prometheus.io/docs/instrumenting/exposition_formats/
//	GET  /                     the dashboard, one page; /?live is the part of it that changes
//	GET  /api/status           what `sockd fleet status --json` prints
//	GET  /api/instances/NAME   the instance in it, with its counters
//	POST /api/reload           {"dry_run", "yes"} → the report: 200, 409 held, 422 rejected, 500 rolled back
//	POST /login                token=… → a cookie for browsers
//	GET  /debug/pprof/         only with a token
//
// Every error is {"error": {"message": …}}.
//
// # Access
//
// Without a token it is the machine's: a loopback address, a Host that is a name of it (a page that has rebound its own name to 127.0.0.1 sends
// that name), and for a change a JSON content type, which no form of another site can send without asking first. With a token every path but the
// health pair demands it, as Authorization: Bearer or as the cookie of the login form, and an address that other machines reach is served with
// a token only. An Origin other than the page's own is refused on any address.
//
// # Decisions
//
// The cookie is not the token but a MAC of it with a key of this process: browsers send cookies to every port of a host, so other servers on
// the machine see it. A new token or a new process ends all logins.
//
// A browser's page is refreshed by fetching its changing part as HTML, so there is one renderer, and the page is complete without scripts.
//
// Importing net/http/pprof registers its handlers in http.DefaultServeMux, which nothing here serves.
package admin
