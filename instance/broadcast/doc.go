// Package broadcast gives the events of one namespace one order and carries them to its clients.
//
// [Broadcaster.Publish] assigns the next sequence number and appends the event to the outbox of every lane in one critical section, so that all
// clients see the events of a namespace in the same order, whatever way they came in. The event is encoded once. A lane takes all that waits in
// its outbox, joins neighbours that go to the same rooms, and writes to each client once.
//
// # Starting
//
// A Broadcaster cannot be made before the event loops have shown that they dispatch: [New] takes a [Proof], which only
// instance/transport hands out. Once [Broadcaster.Run] is ending, Publish answers [ErrNotRunning].
//
// # Recovery
//
// With [Options].Window the broadcaster is the namespace's [socketio.Recoverer], and events get an offset, <epoch>-<seq>, as last argument. The
// epoch is new with each New. An event is encoded outside the lock, with a stand-in of the length that its offset most likely has; its number
// is written over that in the critical section that also puts it into the history. The rare one whose number has got longer is encoded again. The
// history keeps the packet that was sent, so it costs no copy; [History] bounds it, and what goes is dropped one by one as events come. Volatile events
// have a number, but neither offset nor place in the history, and nobody is said to have missed them.
//
// A socket's session is made with its first CONNECT and lives as long as its client may come back. While a socket has it, it is only an entry by
// its pid; when that leaves for a reason that is no farewell, nor because its client was too slow, it is saved, with the rooms, for Window. Who claims it gets it alone; if another socket still
// has it, that one is put out first. The rest is a job on the lane of the socket's shard, which is the same for life because the id is: there, all
// events up to some number have been delivered and none after it. What the client missed up to that number comes from the history, what
// follows from the lane, so nothing is lost, doubled or swapped, whatever the connections do meanwhile. A position is valid as long as nothing after it
// was pruned, however old it is. It is that of the last event that the client has seen, but not before its first CONNECT, from which a client
// resumes that has seen none.
//
// What is replayed to one client at once is bounded by the history alone, as a single larger message passes an empty queue. A client that loses a
// race with the history, whose missed events are pruned between its claim and its job, is disconnected and starts anew. The reference client takes
// the last argument of any event for an offset if it is a string: a volatile event that ends with one costs its receivers the recovery, here and
// with the reference server.
//
// Without Window nothing of this is there: no lock, no allocation, no session.
//
// # Ownership
//
// Run is the one goroutine of a broadcaster. It is the clock for everything that has a time (saved sessions, the age of events), and its end is the end
// of the instance's readiness. The fan-out itself runs on the lanes of the instance's pool, lane k for shard k of the namespace.
//
// # Concurrency
//
// Publish never blocks and may be called from a poller, a lane or any other goroutine. b.mu guards the order and the outboxes; it is held for an
// append per lane and never while anything is sent. Lock order: b.mu, then the pool's. The sessions have a lock of their own, which is never held
// together with b.mu, nor during a call out, but for the making of a socket.
//
// # Accounting
//
// Every event that Publish is given is accepted or refused, and every send that an accepted event causes is delivered to a connection or
// dropped with a [Reason]: see [Stats].
package broadcast
