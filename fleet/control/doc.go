// Package control is the wire between the operator and a running fleet: its types, a server on a unix socket, a client, and
// the text that people read.
//
// The same types serve both ends. What `sockd fleet status --json` prints is [Status] as it is; what `fleet reload` prints
// is made from [Report] by [WriteReport]. The package imports nothing of this module, so that the command line and the
// daemon share one vocabulary without sharing code.
//
// # Ownership
//
// [Serve] runs an HTTP server on a listener that the caller made and closes that listener. It starts one goroutine per
// connection of an operator (there are few, and none is a client of an instance), and all of them have ended, or have
// been cut off after [shutdownTime], when it returns. A [Client] owns no connection between two calls.
//
// # Concurrency
//
// A [Backend] is called from many goroutines at once. A [Client] may be used by many goroutines. The writers
// [WriteTable] and [WriteReport] are pure functions of their arguments.
//
// # Protocol
//
// HTTP/1.1 with JSON bodies:
//
//	GET  /v1/status   → 200 {"status": Status, "detail": …}
//	POST /v1/reload   ReloadOptions → 200 Report, whatever its outcome
//	POST /v1/start    {"names": […]} → 200 {}; as are /v1/stop and /v1/restart, none of which waits
//	POST /v1/wait     {"names": […], "goal": ready | settled | stopped} → 200, as /v1/status, when it is reached
//	POST /v1/shutdown → 200 {}, then the daemon drains and ends
//	POST /v1/emit     EmitRequest → 200 Emitted; likewise rooms, clients, kick, history, retry/list, retry/flush and retry/drop, see [Traffic]
//	POST /v1/tail     TailRequest → 200 and a TailLine per line as it happens, with an empty line now and then; it has no end of its own
//	any error         → 4xx or 5xx {"error": {"message": …, "code": …}}; the code unknown_instance is [ErrUnknown]
//
// Each request and each answer carries the header Sockd-Control with the number of the protocol that the sender speaks. A
// daemon refuses a client that is newer than itself, and a client recognises a daemon that is older, both in one
// sentence. The figures that the table shows and `--json` does not (rates, ages) travel beside the status, so that the
// documented JSON stays exactly as it is.
//
// Names are exact: globs and mistyped names are the command line's affair, which has them resolved against a status first.
//
// Access is a matter of the file system: the socket's folder is 0700 and the socket 0600. There is no other check.
//
// # Example
//
//	st, err := control.Dial("/run/user/1000/sockd/control.sock").Status(ctx)
//	if errors.Is(err, control.ErrUnreachable) {
//		os.Exit(4)
//	}
//	control.WriteTable(os.Stdout, st, control.TextOptions{})
package control
