// Package broadcast gives the events of one namespace one order and carries them to its clients.
//
// [Broadcaster.Publish] assigns the next sequence number and appends the event to the outbox of every lane in one critical section, so that all
// clients see the events of a namespace in the same order, whatever way they came in. The event is encoded once. A lane takes all that waits in
// its outbox, joins neighbours that go to the same rooms, and writes to each client once.
//
// # Starting
//
// A Broadcaster cannot be made before the event loops have shown that they dispatch: [New] takes a [Proof], which only
// instance/transport hands out. Until [Broadcaster.Run] has begun, and after it has ended, Publish answers [ErrNotRunning].
//
// # Ownership
//
// Run is the one goroutine of a broadcaster. It is where deadlines are kept (none for events that are sent once), and its end is the end of the
// instance's readiness. The fan-out itself runs on the lanes of the instance's pool, lane k for shard k of the namespace.
//
// # Concurrency
//
// Publish never blocks and may be called from a poller, a lane or any other goroutine. b.mu guards the order and the outboxes; it is held for an
// append per lane and never while anything is sent. Lock order: b.mu, then the pool's.
//
// # Accounting
//
// Every event that Publish is given is accepted or refused, and every send that an accepted event causes is delivered to a connection or
// dropped with a [Reason]: see [Stats].
package broadcast
