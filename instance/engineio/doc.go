// Package engineio keeps Engine.IO 4 sessions: the handshake, polling and websocket, the heartbeat, and the upgrade from one
// transport to the other.
//
// It is a library on the standard library alone. What an [net/http.Handler] cannot give, a websocket and an answer that comes
// later, it takes from a [Host]: package transport has one on real sockets, package enginetest one in memory.
//
//	server := engineio.NewServer(func(s *engineio.Socket) engineio.Session { return &echo{s} }, host, engineio.Options{})
//	go server.Run(ctx)  // the heartbeat
//	host.Serve(server)  // whatever routes requests to server.ServeHTTP
//
//	func (e *echo) Message(p []byte, binary bool) { e.socket.Send(engineio.Text(p)) }
//	func (e *echo) Close(r engineio.Reason)       { log.Print(r) }
//
// Origin and Host checks, CORS and authentication belong in front of [Server.ServeHTTP]; [Refuse] writes the body that clients
// expect of a refusal.
//
// # Ownership
//
// A [Server] has one goroutine, the caller of [Server.Run], for any number of sessions. There is none for a session, a poll or a
// timer: requests and frames are handled on the goroutines of the host that read them. A session lives until its single exit,
// Socket.end, whose every caller names a [Reason]; only then, or for a client that polls when it has fetched its close packet,
// the server forgets it. [Server.Drain] ends them all; Run must go on meanwhile.
//
// Bytes given to [Session] and to [Reply] are borrowed for the call. A [Message] is immutable and may be sent to any number of
// sockets.
//
// # Concurrency
//
// Everything may be called from any goroutine, and nothing blocks. The session is called with no lock held that another method
// takes, so it may call any of them, on its own socket too. Its calls never overlap: an end that comes during a call is told when
// that has returned.
//
// To compress is the one thing that takes a while: see Compression below.
//
// Lock order: Socket.recv (serialises the session's calls), Socket.mu, then one of table shard, clock or counts. Socket.mu is
// held across Conn.Write, Conn.Buffered, Conn.Close and Reply, which never block and never call back.
//
// # Limits
//
// The body of a POST and a message are limited to MaxPayload. What waits for a client is limited to Queue bytes, see [Policy];
// packets of the protocol itself, at most one ping at a time, pass. A websocket that does not upgrade is closed after
// UpgradeTimeout. Whatever is refused or lost is counted in [Stats].
//
// # Back pressure
//
// [Socket.Pause] holds one client back while its messages cannot be handled as fast as they come: on a [Pauser] nothing more is read, and a polling
// client waits for the answer to its POST. A body of very many packets is handled in turns of 1 ms if the host is a [Turner]; its
// answer waits likewise. One POST of a session is under way at a time, from its header to its answer; a second one ends the session.
//
// # Compression
//
// Answers to polls are compressed with gzip or zlib as the client accepts it, messages on a [Deflater] after RFC 7692, both from
// Options.Threshold on, within the call that sends them and for at most 64 KiB of a message or an answer, which takes about half
// a millisecond; what is larger goes out as it is. A message is compressed once for all sockets, by the first that needs it,
// and a batch is put together of what its parts have become. That is why no socket keeps a window from one message to the next,
// and why an idle socket needs no memory for it. Bodies of clients are never decompressed.
//
// # Protocol
//
// https://github.com/socketio/engine.io-protocol and, where it is silent, the behaviour of the reference server, engine.io 6.6:
// https://github.com/socketio/socket.io/tree/main/packages/engine.io
//
// # Decisions
//
// A Message holds websocket frames and nothing else. Polling payloads are derived by walking over the frames, so that a batch is
// one buffer, a broadcast to websockets copies nothing, and a message takes no memory twice.
//
// The clock is one heap with one entry for each socket. A deadline that moves to later leaves its entry alone; when that comes,
// the socket is looked at and put back. A timer for each socket would cost more memory, and a wheel is too coarse: the suite of
// the protocol expects a session to be gone exactly when pingTimeout is over. For the same reason a request first does what is
// overdue for its session.
//
// The handshake is kept as one string and parsed for each call of [Socket.Handshake]: a map of headers would take more than all
// the rest of an idle session.
//
// Compression is that of the standard library at its fastest level, which does 100 MB/s of JSON or more. github.com/klauspost/compress is
// about twice as fast; that is no reason for a library to depend on it. An answer to a poll that can be compressed has
// Vary: Accept-Encoding, which the reference server leaves out.
//
// Differences from the reference server: a close packet on a websocket is obeyed at once; a bad handshake of a websocket is
// refused before the 101; a poll that is pending when the websocket takes over gets 400 with code 3 and not a close packet; a
// poll that was sent together with the client's close packet, on another connection, gets its noop even if it arrives up to 100 ms
// later; a poll of python-engineio gets at most the 16 packets that this client takes; pongs that nobody asked for do not delay the next ping; a message that a poll returned just as its client left is lost, as
// there, but ends the session.
package engineio
