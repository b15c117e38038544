// Package fleet keeps the running instances equal to the wanted configuration.
//
// A [Fleet] loads the file, starts an instance for each table that is enabled, restarts what dies, and applies each edit of
// the file as one transaction: load, compare, plan, prepare, commit, settle. Everything that can go wrong goes wrong in
// prepare, before anything that runs has been touched, or is undone; an edit therefore takes place whole or not at all.
// The exception is an instance that the edit adds: when its address is busy it waits for it alone.
//
// # Ownership
//
// One goroutine, the caller of [Fleet.Run], owns the listeners, the set of members and the running configuration.
// Listeners belong to the fleet, not to the instances that borrow them: they outlive restarts, change hands when two
// instances swap ports, and are closed here only. Nothing of nbio ever sees one, and SO_REUSEPORT is never set, so that a
// bind is a true test of the address.
//
// Each member runs on a goroutine of its own, plus one more until it is ready. A member that leaves (removed, replaced,
// disabled) drains in the background; Run waits for it at the end, for the drain time and four seconds at most. The shared
// event loops are made at the start of Run and stopped at its end.
//
// # Orders of an operator
//
// Start, Stop and Restart happen between two edits, whole or not at all. That an instance was stopped is remembered in memory only, over every
// edit that leaves it enabled: what is to be so for good belongs into the file. Its settings are compiled with each edit all the same, so
// that no fault waits for its start. [Fleet.Wait] follows the snapshots, each of which says when it is outdated; it asks nobody.
//
// # Concurrency
//
// [Fleet.Status] reads an atomic snapshot and never blocks. [Fleet.Reload] and [Fleet.Changed] hand a request to the fleet's
// goroutine and wait for the answer: two triggers queue and never interleave. While an edit settles, members go on being
// supervised but no further request is taken. Options.Load, Options.Start, Options.Listen and Options.Applied are called on
// the fleet's goroutine and must not call back into Reload.
//
// # Decisions
//
// Why a replaced instance and its successor overlap: the successor accepts on the same listener while the clients of the
// old one are being closed, so that those that reconnect at once find somebody. Why Apply comes last: it cannot be
// undone for clients, whose namespace may go with it, so nothing after it may fail; that it will not refuse is proven by
// compiling the same settings before. Why a range gives way to a fixed port: the file says so, as it does when the fleet
// starts. Why a dry run binds: a plan that cannot be carried out is no plan; the listeners live for a moment and nobody
// accepts on them. Why one timer: the next retry is found by looking at all members, of which there are hundreds, not
// millions. Why a failed instance gives its port back and one in backoff does not: the first has given up, so that
// clients should be refused at once; the second is about to come back.
//
// # Example
//
//	f := fleet.New(fleet.Options{Load: func() (*config.Config, error) { return config.Load(path) }, Log: log})
//	go control.Serve(ctx, socket, f)
//	return f.Run(ctx)
package fleet
