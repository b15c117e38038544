// Package bench puts load on a Socket.IO server, of sockd or of anybody, and measures what comes back: how much, how late, how much of it twice
// or not at all. [Run] does one run; the command sockd bench is its only caller.
//
// A run connects its clients, warms up, measures for a fixed time, waits for what is still under way, and reports. It ends early when its
// context does, with a report on what there was.
//
// # What is measured
//
// Every event carries the run's mark and a sequence number at a fixed place. The generator keeps the time for each number, so that nothing is
// decoded on arrival and no two clocks are compared. In a closed loop (Window) an event is timed from its send; in an open one (Rate) from the
// moment at which it was due, so that a server that stalls is charged for every event that had to wait meanwhile. Latencies go into a histogram
// with buckets of 1.6 %.
//
// A receiver remembers the last 1,024 numbers: one that it has had is doubled, one that it has not had by the end is lost. The end
// comes when nothing has arrived for ten seconds: a server that is silent for longer and delivers then looks as if it had lost.
//
// # Ownership
//
// [Run] starts one goroutine for each thread, locked to it, with an epoll instance, one read buffer and the clients that belong to it. The first
// of them also moves the run from phase to phase and holds the sender. All have ended when Run returns.
//
// # Concurrency
//
// Nothing of a loop is touched by another. What they share is the phase, and for each broadcast the time and the number of receivers that still
// lack it: atomics. Received bytes are borrowed from the loop's buffer until the callback returns. Each queue is bounded by the window, or in an
// open loop by the ring of 65,536 numbers: when that is full, sending waits, and the wait counts as latency.
//
// # Protocol
//
// Engine.IO 4 and Socket.IO 5 (https://socket.io/docs/v4/socket-io-protocol/) with the default parser, over HTTP and WebSocket without TLS.
//
// # Decisions
//
// Why epoll by hand and not nbio or a goroutine for each connection: the generator must not be what is measured, and a thread that parses in
// place on one borrowed buffer has the least to do. Why linux only: the poller (socket_linux.go) has not been needed elsewhere.
//
// Why frames are masked with zeros: masking is demanded of clients, the key is theirs to choose, and zeros save the generator a pass over each
// payload. A server that looked at the key first could save it too; none of those in the benchmarks is known to.
//
// Why reads and writes are raw system calls: the sockets never block, so that Go's scheduler need not be told of each.
package bench
