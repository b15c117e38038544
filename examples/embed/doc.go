// Command embed is a chat server that uses sockd's packages as a library: no daemon, no file, only the protocol and event loops.
//
//	go run ./examples/embed 127.0.0.1:8765
//
// Any Socket.IO client may then emit "join" with the name of a room and "say" with a text, which the others in the room get; the acknowledgement
// tells how many rooms it went to. The test of this folder talks to it over a port, and to the same chat without one, in memory.
//
// What runs, and who ends it: serve starts the event loops, three heartbeats and an accept loop, and ends them when its context does.
package main
