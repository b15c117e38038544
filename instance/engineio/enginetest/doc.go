// Package enginetest has an in-memory [engineio.Host] and a client for it, for tests of sessions without a network.
//
//	host := enginetest.NewHost()
//	server := engineio.NewServer(accept, host, engineio.Options{})
//	host.Serve(server)
//	client := host.Client()
//	open, err := client.Handshake() // polling
//	client.Post("4hello")
//	fmt.Println(client.Get().Body)
//	conn, err := client.Upgrade() // the same session, on a websocket
//	conn.Send("4hello again")
//	frame, err := conn.Recv()
//
// # Ownership
//
// The host has no goroutine of its own. A request is served on the goroutine of the client that makes it, and a frame on the
// goroutine of the client that sends it. Only the gone callbacks, and what goes on after a pause or in another turn, run on a
// fresh goroutine each, because a host must never call them from inside another call. So everything works in a bubble of
// testing/synctest, where waiting costs no time: see [Client.Patience].
//
// # Concurrency
//
// All methods may be called from any goroutine. One goroutine at a time may wait in [Conn.Recv] of a connection.
//
// # What it checks
//
// Frames that a server writes must be whole, unmasked, of minimal length, compressed only if that was agreed on (see
// [Host.Deflate]) and, for text, UTF-8. The first that is not ends its connection, and [Host.Err] tells. Bytes that a server may only borrow are overwritten after the call.
package enginetest
