// Package socketio is a Socket.IO 5 server on top of Engine.IO sessions: packets, namespaces, rooms and acknowledgements.
//
//	io := socketio.NewServer(socketio.Options{})
//	var mux socketio.Mux
//	mux.On("chat", func(s *socketio.Socket, e *socketio.Event) {
//		_ = io.Of("/").Emit(socketio.Selector{Skip: s.ID()}, "chat", e.Args()[0])
//	})
//	io.Of("/").Handle(&mux)
//	engine := engineio.NewServer(io.Accept, host, engineio.Options{})
//	go io.Run(ctx)     // connect timeouts
//	go engine.Run(ctx) // heartbeat
//
// The host is whatever serves the requests: see [engineio.Host]. The package's example runs on one in memory.
//
// # Ownership
//
// The package has one goroutine, the caller of [Server.Run], which closes connections that join nothing. All else happens on the
// goroutine that read the packet, or that called the method. Received bytes are borrowed: an [Event] and what an [AckFunc] gets must not be
// kept beyond the call. A [Packet] is encoded once, immutable, and may be sent to any number of sockets. What is kept for a binary packet
// under way, and for a client that awaits nothing, is bounded by [Options].
//
// # Concurrency
//
// Every method may be called from any goroutine and none blocks. A [Handler] and all callbacks are called with no lock held. For one
// socket the handler's methods never overlap, and Disconnect is the last; a Disconnect that becomes due while another method runs is
// called when that has returned, on its goroutine.
//
// Lock order: the table of namespaces, then a shard; a client, then an acknowledgement. A shard's lock and a client's are never held
// together, and none is held during a call into engineio.
//
// The sockets of a namespace are divided into shards by a hash of their id. [Namespace.Each] copies those that are meant and works on the
// copy, so that a slow client delays nobody and a callback may join, leave and disconnect.
//
// A panic in a handler passes through to the host, which is expected to recover and to close the connection; the socket then leaves as
// usual.
//
// # Protocol
//
// https://github.com/socketio/socket.io/tree/main/docs/socket.io-protocol, revision 5, and the behaviour of socket.io 4.8 where that says
// less. On purpose it is stricter in numbers (only digits; ids of 64 bits) and more lenient in one case: packets that were under way when
// the server put the socket out of a namespace are ignored, while the reference server closes the whole connection. A malformed packet ends
// the connection with the reason "forced close", one that is not allowed at its point with "forced server close".
//
// # Decisions
//
// Payloads are checked but not decoded, so a hub passes on numbers, key order and white space as they came; see [Namespace.Relay]. Pending
// acknowledgements are noted with the socket that was asked, not in one table of the namespace: so a second answer, an answer by a socket
// that was not asked and one that never comes need no care, and all goes with the socket. The ids still come from one counter for each
// namespace, so that one packet serves all its receivers. The room of a socket's own id is its entry in the table of ids. There is no cache
// of encoded packets: the caller holds the Packet.
package socketio
