// Package transport puts HTTP and WebSocket connections on event loops: pollers that are proven to run, accept loops, requests, parked answers,
// frames. It is the only package that knows nbio and gobwas/ws, and the [engineio.Host] of a real server.
//
// [Loops] are the pollers, shared by any number of [Server]s. A server is data: a handler, options, and its connections.
//
// # Ownership
//
// [Loops.Start] starts the pollers, one goroutine and thread each, and one clock that serves every deadline; [Loops.Stop] ends them. A poller's
// probe is a socket pair whose inner end it reads. Each [Loops.Ready] sends a nonce through all of them, because neither a start nor a
// successful connect proves that a poller dispatches; every two seconds the clock sends another, which is what [Loops.Lag] reports.
// [Server.Accept] runs on its caller's goroutine. There is no goroutine and no timer per connection.
//
// A listener is borrowed: Accept never closes it. A connection belongs to its poller: others only write to it or shut it down, and the
// poller closes the file. Received bytes are borrowed for the call, bytes given to Write and Reply are not kept.
//
// # Concurrency
//
// Handlers, frame callbacks, the parts of a streamed body and what Drained calls run on the poller that has read the bytes, one at a time for a
// connection, with no lock held. They must not block. gone runs on another goroutine, one per Loops, or on that poller, and must be quick.
// Everything else may be called from anywhere and never blocks.
//
// Lock order: the caller's own (engineio.Socket.mu) → conn.mu → nbio's lock of the connection → agenda.mu → probe.mu → nothing; conn.mu →
// clock.mu, Server.mu, tallies.mu. What nbio calls with its lock held (conn.taken) uses atomics, a system call and the agenda.
//
// A panic in a handler or callback is counted, logged with its stack, and ends that connection only.
//
// # Protocol
//
// HTTP/1.1 and 1.0 after RFC 9110 and RFC 9112, one request in flight per connection: https://www.rfc-editor.org/rfc/rfc9112. The header block,
// at most 16 KiB and 100 fields, is checked line by line before [http.ReadRequest] sees it. Refused with 400: a line that does not end in CRLF;
// a method other than GET, HEAD, POST and OPTIONS; a target that is no absolute path; a version other than 1.0 and 1.1; a name that is no
// token; a control in a value; a folded line; no Host, two, or a wrong one in 1.1; two lengths, or a length that is not just digits; a
// transfer coding other than chunked, with a length, or in 1.0. After an error answer the connection is shut for writing and what still comes is
// discarded for a second, so that the answer is not lost in a reset.
//
// WebSocket after RFC 6455, version 13: https://www.rfc-editor.org/rfc/rfc6455. Frames must be masked and their length minimal. With
// Options.Deflate, permessage-deflate after RFC 7692, always without context takeover in both directions: a compressed frame can be shared
// between clients, and an idle connection keeps no window. MaxMessage holds for what a message inflates to. What is sent is compressed by its
// owner; here it is only agreed on. Inflating is done by the poller: 1 MB of it takes some milliseconds, in which it does nothing else.
//
//	loops := transport.NewLoops(0, 0)
//	server := transport.New(loops, transport.Options{})
//	server.Serve(engineio.NewServer(accept, server, engineio.Options{}))
//	err := loops.Start()
//	proof, err := loops.Ready(ctx)
//	err = server.Accept(ctx, listener)
//
// # Decisions
//
// nbio v1.6.8 is used for its pollers, connections and write queues. Its HTTP and WebSocket packages are not, nor its listeners, timers and
// pooled allocator; each reason is a test in facts_test.go.
//
// Writing first tries write(2) itself under nbio's lock and gives nbio only the rest. nbio's own Write would close the file of a broken
// connection on the writer's goroutine, and an event that the poller had already fetched for it could then end a new connection with the same
// number. Between that try and nbio's there is a window of microseconds in which this can still happen.
//
// What is sent to a connection while it has its turn leaves at the end of that, in one write(2): the answers to all messages that came in one
// piece, or the 101 and what the session says first, by which time its handler knows the client. 50 clients with 16 emits under way each got 429
// instead of 117 thousand acknowledgements a second by it, on one core.
//
// read(2) and write(2) are called without telling Go's scheduler, see rawio.go.
//
// We read ourselves, in a turn of 1 ms at most for each connection that has more to do, so that one client with a flood of frames, requests or
// packets delays the others of its poller by little more; see turn.go. What is left over waits on the poller's agenda, which a nonce through its
// probe wakes, and meanwhile the poller is told by epoll_ctl(2) to look away from that connection. nbio has no word for that and changes the same
// setting when its write queue fills and empties: send and stray set it again. Where that cannot be done (not on Linux, or without /proc), what
// comes is kept up to 2 MiB instead. A pause is the same without the agenda.
//
// nbio treats a peer's FIN as the end after one turn. If a turn ends early and the FIN has come, the rest is read at once and kept, so that
// nothing that came before it is lost: the kernel holds at most 1 MiB for a connection. A client that half-closes while its
// request is parked has left.
//
// nbio's MaxWriteBufferSize is not set: it closes a connection on the writer's goroutine, and for a single large write. The ledger
// (conn.queued) acts before it would.
package transport
