// Package clients holds sockd to what clients that nobody here wrote expect of a server: socket.io-client 4.8, 4.7, 4.5 and
// 4.1 and engine.io-client 6 under Node, python-socketio as Debian ships it, each over polling, over WebSocket and through
// the upgrade; with the msgpack parser, with connection state recovery, with permessage-deflate as Node's ws has it; and the
// bundles for browsers, as sockd itself serves them.
//
// Servers without code are held to the same: each example of the repository is run as it is, by clients that behave as those it is made for, and what
// rules, HTTP, tokens and workers promise is asked for over sockets only.
//
// The tests build the binary once under the race detector, and once as it is released for what is a matter of milliseconds. TestMatrix runs it once, with an instance for each client and
// transport, and starts the scripts of testdata as processes of their own. A script gets what it needs through its environment
// and passes by ending with 0; it is killed when it takes too long, and when the test's process ends in whatever way. What the
// scripts need is installed by .ci/setup.sh; a missing client is a failure, never a skip.
//
// The package stands beside the command, not below a package that it would test alone, because its subject is the whole:
// file, binary, wire. The leak tests are here too, as their traffic comes from the official client: only the fleet itself
// runs in the test's process, so that its goroutines and descriptors can be counted.
package clients
