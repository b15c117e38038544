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
// goroutine that read the packet, or that called the method, or on a Recoverer's. Received bytes are borrowed: an [Event] and what an [AckFunc] gets must not be
// kept beyond the call. A [Packet] is encoded once, immutable, and may be sent to any number of sockets. What is kept for a binary packet
// under way, and for a client that awaits nothing, is bounded by [Options].
//
// # Concurrency
//
// Every method may be called from any goroutine and none blocks. A [Handler] and all callbacks are called with no lock held. For one
// socket the handler's methods never overlap, but for the first events of a recovered one, which may come while its Connected runs; Disconnect is
// the last; a Disconnect that becomes due while another method runs is
// called when that has returned, on its goroutine.
//
// Lock order: the table of namespaces, then a shard; a client, then a shard or an acknowledgement. No lock is held during a call into engineio,
// but for the client's while the answer to its CONNECT is sent: the engine takes its socket's lock then, and calls nobody back.
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
// With Options.Parser set to [Msgpack] it speaks what npm's socket.io-msgpack-parser 3.0.2 does, one binary message for each packet. A handler
// sees no difference: arguments are JSON with attachments, which are made only for those who ask; see [Event.JSON]. Only between servers with
// different parsers [Namespace.Relay] rewrites what it relays.
//
// # Recovery
//
// Connection state recovery needs somebody who knows the order of events, and is left to a [Recoverer], as instance/broadcast has one. Without
// one ([Namespace.Recover]) every CONNECT makes a new socket, nothing is kept, and no packet is changed. With one, a client is told a pid, and may come back
// with it: the Recoverer hands over what it kept, a socket under the old id goes through the handler's Connect like any other, and the
// rest of its CONNECT is done when the Recoverer says, on its goroutine: the missed events, then the answer, in one write, then Connected. The
// reference server sends the missed events first, too: its client holds them back until the answer. [Socket.Recovered] tells the handler. Events that
// are to be recovered must come from the Recoverer, with their offset ([Namespace.PrepareStamped]); those of [Socket.Emit] and
// [Namespace.Emit] have none. Unlike the reference server's default, a handler decides about a client that comes back, too, a session is given
// to one socket only, and one that is still held, by a connection that is dead unnoticed, is taken from it.
//
// With the parser [Raw] there is no Socket.IO on the wire at all, only the messages of Engine.IO, so that clients which speak nothing else get the
// same rooms and broadcasts. It is a parser and not a second implementation beside this one, because all that is above the packets is then the
// same code, and whoever does not use it pays nothing.
//
// # Decisions
//
// Payloads are checked but not decoded, so a hub passes on numbers, key order and white space as they came; see [Namespace.Relay]. Pending
// acknowledgements are noted with the socket that was asked, not in one table of the namespace: so a second answer, an answer by a socket
// that was not asked and one that never comes need no care, and all goes with the socket. The ids still come from one counter for each
// namespace, so that one packet serves all its receivers. The room of a socket's own id is its entry in the table of ids. There is no cache
// of encoded packets: the caller holds the Packet.
//
// msgpack is read and written by this package, although there are libraries (tinylib/msgp works on byte slices, too). The clients' dialect gives
// extension type 0 three meanings, so every walk would have to look at each value before the library does, and of the library would be used
// hardly more than what is a table of prefixes here; its limit of nesting is fixed at 100,000; and this package needs nothing but the standard
// library so far. A relayed payload is checked in one walk, without a tree and without an allocation, and copied once. Text in it must be UTF-8:
// the reference repairs what is not, by decoding and encoding everything, and no official client sends it, but browsers end their connection
// when they receive it.
package socketio
