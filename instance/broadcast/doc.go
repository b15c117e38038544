// Package broadcast gives the events of one namespace one order, carries them to its clients, and makes sure of those that must arrive.
//
// [Broadcaster.Publish] assigns the next sequence number and appends the event to the history and the outbox of every lane in one critical section,
// so that all clients see the events of a namespace in the same order, whatever way they came in. The event is encoded once. A lane takes all that
// waits in its outbox, joins neighbours that go to the same rooms, and writes to each client once.
//
// # Starting
//
// A Broadcaster cannot be made before the event loops have shown that they dispatch: [New] takes a [Proof], which only instance/transport hands
// out. Once [Broadcaster.Run] is ending, Publish answers [ErrNotRunning].
//
// # History
//
// The history keeps the packet that was sent, so it costs no copy and no allocation. [History] bounds it by number, bytes and age, and what goes is
// dropped one by one as events come. Volatile events, and those that are [Event].Unkept, have a number but no place in it, and nobody is said to
// have missed them. [Broadcaster.Records] reads it, [Broadcaster.Watch] goes on from there with everything that is published, and both tell
// honestly what is gone.
//
// # Recovery
//
// With [Options].Window the broadcaster is the namespace's [socketio.Recoverer], and events get an offset, <epoch>-<seq>, as last argument. The
// epoch is new with each New that is not given one. An event is encoded outside the lock, with a stand-in of the length that its offset most likely
// has; its number is written over that in the critical section that also puts it into the history. The rare one whose number has got longer is
// encoded again. An event that asks for an acknowledgement has no offset, as with the reference server: sent again, it would take the client back
// to an earlier position.
//
// A socket's session is made with its first CONNECT and lives as long as its client may come back. While a socket has it, it is only an entry by
// its pid; when that leaves for a reason that is no farewell, it is saved, with the rooms, for Window. Who claims it gets it alone; if another
// socket still has it, that one is put out first. The rest is a job on the lane of the socket's shard, which is the same for life because the id
// is: there, all events up to some number have been delivered and none after it. What the client missed up to that number comes from the history,
// what follows from the lane, so nothing is lost, doubled or swapped, whatever the connections do meanwhile. A position is valid as long as nothing
// after it was pruned, however old it is. It is that of the last event that the client has seen, but not before its first CONNECT, from which a
// client resumes that has seen none.
//
// What is replayed to one client at once is bounded by the history alone, as a single larger message passes an empty queue. A client that loses a
// race with the history, whose missed events are pruned between its claim and its job, is disconnected and starts anew. The reference client takes
// the last argument of any event without acknowledgement for an offset if it is a string: a volatile event that ends with one costs its receivers
// the recovery, here and with the reference server.
//
// # Clients with an id of their own
//
// [Broadcaster.Identify] ties sockets to a client that outlives them. While it has none it is away: a recipient still, with the rooms of its last
// socket, for Options.Away. Its next socket is let in on its lane as a recovered one is, but under a new id and with the answer to its CONNECT
// first; then comes a [GapEvent] if something is gone, then what it missed. The client's position is the last event that was handed to its
// connection, as nothing else is known of what it has seen: what was under way in a connection that broke is lost unless it was to be acknowledged,
// or a pid and offset say more. The same way in is used for [Options].Replay.
//
// # Acknowledged events
//
// The packet of an [Event] with Acked carries one id for all its receivers. Who has to answer is written down in the critical section that gives
// the event its number: one receipt for each client that is there or away, told apart by client_id, by session, or by socket. A receipt ends with
// the client's answer to any of the sends, or it is given up for a [Reason], and then may become a dead [Letter]. The first send is that of the
// lane. It is repeated, with the same number and the same id, when AckTimeout is over and a pause that grows; after a send that was refused, when
// the pause is over; and at once when the client comes back. [Retry].Attempts counts sends to a connection; absence and full queues only cost time.
// An event that is sent again may come after later ones. To a client that has acknowledged it, it is never sent again, but for a second socket of
// that client that has not had it. The packet is kept for its receipts, whatever the history drops; Capacity bounds them.
//
// # Journal
//
// With a [Journal] an event is queued for it in the critical section that numbers it, and everything else happens when it is written: no client,
// reader of the history, or newcomer sees a number before that. [Restored] is the way back: a client that had a socket when the process died is
// taken for one to which everything was handed that was written, since nothing may come twice; what it had not acknowledged is sent again. Rooms
// are as they were when [Broadcaster.Moved] was called last. Without a journal nothing of this is there.
//
// # Ownership
//
// Run is the one goroutine of a broadcaster. It is the clock for everything that has a time (saved sessions, absent clients, the age of events,
// receipts), and its end is the end of the instance's readiness. The fan-out, replays, repeated sends and watchers run on the lanes of the
// instance's pool, lane k for shard k of the namespace. There is no timer for an event, a client or a receipt.
//
// # Concurrency
//
// Publish never blocks and may be called from a poller, a lane or any other goroutine. b.mu guards the order, the outboxes, the history and the
// watchers; it is held for an append per lane, and for an acked event while its receivers are written down, never while anything is sent. The desk,
// which has clients and receipts, has a lock of its own, and so have the sessions. Lock order: b.mu, then the desk's, then those of the namespace's
// shards; b.mu, then the pool's; the sessions' is never held together with the first two. No callback is called with a lock held, but for those of
// the Journal.
//
// # Accounting
//
// Every event that Publish is given is accepted or refused, and every pair of an accepted event and a recipient is delivered, dropped with a
// [Reason], or, of an event that asks for an acknowledgement, pending: see [Stats].
//
// # Protocol
//
// https://socket.io/docs/v4/connection-state-recovery for pid and offset, https://github.com/socketio/socket.io-protocol for acknowledgements.
//
// # Decisions
//
// Receivers of an acked event are written down when it is published, not when it is sent: whoever leaves, comes or changes lanes in between is
// counted once. That costs one look at every receiver under b.mu, which Capacity keeps in proportion.
//
// An event that was given up for lack of Capacity before its lane had its turn is sent once all the same: that costs nothing, and the receiver is
// most likely well.
package broadcast
