// Package clients holds sockd to what Socket.IO clients that nobody here wrote expect of a server: socket.io-client 4.8 and
// 4.5 under Node, python-socketio as Debian ships it, each over polling, over WebSocket and through the upgrade.
//
// The tests build the binary once, under the race detector, run it with an instance for each client and transport, and
// start the scripts of testdata as processes of their own. A script gets what it needs through its environment and passes
// by ending with 0. What the scripts need is installed by .ci/setup.sh; a missing client is a failure, never a skip.
//
// The package stands beside the command, not below a package that it would test alone, because its subject is the whole:
// file, binary, wire. The leak tests are here too, as their traffic comes from the official client: only the fleet itself
// runs in the test's process, so that its goroutines and descriptors can be counted.
package clients
