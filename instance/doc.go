// Package instance runs one Socket.IO server that the file declares: it turns its configuration into the options of the packages below,
// routes requests and events, and keeps the order of a start.
//
// An [Instance] is data on event loops that it usually shares with others: a listener that it borrows, an accept loop, and pointers. [New]
// compiles everything and opens nothing, so a configuration that New takes will not fail later for what it says. [Instance.Run] starts in a
// fixed order, each step a signal and not a poll:
//
//	New       patterns and rules are compiled           starting
//	Serve     the fleet lends a bound listener          bound
//	Run       the pollers prove that they dispatch      (Status.ReadyIn)
//	          lanes, heartbeat, journal and broadcasters run
//	          the accept loop runs, Ready is closed     ready
//
// No client is accepted before the last step, and a broadcaster cannot even be made before the third: its constructor asks for the proof.
//
// # Ownership
//
// Run owns every goroutine of the instance: the accept loop, the heartbeat, the connect clock, the lanes' workers and one per namespace. It ends
// them in the reverse order when its context ends: no new connections, clients closed over the drain time, broadcasters and lanes emptied,
// connections gone. Listeners belong to the fleet, which may move one to another instance at any time.
//
// # Events
//
// An event of a client, of a POST, or of the command line passes the rules (package rule) and is then published, answered, handed to the worker, or
// dropped with a counted reason: route.go, judge.go, act.go. What may take over 100 µs, a program, a schema, a public key, a file, is done on the
// instance's work pool, in the order of its origin: once something of a connection waits there, all that follows on that connection does, and when 64
// events wait, nothing more is read from it (order.go). A worker's events carry their own target and pass no rules.
//
// # Limits
//
// What clients may use is bounded before it is read where that is possible: connections of one address at accept, sessions at the handshake, a
// body at its header, events before they are routed ([Instance.Stats] counts each refusal with its layer and reason). The connections of an
// address are counted by the transport and not at the handshake, because who never sends a request is to be limited too; behind a trusted proxy
// a connection counts for the client whose request it carries. The rate of events is kept per connection, over all its namespaces.
//
// # Protocol
//
// With protocol "engine.io" the same parts carry plain messages, see socketio.Raw: rooms, order and limits are those of a Socket.IO instance.
//
// # Concurrency
//
// What an edit may change while clients stay connected stands in one immutable settings value behind an atomic pointer; [Instance.Apply]
// swaps it. Requests and events run on poller goroutines, or on the work pool, and never block. Lock order, outermost first: namespaces → broadcaster → lanes;
// a shard of rooms is released before a socket's lock is taken; socket → nbio.
package instance
